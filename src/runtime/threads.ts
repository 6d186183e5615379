/**
 * The guest threads themselves: how they are made, what they may take of the machine, when one is really gone.
 * Piscina keeps as many as there should be and replaces what ends; which of them a batch goes to is decided here, and a
 * spare one is added when it is asked for.
 */
import { extname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Piscina } from "piscina";
import type { Control } from "./control.ts";
import { Lanes, type Lane } from "./lanes.ts";
import type { Batch, Ended, ThreadData } from "./protocol.ts";

/** How long a spare thread stays when nothing needs it. */
const spareIdleMs = 10_000;
/** A guest cannot make the host's own heap larger than this; WebAssembly memory is not part of it. */
const heapMiB = 256;

/** What a load balancer of Piscina is shown of a thread. */
type Shown = { readonly id: number; readonly currentUsage: number };

/** Threads that run batches. */
export class Threads {
  readonly lanes = new Lanes();
  readonly #count: number;
  readonly #piscina: Piscina;
  /** Threads that have said nothing yet. */
  readonly #fresh = new Set<number>();
  /** Where the batch that is being handed over goes; undefined: to a fresh thread. */
  #wanted: number | undefined;
  #growing = false;

  /** Makes `count` threads, and up to as many spares when they are asked for. */
  constructor(options: {
    readonly count: number;
    readonly control: Control;
    readonly data: ThreadData;
    /** Told of each call that ended but the last of its batch, which is what `run` resolves with. */
    readonly onEnded: (ended: Ended) => void;
    /** Told when a thread has joined. */
    readonly onLane: () => void;
  }) {
    // Under V8's default, dynamic tiering, a loop around a large memory.fill outlives terminate() for ever; without it
    // such a loop ends in 3 ms. experiments/records/2026-11-20-ending-a-bulk-loop.md
    setFlagsFromString("--no-wasm-dynamic-tiering");
    const { count, control, data, onEnded, onLane } = options;
    this.#count = count;
    this.#piscina = new Piscina({
      filename: new URL(`./worker${extname(import.meta.url)}`, import.meta.url).href,
      minThreads: count,
      maxThreads: count * 2,
      idleTimeout: spareIdleMs,
      concurrentTasksPerWorker: 1,
      recordTiming: false,
      loadBalancer: (_task, workers) => this.#choose(workers),
      env: {},
      argv: [],
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    });
    this.#piscina.on("message", onEnded);
    this.#piscina.on("error", () => undefined); // a thread that died without work; Piscina has replaced it
    this.#piscina.on("workerDestroy", ({ id }: Shown) => this.lanes.remove(id));
    this.#piscina.on("workerCreate", ({ id }: Shown) => {
      // Which may be later than when the thread was told to end: a slot is free when nobody can write to it any more.
      const thread = this.#piscina.threads.find(({ threadId }) => threadId === id);
      thread?.once("exit", () => setImmediate(() => control.free(id)));
      if (this.#growing) {
        this.#fresh.add(id);
      } else {
        this.lanes.add(id);
        onLane();
      }
    });
    this.#onLane = onLane;
  }

  readonly #onLane: () => void;

  /** Threads that there are, spares included. */
  get living(): number {
    return this.#piscina.threads.length;
  }

  /** Resolves when every thread has answered once. */
  async start(): Promise<void> {
    this.#growing = true;
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(Array.from({ length: this.#count }, () => this.#greet()));
    this.#growing = false;
  }

  /** Adds a spare thread, unless there are as many as there may be or one is being added. */
  grow(): void {
    if (this.#growing || this.living >= this.#count * 2) return;
    this.#growing = true;
    this.#greet()
      .catch(() => undefined)
      .finally(() => (this.#growing = false));
  }

  /**
   * Runs a batch on an idle thread; `kill` ends the thread.
   * @returns the batch's last call; undefined when that had ended before
   * @throws {Error} when the thread ends before the batch does, or does not know a program
   */
  async run(batch: Batch, lane: Lane, kill: AbortSignal): Promise<Ended | undefined> {
    lane.busy = true;
    this.#wanted = lane.threadId;
    try {
      return (await this.#piscina.run(batch, { signal: kill })) as Ended | undefined;
    } finally {
      lane.busy = false;
    }
  }

  /** Ends every thread, whatever it does. */
  async close(): Promise<void> {
    await this.#piscina.destroy();
  }

  /** Waits for a fresh thread's first word. */
  async #greet(): Promise<void> {
    this.#wanted = undefined;
    const id = (await this.#piscina.run(undefined, { name: "hello" })) as number;
    this.#fresh.delete(id);
    this.lanes.add(id);
    this.#onLane();
  }

  #choose<T extends Shown>(workers: readonly T[]): T | null {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    const suits = ({ id }: T): boolean => (wanted === undefined ? this.#fresh.has(id) : id === wanted);
    return workers.find((worker) => worker.currentUsage === 0 && suits(worker)) ?? null;
  }
}
