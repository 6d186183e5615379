/**
 * The inside of a guest thread for the benches that measure in process: modules compiled as the gateway does it, and calls
 * of them on this thread. The one file of benches/ that knows src/runtime from inside; what it gives is
 *
 *   recycled()   what a guest thread does for a call: the instance that the last call left, restored after this one
 *   fresh()      the original module, an instance for each call
 *   steps()      a warm instance whose call and restore are timed apart
 *   reused()     the original, one instance for all calls and nothing restored: not isolation, a floor to compare with
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as callArguments from "../../src/arguments.ts";
import type * as calls from "../../src/calls.ts";
import type * as digest from "../../src/digest.ts";
import type * as runtimeAbiJsonPointer from "../../src/runtime/abi/json-pointer.ts";
import type * as runtimeArena from "../../src/runtime/arena.ts";
import type * as runtimeCompiler from "../../src/runtime/compiler.ts";
import type * as runtimeGuestMemory from "../../src/runtime/guest-memory.ts";
import type * as runtimeInstance from "../../src/runtime/instance.ts";
import type * as runtimeInstances from "../../src/runtime/instances.ts";
import type * as runtimeWasiHost from "../../src/runtime/wasi/host.ts";
import type * as wasmContract from "../../src/wasm/contract.ts";
import type * as wasmInspect from "../../src/wasm/inspect.ts";
import type * as wasmLimits from "../../src/wasm/limits.ts";
import type * as wasmPrepare from "../../src/wasm/prepare.ts";
import type { Task } from "../../src/runtime/instances.ts";
import type { Guest } from "../../src/runtime/guest.ts";
import type { Surroundings } from "../../src/runtime/instance.ts";
import type { LoadedModule, Outcome, Program } from "../../src/runtime/protocol.ts";
import { moduleOf, type Sample } from "./samples.ts";

/** Makes one call; what it answers has been checked by whoever made it. */
export type Once = () => string;

/** A call and a restore, to be timed one by one; `restore` false: the instance is spent, and the next is new. */
export type Steps = { readonly call: Once; readonly restore: () => boolean };

type Recyclable = Extract<LoadedModule, { kind: "recyclable" }>;
type Sources = Awaited<ReturnType<typeof importSources>>;

const memoryPages = 4096;
const limits = { memoryPages, timeoutMs: 60_000, outputBytes: 4 * 2 ** 20, stderrBytes: 65_536 };
/** A reused guest never frees what it answered. */
const reusedCalls = 1000;

/** The runtime of a checkout, in this thread. */
export class Engine {
  readonly #sources: Sources;
  readonly #compiler: InstanceType<Sources["Compiler"]>;
  readonly #folder: string;
  readonly #around: Surroundings;

  /** Opens the runtime of a checkout; whoever opens it closes it. */
  static async open(checkout: string): Promise<Engine> {
    return new Engine(await importSources(checkout));
  }

