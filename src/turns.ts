/**
 * Work that must not overlap takes turns: jobs of one key run one after the other, in the order in which they came;
 * jobs of different keys know nothing of each other.
 */

/** Serializes asynchronous jobs by key. */
export class Turns {
  /** Per key, the end of the last job in line; settled lines are dropped. */
  readonly #lines = new Map<string, Promise<unknown>>();

  /** Runs `job` when every earlier job of `key` has ended, well or badly, and passes on its result or error. */
  async take<T>(key: string, job: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(key) ?? Promise.resolve();
    const mine = before.then(job, job);
    const line = mine.catch(() => undefined);
    this.#lines.set(key, line);
    try {
      return await mine;
    } finally {
      if (this.#lines.get(key) === line) this.#lines.delete(key);
    }
  }
}
