/**
 * Compiling, away from the ingress thread: a module's file is read, checked against its digest, inspected, rewritten
 * (wasm/rewrite.ts), compiled, and a snapshot of it taken, in a thread of its own; what comes back is shared with every
 * guest thread. The snapshot's memory goes into the arena here, since only the ingress gives out its space.
 */
import { extname } from "node:path";
import { Piscina } from "piscina";
import type { Digest } from "../digest.ts";
import { GatewayError, type ErrorCode } from "../errors.ts";
import { Turns } from "../turns.ts";
import type { ModuleInfo, ModuleLimits } from "../wasm/inspect.ts";
import type { Arena } from "./arena.ts";
import { markPagesFor } from "./instance.ts";
import type { LoadedModule } from "./protocol.ts";

/** How compiling is bounded, and where its results go. */
export type CompilerOptions = {
  readonly timeoutMs: number;
  readonly limits: ModuleLimits;
  /** Where rewritten modules are kept. */
  readonly rewrittenFolder: string;
  readonly arena: Arena;
  /** The most that any guest's memory may grow to. */
  readonly memoryPages: number;
  /** Compile rewritten modules so that all of their state can be read. */
  readonly verifyRestore: boolean;
};

/** A file that holds a module. */
export type ModuleFile = { readonly path: string; readonly digest: Digest };

/** What the ingress learns about a module by having it compiled. */
export type Compiled = { readonly info: ModuleInfo; readonly loaded: LoadedModule };

/** What compiler-thread.ts is born with. */
export type CompilerData = {
  /** Its first word is 1 while an initializer runs; the guest stops when it becomes negative. */
  readonly flag: WebAssembly.Memory;
  readonly arena: WebAssembly.Memory;
  readonly memoryPages: number;
  readonly markPages: number;
  readonly verifyRestore: boolean;
};

/** What compiler-thread.ts is asked; limits come with every question, the thread keeps nothing. */
export type CompileTask = ModuleFile & { readonly limits: ModuleLimits; readonly rewrittenFolder: string };

/** A module whose image has no place yet. */
export type Draft =
  | Exclude<LoadedModule, { kind: "recyclable" }>
  | (Omit<Extract<LoadedModule, { kind: "recyclable" }>, "image"> & { readonly image?: Uint8Array });

/** What compiler-thread.ts answers: failure is data, for an Error loses its class on the way. */
export type CompileAnswer =
  | { readonly ok: true; readonly info: ModuleInfo; readonly draft: Draft }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** An initializer that takes longer runs for each call instead of before the snapshot. */
const initializeMs = 1000;
const watchMs = 100;

/** A module is bytes of at most 64 MiB and what is decoded of them; a heap beyond this is an attack or a bug. */
const heapMiB = 1024;

/** Compiles modules, one at a time. */
export class Compiler {
  readonly #options: CompilerOptions;
  readonly #piscina: Piscina;
  /** A task is sent when the thread is free for it, so that its time does not begin behind another's. */
  readonly #turns = new Turns();
  readonly #flag = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  #closed = false;

  constructor(options: CompilerOptions) {
    this.#options = options;
    this.#piscina = new Piscina({
      filename: new URL(`./compiler-thread${extname(import.meta.url)}`, import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      atomics: "disabled",
      recordTiming: false,
      env: {},
      argv: [],
      workerData: {
        flag: this.#flag,
        arena: options.arena.memory,
        memoryPages: options.memoryPages,
        markPages: markPagesFor(options.memoryPages),
        verifyRestore: options.verifyRestore,
      } satisfies CompilerData,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
  }

  /**
   * Reads and compiles a module.
   * @throws {GatewayError} MODULE_UNAVAILABLE (no such file, or its bytes are not those of the digest), MODULE_INVALID,
   * IMAGE_UNSUPPORTED (a component), SHUTTING_DOWN
   */
  async compile(file: ModuleFile): Promise<Compiled> {
    const { limits, rewrittenFolder } = this.#options;
    const task = { ...file, limits, rewrittenFolder };
    const answer = await this.#turns.take("thread", () => this.#run(task));
    if (!answer.ok) throw new GatewayError(answer.code, answer.message);
    return { info: answer.info, loaded: this.#place(file.digest, answer.draft) };
  }

  /** Gives a snapshot's memory its place in the arena; where there is none left, the module is not recycled. */
  #place(digest: Digest, draft: Draft): LoadedModule {
    if (draft.kind !== "recyclable") return draft;
    const { image: bytes, ...rest } = draft;
    if (bytes === undefined) return rest;
    const image = this.#options.arena.keep(`${digest} ${(rest.initialized ?? ["-"]).join()}`, bytes);
    if (image !== undefined) return { ...rest, image };
    return { kind: "single-use", variant: rest.untracked, reason: "there is no room for its snapshot" };
  }

  /** Ends the thread; a compilation under way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#piscina.destroy();
  }

  async #run(task: CompileTask): Promise<CompileAnswer> {
    const stopping = new GatewayError("SHUTTING_DOWN", "the gateway is stopping");
    if (this.#closed) throw stopping;
    const signal = AbortSignal.timeout(this.#options.timeoutMs);
    const watch = this.#watchInitializer();
    try {
      return (await this.#piscina.run(task, { signal })) as CompileAnswer;
    } catch (cause) {
      if (this.#closed) throw stopping;
      const seconds = this.#options.timeoutMs / 1000;
      const why = signal.aborted ? `took longer than ${seconds} s` : "needed more memory than a module may";
      throw new GatewayError("MODULE_INVALID", `compiling module ${task.digest} ${why}`, { cause });
    } finally {
      clearInterval(watch);
    }
  }

  /** Stops an initializer that runs for too long. */
  #watchInitializer(): NodeJS.Timeout {
    const words = new Int32Array(this.#flag.buffer);
    Atomics.store(words, 0, 0);
    let seenMs = 0;
    return setInterval(() => {
      if (Atomics.load(words, 0) !== 1) return;
      seenMs += watchMs;
      if (seenMs >= initializeMs) Atomics.compareExchange(words, 0, 1, -1);
    }, watchMs);
  }
}
