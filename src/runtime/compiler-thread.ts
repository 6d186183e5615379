/** The entry of the compiler's thread: a module's path in, the compiled module or the reason against it out. */
import { readFileSync } from "node:fs";
import { algorithmOf, digestOf } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import { inspect } from "../wasm/inspect.ts";
import { prepare } from "../wasm/rewrite.ts";
import type { CompileAnswer, CompileTask } from "./compiler.ts";

/** Compiles one module. */
export default async function compileModule(task: CompileTask): Promise<CompileAnswer> {
  try {
    const bytes = readModule(task);
    const info = inspect(bytes, task.limits);
    const prepared = prepare(bytes);
    const module = await WebAssembly.compile(prepared.bytes);
    return { ok: true, info, loaded: { module, memories: prepared.memories } };
  } catch (error) {
    if (error instanceof GatewayError) return { ok: false, code: error.code, message: error.message };
    if (error instanceof WebAssembly.CompileError) {
      return { ok: false, code: "MODULE_INVALID", message: error.message.replace(/^WebAssembly\.compile\(\): /, "") };
    }
    throw error;
  }
}

function readModule({ path, digest }: CompileTask): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new GatewayError("MODULE_UNAVAILABLE", `the file of module ${digest} is missing`, { cause });
  }
  const found = digestOf(bytes, algorithmOf(digest));
  if (found !== digest) {
    throw new GatewayError("MODULE_UNAVAILABLE", `the file of module ${digest} is damaged: its digest is ${found}`);
  }
  return bytes;
}
