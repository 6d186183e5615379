/**
 * The edits of one function body after the other: what stays is copied in spans between them; new locals stand behind
 * the function's own.
 */
import { Writer } from "./binary.ts";
import { markShift } from "./injected.ts";
import type { StoreForm } from "./instructions.ts";
import { constant } from "./known-marks.ts";

const i32Type = 0x7f;
const opcodes = { localGet: 0x20, localSet: 0x21, localTee: 0x22, i32Const: 0x41, i32Add: 0x6a } as const;

export class BodyEdits {
  readonly #bytes: Uint8Array;
  readonly #out = new Writer();
  /** Up to where the body has been copied. */
  #copied = 0;
  #isChanged = false;
  #firstNewLocal = 0;
  #newLocals: number[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Begins with the instructions of a function that has so many locals. */
  begin(start: number, locals: number): void {
    this.#out.clear();
    this.#copied = start;
    this.#isChanged = false;
    this.#firstNewLocal = locals;
    this.#newLocals = [];
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Types of the new locals. */
  get newLocals(): readonly number[] {
    return this.#newLocals;
  }

  /** Copies the rest and returns the instructions as they are now; a view that the next body overwrites. */
  finish(end: number): Uint8Array {
    this.#copy(end);
    return this.#out.view();
  }

  insert(at: number, code: ArrayLike<number>): void {
    this.#copy(at);
    this.#out.bytes(code);
    this.#isChanged = true;
  }

  /** Puts code in the place of what stands from start to end. */
  replace(start: number, end: number, code: ArrayLike<number>): void {
    this.insert(start, code);
    this.#copied = end;
  }

  /** Marks, at an offset of the body, the page of local + address; what is on the stack stays there. */
  mark(at: number, marks: number, { local, address }: { local: number; address: number }): void {
    this.#copy(at);
    this.#isChanged = true;
    const out = this.#out;
    if (local === constant) {
      out.bytes([opcodes.i32Const, 0, opcodes.i32Const, 1, 0x3a, 0x40, marks]).u32(address >>> markShift);
      return;
    }
    out.byte(opcodes.localGet).u32(local);
    if (address !== 0) out.byte(opcodes.i32Const).i32(address).byte(opcodes.i32Add);
    out.bytes([opcodes.i32Const, markShift, 0x76, opcodes.i32Const, 1, 0x3a, 0x40, marks, 0]);
  }

  /** Keeps, before a store, the address that lies below its other operands; returns the new local that has it. */
  keepAddress(start: number, form: StoreForm): number {
    this.#copy(start);
    const out = this.#out;
    const address = this.#newLocal(i32Type, 0);
    const values = form.values.map((type, place) => this.#newLocal(type, type === i32Type ? place + 1 : place));
    for (const value of values.toReversed()) out.byte(opcodes.localSet).u32(value);
    out.byte(opcodes.localTee).u32(address);
    for (const value of values) out.byte(opcodes.localGet).u32(value);
    return address;
  }

  /** Returns the new local of a type, the first of that type or a later one. */
  #newLocal(type: number, occurrence: number): number {
    let left = occurrence;
    for (const [place, each] of this.#newLocals.entries()) {
      if (each === type && (left -= 1) < 0) return this.#firstNewLocal + place;
    }
    this.#newLocals.push(type);
    return this.#firstNewLocal + this.#newLocals.length - 1;
  }

  #copy(to: number): void {
    this.#out.slice(this.#bytes, this.#copied, to);
    this.#copied = to;
  }
}
