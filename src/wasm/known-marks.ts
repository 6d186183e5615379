/**
 * Which pages are certain to be marked already at a point of a function, so that a store need not mark them again.
 *
 * Two small abstractions follow the walk. The operand stack: of each operand, whether it is a local plus a constant, as
 * compilers write addresses. The facts: "the page of local L + D is marked", made by each store that marks.
 *
 * A mark stands for its page and `reachBytes` on both sides, for restoring takes so much. A store needs no mark of its
 * own when a fact about the same local lies within that reach. That is sound because:
 *
 * - marks are only ever set while a guest runs; restore() clears them, and no frame of a guest is alive then;
 * - a fact ends when its local is assigned: every assignment has a number, a fact remembers the last one it has seen;
 * - a fact is used only where the store that made it has run: not after the `end`, `else` or `catch` of its block, and
 *   not from before a loop inside it, where the local may have been assigned in the turn before;
 * - L + D that overflows traps, for a memory that is restored never has its last page (injected.ts).
 */

/** Bytes on each side of a marked page that are restored with it. */
export const reachBytes = 256;

/** The local of an operand that is a constant by itself: its D is the whole address. */
export const constant = -1;
/** The local of an operand of which nothing is known. */
export const unknown = -2;

const mostOperands = 64;
/** So many of the latest facts are looked at, so that a walk stays linear. */
const mostFacts = 8;
/** Numbers of which a fact consists: local, D, the number of the last assignment when it was made. */
const factSize = 3;

export class KnownMarks {
  // The operand stack, from where it is known: local, D, and the assignments seen when it was pushed.
  readonly #locals = new Int32Array(mostOperands);
  readonly #constants = new Int32Array(mostOperands);
  readonly #pushedAt = new Int32Array(mostOperands);
  #depth = 0;
  /** By local: the number of its last assignment; numbers go on from function to function, so nothing is reset. */
  readonly #assignedAt: Int32Array;
  #assignments = 0;
  // The facts, the latest last, and from which on they hold here; of each block, both at its beginning.
  readonly #facts: number[] = [];
  #from = 0;
  readonly #blocks: number[] = [];

  /** @param locals the most that a function has */
  constructor(locals: number) {
    this.#assignedAt = new Int32Array(locals);
  }

  beginFunction(): void {
    this.#depth = 0;
    this.#facts.length = 0;
    this.#from = 0;
    this.#blocks.length = 0;
  }

  push(local: number, constant: number): void {
    if (this.#depth === mostOperands) this.#depth = 0;
    this.#locals[this.#depth] = local;
    this.#constants[this.#depth] = constant;
    this.#pushedAt[this.#depth] = this.#assignments;
    this.#depth += 1;
  }

  pop(count: number): void {
    this.#depth = Math.max(0, this.#depth - count);
  }

  /** Tells what the operand at the top of the stack, or below it, is: a local that still has that value, or not. */
  localAt(below: number): number {
    const place = this.#depth - 1 - below;
    if (place < 0) return unknown;
    const local = this.#locals[place] ?? unknown;
    if (local < 0) return local;
    return (this.#assignedAt[local] ?? Infinity) <= (this.#pushedAt[place] ?? 0) ? local : unknown;
  }

  /** Tells the constant of the operand whose local localAt() has told. */
  constantAt(below: number): number {
    return this.#constants[this.#depth - 1 - below] ?? 0;
  }

  /** Replaces the two operands at the top by their sum, or their difference where `sign` is -1. */
  add(sign: 1 | -1): void {
    const [left, right] = [this.localAt(1), this.localAt(0)];
    const sum = (this.constantAt(1) + sign * this.constantAt(0)) | 0;
    this.pop(2);
    if (right === constant) this.push(left, sum);
    else if (left === constant && sign === 1) this.push(right, sum);
    else this.push(unknown, 0);
  }

  assign(local: number): void {
    this.#assignments += 1;
    this.#assignedAt[local] = this.#assignments;
  }

  /** Forgets the operands, where control joins or parts or where an instruction's effect is not known. */
  forgetOperands(): void {
    this.#depth = 0;
  }

  beginBlock(isLoop: boolean): void {
    this.#blocks.push(this.#facts.length, this.#from);
    if (isLoop) this.#from = this.#facts.length;
    this.#depth = 0;
  }

  /** Begins the other part of a block: an else, a catch. */
  nextPart(): void {
    this.#facts.length = this.#blocks.at(-2) ?? 0;
    this.#depth = 0;
  }

  endBlock(): void {
    this.#from = this.#blocks.pop() ?? 0;
    this.#facts.length = this.#blocks.pop() ?? 0;
    this.#depth = 0;
  }

  /** Tells whether the bytes from local + constant on are restored by a mark that is certainly set. */
  covers(local: number, constant: number, sizeBytes: number): boolean {
    const assignedAt = local < 0 ? 0 : (this.#assignedAt[local] ?? Infinity);
    const oldest = Math.max(this.#from, this.#facts.length - mostFacts * factSize);
    for (let at = this.#facts.length - factSize; at >= oldest; at -= factSize) {
      const [of, marked = 0, madeAt = 0] = [this.#facts[at], this.#facts[at + 1], this.#facts[at + 2]];
      if (of !== local || assignedAt > madeAt) continue;
      // The fact's address may be the first or the last byte of its page.
      const distance = (constant - marked) | 0;
      if (distance >= -reachBytes && distance + sizeBytes - 1 <= reachBytes) return true;
    }
    return false;
  }

  /** Notes that the page of local + constant is marked from here on. */
  remember(local: number, constant: number): void {
    this.#facts.push(local, constant, this.#assignments);
  }
}
