/**
 * Calls samples as the contracts say, with nothing of Wasmgate in between: WebAssembly itself for exports, Node's own
 * WASI in a child process for commands.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

type Result = number | bigint | readonly number[];
type Export = (...args: readonly (number | bigint)[]) => Result;

/** What a WASI module did: a command's result is its exit code, a reactor's what its export returned. */
export type Ended = { readonly result: number; readonly stdout: string; readonly stderr: string };

/** Calls a numeric export of a fresh instance. */
export async function callScalars(
  module: WebAssembly.Module,
  name: string,
  args: readonly (number | bigint)[],
): Promise<Result> {
  return exported(await WebAssembly.instantiate(module, {}), name)(...args);
}

/** Gives a fresh instance text at __heap_base, in pages grown for it, and reads the pair or the packed answer. */
export async function callText(module: WebAssembly.Module, name: string, text: string): Promise<string> {
  const instance = await WebAssembly.instantiate(module, {});
  const { memory, __heap_base: base } = instance.exports;
  if (!(memory instanceof WebAssembly.Memory) || !(base instanceof WebAssembly.Global)) throw new Error("no memory");
  const input = new TextEncoder().encode(text);
  memory.grow(Math.ceil((input.length + 1) / 65536));
  const at = Number(base.value);
  new Uint8Array(memory.buffer).set(input, at);
  const [pointer, length] = pair(exported(instance, name)(at, input.length));
  return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(memory.buffer, pointer, length));
}

/** Runs a WASI command once for each argv. */
export function runCommand(path: string, argvs: readonly (readonly string[])[]): readonly Ended[] {
  return runChild([path], argvs);
}

/** Calls an export of a WASI reactor once for each list of numbers. */
export function runReactor(path: string, name: string, calls: readonly (readonly number[])[]): readonly Ended[] {
  return runChild(
    [path, name],
    calls.map((call) => call.map(String)),
  );
}

function runChild(args: readonly string[], argvs: readonly (readonly string[])[]): readonly Ended[] {
  const script = join(import.meta.dirname, "wasi-child.ts");
  const child = spawnSync(process.execPath, ["--no-warnings", script, ...args], {
    input: JSON.stringify(argvs),
    encoding: "utf8",
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as Ended[];
}

function exported(instance: WebAssembly.Instance, name: string): Export {
  const found = instance.exports[name];
  if (typeof found !== "function") throw new Error(`no function ${name}`);
  return found as Export;
}

function pair(result: Result): [number, number] {
  if (typeof result === "bigint") return [Number(BigInt.asUintN(64, result) >> 32n), Number(result & 0xffffffffn)];
  if (typeof result === "number") throw new Error("one number is no pointer and length");
  return [(result[0] ?? 0) >>> 0, (result[1] ?? 0) >>> 0];
}
