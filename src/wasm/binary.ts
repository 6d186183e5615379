/**
 * Reading and writing the atoms of the WebAssembly binary format: bytes, LEB128 numbers, names, vectors.
 * https://webassembly.github.io/spec/core/binary/values.html (3.0)
 *
 * A Reader is a window on bytes that it never leaves, whatever the bytes say. It knows nothing of sections or types.
 * Nothing here takes more time or memory than the bytes are long: a vector's announced length is held against what is
 * left of the window before anything is made of it.
 */
import { GatewayError } from "../errors.ts";
import { hold } from "./limits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to so many bytes a loop is quicker than a view and a call. */
const fewBytes = 48;

/** Makes the error for bytes that break the format: where, what was expected, what came. */
export function invalidModule(offset: number, expected: string, got: string): GatewayError {
  return new GatewayError("MODULE_INVALID", `invalid WebAssembly at byte ${offset}: expected ${expected}, got ${got}`);
}

/** Reads forward through a window of bytes; every method throws MODULE_INVALID rather than pass the window's end. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = Math.min(end, bytes.length);
  }

  /** Where the next byte is read, counted from the start of the module. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** Reads one byte. */
  byte(what: string): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined || this.#offset >= this.#end) throw this.#ended(what);
    this.#offset += 1;
    return value;
  }

  /** Returns the next byte without passing it. */
  peek(what: string): number {
    const value = this.byte(what);
    this.#offset -= 1;
    return value;
  }

  /** Reads an unsigned LEB128 number of at most 32 bits. */
  u32(what: string): number {
    return this.#unsigned(what, 32);
  }

  /** Reads an unsigned LEB128 number of at most 64 bits; exact up to 2^53. */
  u64(what: string): number {
    return this.#unsigned(what, 64);
  }

  /** Reads a signed LEB128 number of at most `bits` bits; exact within 2^53 on both sides of 0. */
  signed(what: string, bits: 32 | 33 | 64): number {
    const start = this.#offset;
    const signAt = (bits % 7) - 1; // of the last byte that may come; the bits above it repeat it
    let value = 0;
    for (let left = Math.ceil(bits / 7), scale = 1; ; left -= 1) {
      const next = this.byte(what);
      if (left === 1 && next >> signAt !== 0 && next >> signAt !== 0x7f >> signAt) {
        throw invalidModule(start, `${what} (a signed number of at most ${bits} bits)`, "a longer one");
      }
      value += (next & 0x7f) * scale;
      scale *= 128;
      if (next < 0x80) return next & 0x40 ? value - scale : value;
    }
  }

  /**
   * Reads how many entries follow and holds it against what is left, where each entry takes at least one byte, and
   * against a limit.
   */
  count(what: string, limit = Infinity): number {
    const start = this.#offset;
    const count = this.u32(`the number of ${what}`);
    if (count > this.remaining) {
      throw invalidModule(start, `at most ${this.remaining} ${what} in the bytes that are left`, String(count));
    }
    hold(what, count, limit);
    return count;
  }

  /** Reads a vector of at most `limit` entries: their count, then each. */
  vector<T>(what: string, limit: number, read: (reader: Reader) => T): T[] {
    const entries: T[] = [];
    for (let left = this.count(what, limit); left > 0; left -= 1) entries.push(read(this));
    return entries;
  }

  /** Reads a name: a byte count, then strict UTF-8. */
  name(what: string): string {
    const length = this.u32(`the length of ${what}`);
    const start = this.#offset;
    this.skip(length, what);
    try {
      return utf8.decode(this.#bytes.subarray(start, start + length));
    } catch {
      throw invalidModule(start, `${what} in UTF-8`, "other bytes");
    }
  }

  /** Passes over bytes. */
  skip(sizeBytes: number, what: string): void {
    if (sizeBytes > this.remaining) throw this.#ended(`${sizeBytes} bytes of ${what}`);
    this.#offset += sizeBytes;
  }

  /** Passes over bytes and returns a window on them. */
  window(sizeBytes: number, what: string): Reader {
    const start = this.#offset;
    this.skip(sizeBytes, what);
    return new Reader(this.#bytes, start, start + sizeBytes);
  }

  /** Returns a view, not a copy, of the bytes from an offset up to the next one to be read. */
  since(offset: number): Uint8Array {
    return this.#bytes.subarray(offset, this.#offset);
  }

  /** Returns a view, not a copy, of everything that is left. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#offset, this.#end);
  }

  /** Asserts that nothing is left. */
  end(what: string): void {
    if (this.remaining > 0) throw invalidModule(this.#offset, `the end of ${what}`, `${this.remaining} bytes more`);
  }

  #unsigned(what: string, bits: 32 | 64): number {
    const start = this.#offset;
    let value = 0;
    for (let left = Math.ceil(bits / 7), scale = 1; ; left -= 1) {
      const next = this.byte(what);
      if (left === 1 && next >> (bits % 7) !== 0) {
        throw invalidModule(start, `${what} (an unsigned number of at most ${bits} bits)`, "a longer one");
      }
      value += (next & 0x7f) * scale;
      scale *= 128;
      if (next < 0x80) return value;
    }
  }

  #ended(what: string): GatewayError {
    return invalidModule(this.#offset, what, `the end after ${this.remaining} bytes`);
  }
}

/** Collects bytes; its buffer doubles as it fills. */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  /** @param sizeBytes how much there will be at least, where that is known */
  constructor(sizeBytes = 64) {
    this.#bytes = new Uint8Array(sizeBytes);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
    return this;
  }

  /** Appends bytes as they are. */
  bytes(bytes: ArrayLike<number>): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Appends the bytes from start to end of an array; quicker than bytes() of a view where they are few. */
  slice(bytes: Uint8Array, start: number, end: number): this {
    if (end - start > fewBytes) return this.bytes(bytes.subarray(start, end));
    this.#reserve(end - start);
    for (let at = start; at < end; at += 1) this.#bytes[this.#length + at - start] = bytes[at] ?? 0;
    this.#length += end - start;
    return this;
  }

  /** Appends an unsigned LEB128 number in its shortest form. */
  u32(value: number): this {
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 128)) this.byte((left % 128) + 0x80);
    return this.byte(left);
  }

  /** Appends a signed LEB128 number of 32 bits in its shortest form. */
  i32(value: number): this {
    let left = value | 0;
    for (; left < -64 || left > 63; left >>= 7) this.byte((left & 0x7f) | 0x80);
    return this.byte(left & 0x7f);
  }

  name(text: string): this {
    const bytes = encoder.encode(text);
    return this.u32(bytes.length).bytes(bytes);
  }

  /** Appends a section: its id, its size, its content. */
  section(id: number, content: Uint8Array): this {
    return this.byte(id).u32(content.length).bytes(content);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written and keeps the buffer. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** Returns a view, not a copy, of what was written so far; the next write may change it. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns what was written so far, as a copy. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
