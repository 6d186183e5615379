/**
 * Compiling, away from the ingress thread: a module's file is read, checked against its digest, inspected, prepared
 * (wasm/rewrite.ts) and compiled in a thread of its own; what comes back is shared with every guest thread.
 */
import { extname } from "node:path";
import { Piscina } from "piscina";
import type { Digest } from "../digest.ts";
import { GatewayError, type ErrorCode } from "../errors.ts";
import { Turns } from "../turns.ts";
import type { ModuleInfo, ModuleLimits } from "../wasm/inspect.ts";
import type { LoadedModule } from "./protocol.ts";

/** How compiling is bounded. */
export type CompilerOptions = { readonly timeoutMs: number; readonly limits: ModuleLimits };

/** A file that holds a module. */
export type ModuleFile = { readonly path: string; readonly digest: Digest };

/** What the ingress learns about a module by having it compiled. */
export type Compiled = { readonly info: ModuleInfo; readonly loaded: LoadedModule };

/** What compiler-thread.ts is asked; limits come with every question, the thread keeps nothing. */
export type CompileTask = ModuleFile & { readonly limits: ModuleLimits };

/** What compiler-thread.ts answers: failure is data, for an Error loses its class on the way. */
export type CompileAnswer =
  ({ readonly ok: true } & Compiled) | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** A module is bytes of at most 64 MiB and what is decoded of them; a heap beyond this is an attack or a bug. */
const heapMiB = 1024;

/** Compiles modules, one at a time. */
export class Compiler {
  readonly #options: CompilerOptions;
  readonly #piscina: Piscina;
  /** A task is sent when the thread is free for it, so that its time does not begin behind another's. */
  readonly #turns = new Turns();
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
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
  }

  /**
   * Reads and compiles a module.
   * @throws {GatewayError} MODULE_UNAVAILABLE (no such file, or its bytes are not those of the digest), MODULE_INVALID,
   * IMAGE_UNSUPPORTED (a component), SHUTTING_DOWN
   */
  async compile(file: ModuleFile): Promise<Compiled> {
    const task: CompileTask = { ...file, limits: this.#options.limits };
    const answer = await this.#turns.take("thread", () => this.#run(task));
    if (!answer.ok) throw new GatewayError(answer.code, answer.message);
    return { info: answer.info, loaded: answer.loaded };
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
    try {
      return (await this.#piscina.run(task, { signal })) as CompileAnswer;
    } catch (cause) {
      if (this.#closed) throw stopping;
      const seconds = this.#options.timeoutMs / 1000;
      const why = signal.aborted ? `took longer than ${seconds} s` : "needed more memory than a module may";
      throw new GatewayError("MODULE_INVALID", `compiling module ${task.digest} ${why}`, { cause });
    }
  }
}
