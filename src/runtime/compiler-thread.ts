/**
 * The entry of the compiler's thread: a module's path in; inspected, rewritten, compiled and a snapshot of it out, or
 * the reason against it.
 *
 *   file -> inspect -> validated as it is -> rewritten in two variants (or read from disk) -> compiled -> snapshot
 *                                                \-- cannot be walked, or does not compile --> prepared, compiled as it is
 */
import { readFileSync } from "node:fs";
import { workerData } from "node:worker_threads";
import { algorithmOf, digestOf } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import { exportState } from "../wasm/exported-state.ts";
import { inspect, type ModuleInfo } from "../wasm/inspect.ts";
import { prepare, rewrite, type Rewritten } from "../wasm/rewrite.ts";
import type { CompileAnswer, CompilerData, CompileTask, Draft } from "./compiler.ts";
import type { Variant } from "./protocol.ts";
import { readRewritten, writeRewritten } from "./rewritten-files.ts";
import { takeSnapshot, type Snapshot } from "./snapshot.ts";
import { WasiHost } from "./wasi/host.ts";

type Forms = { readonly tracked: Rewritten; readonly untracked: Rewritten };

const data = workerData as CompilerData;
const marks = new WebAssembly.Memory({ initial: data.markPages, maximum: data.markPages });
const busy = new Int32Array(data.flag.buffer);

/** Compiles one module. */
export default async function compileModule(task: CompileTask): Promise<CompileAnswer> {
  try {
    const bytes = readModule(task);
    const info = inspect(bytes, task.limits);
    const forms = formsOf(task, bytes);
    const draft = typeof forms === "string" ? undefined : await compileForms(forms, info);
    return { ok: true, info, draft: draft ?? (await compileAsIs(bytes, typeof forms === "string" ? forms : tooLarge)) };
  } catch (error) {
    if (error instanceof GatewayError) return { ok: false, code: error.code, message: error.message };
    if (error instanceof WebAssembly.CompileError) {
      return { ok: false, code: "MODULE_INVALID", message: error.message.replace(/^WebAssembly\.compile\(\): /, "") };
    }
    throw error;
  }
}

const tooLarge = "its rewritten form exceeds a limit of the engine";

/** Returns both variants, or why there are none. What is invalid as it is must not become valid by being rewritten. */
function formsOf({ rewrittenFolder: folder, digest }: CompileTask, bytes: Uint8Array<ArrayBuffer>): Forms | string {
  const [tracked, untracked] = (["tracked", "untracked"] as const).map((variant) => {
    return readRewritten({ folder, digest, variant });
  });
  if (tracked !== undefined && untracked !== undefined) return { tracked, untracked };
  if (!WebAssembly.validate(bytes)) throw new WebAssembly.CompileError(whyInvalid(bytes));
  const made = { tracked: rewrite(bytes, { tracked: true }), untracked: rewrite(bytes, { tracked: false }) };
  if (!made.tracked.rewritten) return made.tracked.reason;
  if (!made.untracked.rewritten) return made.untracked.reason;
  writeRewritten({ folder, digest, variant: "tracked" }, made.tracked);
  writeRewritten({ folder, digest, variant: "untracked" }, made.untracked);
  return { tracked: made.tracked, untracked: made.untracked };
}

/** Compiles the variants and takes the snapshot; undefined when the engine does not take what the rewriter made. */
async function compileForms({ tracked, untracked }: Forms, info: ModuleInfo): Promise<Draft | undefined> {
  try {
    const plain = await compiled(untracked);
    if (untracked.recyclable !== true) return { kind: "single-use", variant: plain, reason: untracked.recyclable };
    const marking = await compiled(tracked);
    const snapshot = snapshotOf(marking, info);
    if (snapshot === undefined)
      return { kind: "single-use", variant: plain, reason: "cannot be instantiated as it is" };
    return { kind: "recyclable", tracked: marking, untracked: plain, ...snapshot };
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return undefined;
    throw error;
  }
}

async function compiled({ bytes, imports, exports }: Rewritten): Promise<Variant> {
  if (!data.verifyRestore) return { module: await WebAssembly.compile(bytes), imports, exports };
  const { bytes: visible, names: state } = exportState(bytes);
  return { module: await WebAssembly.compile(visible), imports, exports, state };
}

/** Takes the snapshot while the ingress watches the time: it makes the flag negative when an initializer takes too long. */
function snapshotOf(variant: Variant, info: ModuleInfo): Snapshot | undefined {
  const host = new WasiHost();
  Atomics.store(busy, 0, 1);
  try {
    const { flag, arena, memoryPages } = data;
    return takeSnapshot(variant, info, { flag, marks, arena, memoryPages, host, wasiImports: host.imports });
  } catch (error) {
    // Its data or elements lie out of bounds: every call shall meet that trap, not the deploy.
    if (error instanceof WebAssembly.RuntimeError) return undefined;
    throw error;
  } finally {
    Atomics.store(busy, 0, 0);
  }
}

async function compileAsIs(bytes: Uint8Array, reason: string): Promise<Draft> {
  const { bytes: prepared, memories } = prepare(bytes);
  return { kind: "as-is", module: await WebAssembly.compile(prepared), memories, reason };
}

function whyInvalid(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    new WebAssembly.Module(bytes);
    return "the module is not valid";
  } catch (error) {
    return Error.isError(error) ? error.message : String(error);
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
