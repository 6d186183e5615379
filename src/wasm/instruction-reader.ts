/**
 * Reads a function body instruction by instruction, quickly: an opcode's code, and past what follows it.
 *
 * It expects what the engine has validated, so it does not hold numbers to their widths; but whatever the bytes are, it
 * never leaves its window and every step passes at least one byte.
 */
import { invalidModule } from "./binary.ts";
import { codeOf, immediates, immediatesOf, prefixBase } from "./instructions.ts";

/** The two bytes with which a value type of several begins: a heap type follows. */
const refNull = 0x63;
const ref = 0x64;
/** In the alignment of a memarg: the index of a memory follows. */
const memoryIndexFollows = 0x40;
/** LEB128 of 64 bits. */
const mostNumberBytes = 10;

export class InstructionReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Sets the window, in bytes from the start of the module. */
  enter(start: number, end: number): void {
    this.#at = start;
    this.#end = Math.min(end, this.#bytes.length);
  }

  /** Where the next byte is read. */
  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** Reads an opcode and returns its code. */
  code(): number {
    const first = this.byte();
    const base = prefixBase[first] ?? 0;
    return base === 0 ? first : codeOf(base, this.number());
  }

  byte(): number {
    if (this.#at >= this.#end) throw invalidModule(this.#at, "an instruction", "the end of the function");
    const value = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return value;
  }

  /** Reads an unsigned LEB128 number; of a signed one that is negative, its low 32 bits are those of the result. */
  number(): number {
    const first = this.byte();
    return first < 0x80 ? first : this.#longNumber(first & 0x7f);
  }

  /** Reads a signed LEB128 number of 32 bits. */
  signed(): number {
    const start = this.#at;
    const value = this.number();
    const unusedBits = 32 - 7 * (this.#at - start);
    return unusedBits <= 0 ? value | 0 : (value << unusedBits) >> unusedBits;
  }

  /** Passes over what follows an opcode; false when that is not known. */
  pass(code: number): boolean {
    const follows = immediatesOf[code] ?? immediates.unknown;
    switch (follows) {
      case immediates.unknown:
        return false;
      case immediates.none:
        return true;
      case immediates.number:
        return this.#numbers(1);
      case immediates.twoNumbers:
        return this.#numbers(2);
      case immediates.memarg:
        this.offset();
        return true;
      default:
        return this.#passRare(follows);
    }
  }

  /** Passes over a memarg and returns its offset. */
  offset(): number {
    if ((this.number() & memoryIndexFollows) !== 0) this.number();
    return this.number();
  }

  #passRare(follows: number): boolean {
    switch (follows) {
      case immediates.byte:
        return this.#skip(1);
      case immediates.fourBytes:
        return this.#skip(4);
      case immediates.eightBytes:
        return this.#skip(8);
      case immediates.sixteenBytes:
        return this.#skip(16);
      case immediates.blockType:
        return this.#valueType();
      case immediates.memargLane:
        this.offset();
        return this.#skip(1);
      case immediates.labels:
        return this.#numbers(this.number() + 1);
      case immediates.valueTypes:
        for (let left = this.number(); left > 0; left -= 1) this.#valueType();
        return true;
      case immediates.catches:
        return this.#catches();
      case immediates.cast:
        return this.#skip(1) && this.#numbers(3);
      default:
        return false;
    }
  }

  /** Passes over a value type or a block type. */
  #valueType(): boolean {
    // Told by the first byte, not by the number: the type index 99 (e3 00) has the same number as 0x63.
    const first = this.byte();
    if (first === refNull || first === ref) return this.#numbers(1);
    if (first >= 0x80) this.#longNumber(first & 0x7f);
    return true;
  }

  #catches(): boolean {
    this.#valueType();
    for (let left = this.number(); left > 0; left -= 1) {
      const kind = this.byte();
      this.#numbers(kind < 2 ? 2 : 1); // catch and catch_ref name a tag, the catch_all forms do not
    }
    return true;
  }

  #numbers(count: number): boolean {
    for (let left = count; left > 0; left -= 1) this.number();
    return true;
  }

  #skip(sizeBytes: number): boolean {
    if (sizeBytes > this.#end - this.#at) throw invalidModule(this.#at, "an immediate", "the end of the function");
    this.#at += sizeBytes;
    return true;
  }

  #longNumber(low: number): number {
    const start = this.#at - 1;
    let value = low;
    for (let scale = 128; ; scale *= 128) {
      const next = this.byte();
      value += (next & 0x7f) * scale;
      if (next < 0x80) return value;
      if (this.#at - start >= mostNumberBytes) throw invalidModule(start, "a number", "a longer one");
    }
  }
}