  private constructor(sources: Sources) {
    this.#sources = sources;
    this.#folder = mkdtempSync(join(tmpdir(), "wasmgate-engine-"));
    process.once("exit", () => rmSync(this.#folder, { recursive: true, force: true }));
    const arena = new sources.Arena();
    this.#compiler = new sources.Compiler({
      ...{ timeoutMs: 60_000, limits: sources.defaultModuleLimits },
      ...{ rewrittenFolder: join(this.#folder, "rewritten"), arena, memoryPages, verifyRestore: false },
    });
    const pages = sources.markPagesFor(memoryPages);
    const host = new sources.WasiHost();
    this.#around = {
      ...{ flag: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }), flagAt: 0 },
      ...{ marks: new WebAssembly.Memory({ initial: pages, maximum: pages }), arena: arena.memory },
      ...{ memoryPages, host, wasiImports: host.imports },
    };
  }

  async close(): Promise<void> {
    await this.#compiler.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Compiles a sample and returns its ways of being called. */
  async open(sample: Sample): Promise<{ recycled: Once; fresh: Once; steps: () => Steps; reused: () => Once }> {
    const { Instances, inspect, chooseContract, callOf, readArguments, defaultModuleLimits } = this.#sources;
    const bytes = moduleOf(sample);
    const { digest, loaded } = await this.#compile(bytes);
    const wish = { functionName: sample.name, wasiCap: sample.wasi };
    const contract = chooseContract(inspect(bytes, defaultModuleLimits), wish);
    const program: Program = { key: `bench/${sample.name}`, digest, contract, env: [], limits };
    const args = readArguments({ text: JSON.stringify(sample.args), value: sample.args });
    const { input } = callOf(program, { namespace: "bench", name: sample.name, args, limits: {} });
    const run = (module: LoadedModule): Once => {
      const instances = new Instances(this.#around, { idleBytes: 2 ** 30, idleInstances: 16, verifyRestore: false });
      const task: Task = { program, loaded: module, input, limits };
      return () => answerOf(sample, instances.run(task));
    };
    const task: Task = { program, loaded, input, limits };
    return {
      recycled: run(recyclable(sample.name, loaded)),
      fresh: run(await this.#asIs(bytes)),
      steps: () => this.#steps(sample, task),
      reused: () => this.#reused(sample, task, bytes),
    };
  }

  /** Returns the export "run" of a module without imports, as it is or as it was rewritten. */
  async kernel(
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<Record<"original" | "tracked" | "untracked", () => (seed: number) => number>> {
    const { loaded } = await this.#compile(bytes);
    const module = recyclable(name, loaded);
    const original = await WebAssembly.compile(bytes);
    const rewritten = (tracked: boolean) => () => runOf(this.#warm(module, { tracked, wasi: false }).guest.exports);
    return {
      original: () => runOf(new WebAssembly.Instance(original, {}).exports),
      ...{ tracked: rewritten(true), untracked: rewritten(false) },
    };
  }

  async #compile(bytes: Uint8Array<ArrayBuffer>) {
    const digest = this.#sources.digestOf(bytes);
    const path = join(this.#folder, digest.replace(":", "-"));
    writeFileSync(path, bytes);
    return { digest, ...(await this.#compiler.compile({ path, digest })) };
  }

  /** The original, without its custom sections and with its memory made by the host: what runs where nothing is recycled. */
  async #asIs(bytes: Uint8Array): Promise<LoadedModule> {
    const { bytes: prepared, memories } = this.#sources.prepare(bytes);
    return { kind: "as-is", module: await WebAssembly.compile(prepared), memories, reason: "the baseline of a bench" };
  }

  #warm(loaded: Recyclable, { tracked, wasi }: { readonly tracked: boolean; readonly wasi: boolean }) {
    const image = loaded.image === undefined ? {} : { image: loaded.image };
    const variant = tracked ? loaded.tracked : loaded.untracked;
    const making = { variant, ...image, tracked, wasi, headroomPages: 16 };
    const made = new this.#sources.Instance(making, this.#around);
    made.initialize(loaded.initialized ?? []);
    made.save();
    return made;
  }

  #steps(sample: Sample, { program, loaded, input }: Task): Steps {
    const make = () => this.#warm(recyclable(sample.name, loaded), { tracked: true, wasi: sample.wasi });
    let made = make();
    return {
      call: () => answerOf(sample, this.#enter(made.guest, program, input)),
      restore: () => {
        if (made.restore()) return true;
        made.retire();
        made = make();
        return false;
      },
    };
  }

  #reused(sample: Sample, { program, input }: Task, bytes: Uint8Array): Once {
    const { prepare, GuestMemory } = this.#sources;
    const { bytes: prepared, memories } = prepare(bytes);
    const module = new WebAssembly.Module(new Uint8Array(prepared));
    const make = (): Guest => {
      const imports: WebAssembly.Imports = {};
      let memory: { memory?: InstanceType<typeof GuestMemory> } = {};
      for (const { module: from, name, minPages, maxPages = memoryPages } of memories) {
        const made = new WebAssembly.Memory({ initial: minPages, maximum: Math.min(maxPages, memoryPages) });
        imports[from] = { ...imports[from], [name]: made };
        memory = { memory: new GuestMemory(made) };
      }
      return { exports: new WebAssembly.Instance(module, imports).exports, ...memory };
    };
    let guest = make();
    let left = reusedCalls;
    return () => {
      if (--left === 0) [guest, left] = [make(), reusedCalls];
      return answerOf(sample, this.#enter(guest, program, input));
    };
  }

  #enter(guest: Guest, { contract }: Program, input: Task["input"]): Outcome {
    if (contract.kind !== "json-pointer" || input.kind !== "json-pointer")
      throw new Error("only json-pointer is timed so");
    return this.#sources.callJsonPointer(guest, { contract, input, limits });
  }
}

async function importSources(checkout: string) {
  const from = <T>(path: string): Promise<T> => import(pathToFileURL(join(checkout, "src", path)).href) as Promise<T>;
  return {
    ...(await from<typeof runtimeCompiler>("runtime/compiler.ts")),
    ...(await from<typeof runtimeArena>("runtime/arena.ts")),
    ...(await from<typeof runtimeInstances>("runtime/instances.ts")),
    ...(await from<typeof runtimeInstance>("runtime/instance.ts")),
    ...(await from<typeof runtimeGuestMemory>("runtime/guest-memory.ts")),
    ...(await from<typeof runtimeWasiHost>("runtime/wasi/host.ts")),
    ...(await from<typeof runtimeAbiJsonPointer>("runtime/abi/json-pointer.ts")),
    ...(await from<typeof wasmPrepare>("wasm/prepare.ts")),
    ...(await from<typeof wasmInspect>("wasm/inspect.ts")),
    ...(await from<typeof wasmLimits>("wasm/limits.ts")),
    ...(await from<typeof wasmContract>("wasm/contract.ts")),
    ...(await from<typeof callArguments>("arguments.ts")),
    ...(await from<typeof calls>("calls.ts")),
    ...(await from<typeof digest>("digest.ts")),
  };
}

function recyclable(name: string, loaded: LoadedModule): Recyclable {
  if (loaded.kind === "recyclable") return loaded;
  throw new Error(`${name} is not recycled: ${loaded.reason}`);
}

const decoder = new TextDecoder();

/** Reads an answer. @throws {Error} when it is not the sample's */
function answerOf({ name, answer, wasi }: Sample, outcome: Outcome): string {
  const exited = outcome.kind === "exited" && outcome.exitCode === 0;
  if (outcome.kind !== "returned" && !exited) throw new Error(`${name} ended so: ${JSON.stringify(outcome)}`);
  const text = decoder.decode(outcome.output);
  if ((wasi ? text.replace(/\n$/, "") : text) === answer) return text;
  throw new Error(`${name} answered ${text}, expected ${answer}`);
}

function runOf(exports: WebAssembly.Exports): (seed: number) => number {
  const { run } = exports;
  if (typeof run !== "function") throw new Error("the guest has no export named run");
  return run as (seed: number) => number;
}
