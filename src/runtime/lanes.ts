/**
 * The threads as places to send a batch to: which are idle, what each has been told, who served a function last.
 *
 * A batch goes to an idle thread that knows its function already, so that instances stay warm on few threads and spread
 * only when these are busy.
 */

/** One thread. */
export type Lane = {
  readonly threadId: number;
  /** Programs that it has been told. */
  readonly told: Set<number>;
  busy: boolean;
};

/** The threads that live. */
export class Lanes {
  readonly #lanes = new Map<number, Lane>();

  /** Takes note of a thread that has started. */
  add(threadId: number): void {
    if (!this.#lanes.has(threadId)) this.#lanes.set(threadId, { threadId, told: new Set(), busy: false });
  }

  /** Takes note of a thread that ends. */
  remove(threadId: number): void {
    this.#lanes.delete(threadId);
  }

  /** Threads that live. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Returns an idle thread, one that knows the program if there is one; undefined when all are at work. */
  idle(program: number): Lane | undefined {
    let idle: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.busy) continue;
      if (lane.told.has(program)) return lane;
      idle ??= lane;
    }
    return idle;
  }
}
