/**
 * The guest threads themselves: how they are made, what they may take of the machine, when one is really gone.
 * Piscina keeps as many as there should be, adds spares when more batches are out than that, and replaces what ends.
 */
import { extname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Piscina } from "piscina";
import type { Control } from "./control.ts";
import type { Batch, Ended } from "./protocol.ts";

/** How long a spare thread stays when nothing needs it. */
const spareIdleMs = 10_000;
/** A guest cannot make the host's own heap larger than this; WebAssembly memory is not part of it. */
const heapMiB = 256;

/** Threads that run batches. */
export class Threads {
  readonly #count: number;
  readonly #piscina: Piscina;

  /** Makes `count` threads, and up to as many spares when they are asked for. */
  constructor(options: {
    readonly count: number;
    readonly control: Control;
    /** Told of each call that ended but the last of its batch, which is what `run` resolves with. */
    readonly onEnded: (ended: Ended) => void;
  }) {
    // Under V8's default, dynamic tiering, a loop around a large memory.fill outlives terminate() for ever; without it
    // such a loop ends in 3 ms. experiments/records/2026-11-20-ending-a-bulk-loop.md
    setFlagsFromString("--no-wasm-dynamic-tiering");
    setFlagsFromString("--expose-gc"); // instances.ts collects the memories of guests; a guest cannot reach it
    const { count, control, onEnded } = options;
    this.#count = count;
    this.#piscina = new Piscina({
      filename: new URL(`./worker${extname(import.meta.url)}`, import.meta.url).href,
      minThreads: count,
      maxThreads: count * 2,
      idleTimeout: spareIdleMs,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
      env: {},
      argv: [],
      workerData: { control: control.buffer },
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
    this.#piscina.on("message", onEnded);
    this.#piscina.on("error", () => undefined); // a thread that died without work; Piscina has replaced it
    this.#piscina.on("workerCreate", ({ id }: { readonly id: number }) => {
      // Which may be later than when the thread was told to end: a slot is free when nobody can write to it any more.
      const thread = this.#piscina.threads.find(({ threadId }) => threadId === id);
      thread?.once("exit", () => setImmediate(() => control.free(id)));
    });
  }

  /** Threads that there are, spares included. */
  get living(): number {
    return this.#piscina.threads.length;
  }

  /** Batches that may be out at once. */
  get most(): number {
    return this.#count * 2;
  }

  /** Resolves when every thread has answered once. */
  async start(): Promise<void> {
    const empty: Batch = { modules: [], calls: [] };
    await Promise.all(Array.from({ length: this.#count }, () => this.#piscina.run(empty)));
  }

  /**
   * Runs a batch, on a spare thread where all others are at work; `kill` ends the thread.
   * @returns the batch's last call; undefined when that had ended before
   * @throws {Error} when the thread ends before the batch does
   */
  async run(batch: Batch, kill: AbortSignal): Promise<Ended | undefined> {
    return (await this.#piscina.run(batch, { signal: kill })) as Ended | undefined;
  }

  /** Ends every thread, whatever it does. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}
