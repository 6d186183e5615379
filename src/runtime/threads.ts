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
import type { Batch, Ended, Hello, ThreadData } from "./protocol.ts";

/** A thread takes 30 ms to start, and many times that on a busy machine: this many spare ones are there before. */
const warmSpares = 1;
/** How long a further one stays when nothing needs it. */
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
  readonly #control: Control;
  readonly #onLane: () => void;
  /** Threads that have said nothing yet. */
  readonly #fresh = new Set<number>();
  /** Where the batch that is being handed over goes; undefined: to a fresh thread. */
  #wanted: number | undefined;
  /** The first words of the threads that are there from the start. */
  readonly #greeted: Promise<void>[] = [];
  /** Threads whose first word is awaited. */
  #greetings = 0;

  /** Makes `count` threads and a spare one, and up to as many more spares when they are asked for. */
  constructor(options: {
    readonly count: number;
    readonly control: Control;
    readonly data: ThreadData;
    /** Told of each call that ended but the last of its batch, which is what `run` resolves with. */
    readonly onEnded: (ended: Ended) => void;
    /** Told when a thread has joined. */
    readonly onLane: () => void;
  }) {
    setEngineFlags();
    const { count, control, data, onEnded, onLane } = options;
    this.#count = count;
    this.#piscina = new Piscina({
      filename: new URL(`./worker${extname(import.meta.url)}`, import.meta.url).href,
      minThreads: count + warmSpares,
      maxThreads: count * 2 + warmSpares,
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
    this.#piscina.on("workerDestroy", ({ id }: Shown) => {
      this.#fresh.delete(id);
      this.lanes.remove(id);
    });
    this.#piscina.on("workerCreate", ({ id }: Shown) => this.#welcome(id));
    this.#control = control;
    this.#onLane = onLane;
  }

  /** Threads that there are, spares included. */
  get living(): number {
    return this.#piscina.threads.length;
  }

  /** Resolves when every thread has answered once. */
  async start(): Promise<void> {
    // Piscina tells of the threads that it made in its constructor a moment later.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(this.#greeted);
    this.#greeted.length = 0;
  }

  /** Adds a spare thread, unless there are as many as there may be or one is on its way. */
  grow(): void {
    if (this.#greetings === 0 && this.living < this.#count * 2 + warmSpares) this.#greet().catch(() => undefined);
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

  /** Takes a thread in that was made. */
  #welcome(id: number): void {
    this.#fresh.add(id);
    // Later than when the thread was told to end: until then its guest may still have to be watched.
    const thread = this.#piscina.threads.find(({ threadId }) => threadId === id);
    thread?.once("exit", () => setImmediate(() => this.#control.remove(id)));
    if (this.#greetings >= this.#fresh.size) return;
    const greeting = this.#greet();
    greeting.catch(() => undefined);
    if (this.lanes.size === 0) this.#greeted.push(greeting);
  }

  /** Waits for the first word of a thread that is fresh or still to come. */
  async #greet(): Promise<void> {
    this.#greetings += 1;
    this.#wanted = undefined;
    try {
      const { threadId, words } = (await this.#piscina.run(undefined, { name: "hello" })) as Hello;
      this.#fresh.delete(threadId);
      this.#control.add(threadId, words);
      this.lanes.add(threadId);
    } finally {
      this.#greetings -= 1;
    }
    this.#onLane();
  }

  #choose<T extends Shown>(workers: readonly T[]): T | null {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    const suits = ({ id }: T): boolean => (wanted === undefined ? this.#fresh.has(id) : id === wanted);
    return workers.find((worker) => worker.currentUsage === 0 && suits(worker)) ?? null;
  }
}

function setEngineFlags(): void {
  // Under V8's default, dynamic tiering, a loop around a large memory.fill outlives terminate() for ever; without it
  // such a loop ends in 3 ms. experiments/records/2026-11-20-ending-a-bulk-loop.md
  setFlagsFromString("--no-wasm-dynamic-tiering");
  setFlagsFromString("--expose-gc"); // instances.ts collects the memories of guests; a guest cannot reach it
}
