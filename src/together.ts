/**
 * Work that several ask for at one time is done once:
 *
 *   first  --- work(signal) -------------> its result or error, for all who wait then
 *   second --------- waits -------------->
 *   third  --------- waits --> its own time is up; the others go on
 *
 * Nothing is kept: whoever asks after the end has it done anew. When nobody waits any more, the work is told to end.
 */

type Work<T> = { readonly ended: Promise<T>; readonly abandoned: AbortController; waiting: number };

/** Shares work by key among those who wait for it at one time. */
export class Together<T> {
  readonly #underway = new Map<string, Work<T>>();

  /** Joins the work of `key` that is under way, or begins it; rejects with the signal's reason when that comes first. */
  async ask(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const work = this.#underway.get(key) ?? this.#begin(key, begin);
    work.waiting += 1;
    try {
      return await before(signal, work.ended);
    } finally {
      work.waiting -= 1;
      if (work.waiting === 0) {
        this.#end(key, work);
        work.abandoned.abort();
      }
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<T>): Work<T> {
    const abandoned = new AbortController();
    const work = { ended: begin(abandoned.signal), abandoned, waiting: 0 };
    this.#underway.set(key, work);
    const end = (): void => this.#end(key, work);
    work.ended.then(end, end);
    return work;
  }

  #end(key: string, work: Work<T>): void {
    if (this.#underway.get(key) === work) this.#underway.delete(key);
  }
}

function before<T>(signal: AbortSignal, ended: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    const stay = (): void => signal.removeEventListener("abort", leave);
    ended.finally(stay).then(resolve, reject);
  });
}
