/**
 * Runs a module under Node's own WASI, once for each argv in the JSON array on stdin, and prints how each run ended.
 *
 *   node wasi-child.ts command.wasm            calls _start
 *   node wasi-child.ts reactor.wasm EXPORT     calls _initialize, then the export with argv as its numbers
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WASI } from "node:wasi";

const [, , path = "", exportName] = process.argv;
const folder = mkdtempSync(join(tmpdir(), "wasmgate-wasi-"));
try {
  const module = await WebAssembly.compile(readFileSync(path));
  const argvs = JSON.parse(readFileSync(0, "utf8")) as string[][];
  const ended = [];
  for (const argv of argvs) ended.push(await run(module, argv));
  process.stdout.write(JSON.stringify(ended));
} finally {
  rmSync(folder, { recursive: true });
}

async function run(module: WebAssembly.Module, args: string[]): Promise<unknown> {
  const files = { stdout: openSync(join(folder, "stdout"), "w"), stderr: openSync(join(folder, "stderr"), "w") };
  const wasi = new WASI({ version: "preview1", args, env: {}, returnOnExit: true, ...files });
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
  const result = exportName === undefined ? wasi.start(instance) : react(wasi, instance, args);
  closeSync(files.stdout);
  closeSync(files.stderr);
  return {
    result,
    stdout: readFileSync(join(folder, "stdout"), "utf8"),
    stderr: readFileSync(join(folder, "stderr"), "utf8"),
  };
}

function react(wasi: WASI, instance: WebAssembly.Instance, args: readonly string[]): unknown {
  wasi.initialize(instance);
  const entry = instance.exports[exportName ?? ""];
  if (typeof entry !== "function") throw new Error(`no function ${exportName}`);
  return (entry as (...numbers: readonly number[]) => unknown)(...args.map(Number));
}
