/**
 * Counts the calls that a function may make between two looks at the deadline, on whatever way through its blocks: a
 * look inside a branch that is not taken counts for nothing behind it.
 *
 *   at the end of a block the count is the largest that it had anywhere inside, for control may have left from there
 *
 * A leaf without loops is not guarded, so that a long row of calls of a long leaf would otherwise have no bound.
 */

/** Calls after which the deadline is looked at again: far apart in what compilers write, and still a bound. */
const mostCalls = 64;

export class CallsInRow {
  #count = 0;
  /** Of each open block, the function itself first, the largest count inside. */
  readonly #largest: number[] = [0];

  beginFunction(): void {
    this.#count = 0;
    this.#largest.length = 1;
    this.#largest[0] = 0;
  }

  /** Counts a call; true when the deadline has to be looked at before it. */
  call(): boolean {
    this.#count += 1;
    const innermost = this.#largest.length - 1;
    this.#largest[innermost] = Math.max(this.#largest[innermost] ?? 0, this.#count);
    return this.#count >= mostCalls;
  }

  /** Notes that the deadline is looked at here. */
  looked(): void {
    this.#count = 0;
  }

  beginBlock(): void {
    this.#largest.push(this.#count);
  }

  /** Begins the other part of a block: an else, a catch. */
  nextPart(): void {
    this.#count = this.#largest.at(-1) ?? 0;
  }

  endBlock(): void {
    this.#count = Math.max(this.#count, this.#largest.pop() ?? 0);
    const innermost = this.#largest.length - 1;
    if (innermost >= 0) this.#largest[innermost] = Math.max(this.#largest[innermost] ?? 0, this.#count);
  }
}
