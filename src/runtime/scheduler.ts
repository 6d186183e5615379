/**
 * Which waiting call runs next. Pure bookkeeping: no threads, no timers, no promises.
 *
 *   offer -> [ one line per function ] -> take -> batch -> thread -> done
 *
 * - The lines are served round robin, so a function with a thousand waiting calls delays nobody else's.
 * - A function not known to be brief runs on fewer threads than there are, so it never holds the last one.
 * - Calls of one function that are known to be fast share a batch, up to a few milliseconds of expected work; others have
 *   a batch to themselves. No two functions share one: a call that was fast and now loops would hold up its neighbours.
 * - Fast is what the last calls measured: a moving average, with the deadline shot of one call enough to lose it. While
 *   a call of a function runs long, the function keeps to as many threads as there are and takes no spare ones.
 */

/** One waiting call, as far as its place in line matters. */
export type Ticket = {
  /** Names the function; calls of one key queue behind each other. */
  readonly key: string;
  readonly enqueuedAtMs: number;
};

/** A function's line and what is known of it. */
type Line<T> = {
  readonly key: string;
  readonly waiting: T[];
  /** Batches that are out, and those among them that run long. */
  threads: number;
  longThreads: number;
  averageMs: number | undefined;
};

/** Below this a call is fast: it may share a batch. */
const fastMs = 1;
/** Below this a call may use every thread: whoever needs one waits no longer than this for it. */
const briefMs = 10;
/** Expected work in one batch; a call behind it in the queue waits no longer than this for its batch to form. */
const batchMs = 2;
const batchCalls = 16;
/** Weight of the newest call in the average: about the last eight calls count. */
const newest = 1 / 8;
/** How many functions that have no call anywhere are remembered for their average. */
const remembered = 10_000;

/** The lines of all functions. */
export class Scheduler<T extends Ticket> {
  readonly #lines = new Map<string, Line<T>>();
  /** Keys with waiting calls, in the order in which they are served. */
  readonly #turn: Line<T>[] = [];
  readonly #threads: number;
  readonly #threadsPerSlowFunction: number;
  #waiting = 0;

  /** @param options.threads guest threads that run at once when nothing is slow */
  constructor(options: { readonly threads: number }) {
    this.#threads = options.threads;
    this.#threadsPerSlowFunction = Math.max(1, options.threads - 1);
  }

  /** Calls in line. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Puts a call at the end of its function's line. */
  offer(ticket: T): void {
    const line = this.#line(ticket.key);
    if (line.waiting.push(ticket) === 1) this.#turn.push(line);
    this.#waiting += 1;
  }

  /** Puts calls that were taken but never started back to the front of their lines, in their order. */
  putBack(tickets: readonly T[]): void {
    for (const ticket of [...tickets].reverse()) {
      const line = this.#line(ticket.key);
      if (line.waiting.unshift(ticket) === 1) this.#turn.unshift(line);
      this.#waiting += 1;
    }
  }

  /**
   * Takes the calls of the next batch: one that may be slow, or several that are fast; empty when nothing may run.
   * @param share how many batches the waiting calls should be spread over
   */
  take(share: number): T[] {
    const most = Math.min(batchCalls, Math.max(1, Math.ceil(this.#waiting / share)));
    for (let seen = 0, lines = this.#turn.length; seen < lines; seen += 1) {
      const line = this.#turn.shift();
      if (line === undefined) break;
      const batch = this.#mayRun(line) ? this.#batchOf(line, most) : [];
      if (line.waiting.length > 0) this.#turn.push(line);
      if (batch.length > 0) return batch;
    }
    return [];
  }

  /** Takes one call out of its line; false when it is not in it any more. */
  withdraw(ticket: T): boolean {
    const line = this.#lines.get(ticket.key);
    const index = line?.waiting.indexOf(ticket) ?? -1;
    if (line === undefined || index < 0) return false;
    line.waiting.splice(index, 1);
    if (line.waiting.length === 0) this.#turn.splice(this.#turn.indexOf(line), 1);
    this.#waiting -= 1;
    return true;
  }

  /** Says that a batch which `take` gave runs long; once for each batch. */
  runsLong(key: string): void {
    this.#line(key).longThreads += 1;
  }

  /** Says that a batch which `take` gave has left its thread, and whether it ran long. */
  release(key: string, ranLong = false): void {
    const line = this.#line(key);
    line.threads -= 1;
    if (ranLong) line.longThreads -= 1;
    if (this.#lines.size > remembered) this.#forgetIdle();
  }

  /** Takes note of how long a call ran. */
  observe(key: string, runMs: number): void {
    const line = this.#line(key);
    line.averageMs = line.averageMs === undefined ? runMs : line.averageMs + (runMs - line.averageMs) * newest;
  }

  /** Removes and returns every call that has waited since before `enqueuedBeforeMs`. */
  expire(enqueuedBeforeMs: number): T[] {
    const expired: T[] = [];
    for (const line of [...this.#turn]) {
      while ((line.waiting[0]?.enqueuedAtMs ?? Infinity) < enqueuedBeforeMs) expired.push(...line.waiting.splice(0, 1));
      if (line.waiting.length === 0) this.#turn.splice(this.#turn.indexOf(line), 1);
    }
    this.#waiting -= expired.length;
    return expired;
  }

  /** Removes and returns every waiting call. */
  drain(): T[] {
    return this.expire(Infinity);
  }

  /** Tells whether a function may have one more thread. One that turns slow meanwhile leaves the spare ones to others. */
  #mayRun({ averageMs = Infinity, threads, longThreads }: Line<T>): boolean {
    if (averageMs >= briefMs) return threads < this.#threadsPerSlowFunction;
    return longThreads === 0 || threads < this.#threads;
  }

  /** Takes one call that may be slow, or several that are fast. */
  #batchOf(line: Line<T>, most: number): T[] {
    const { averageMs = Infinity } = line;
    const count = averageMs < fastMs ? Math.min(most, Math.max(1, Math.ceil(batchMs / averageMs))) : 1;
    const batch = line.waiting.splice(0, count);
    this.#waiting -= batch.length;
    line.threads += 1;
    return batch;
  }

  #line(key: string): Line<T> {
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = { key, waiting: [], threads: 0, longThreads: 0, averageMs: undefined };
      this.#lines.set(key, line);
    }
    return line;
  }

  #forgetIdle(): void {
    for (const [key, line] of this.#lines) {
      if (this.#lines.size <= remembered / 2) return;
      if (line.threads === 0 && line.waiting.length === 0) this.#lines.delete(key);
    }
  }
}
