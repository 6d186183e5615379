/**
 * The one way by which the host reads and writes a guest's memory.
 *
 * A pointer or length is whatever the guest says: an i32 of 2 GiB or more arrives negative, a region may end outside.
 * Each access is checked as unsigned before it is made and throws `memoryFault` when it is not inside; nothing else
 * in the host holds a view across a return to the guest, because a growing memory detaches its buffer.
 * Every write goes through #claim(), every growth through grow(): that is where an instance that is used again will
 * have its virtual size asked and its dirty pages marked, before the bytes change.
 */

/** Thrown for a region that is not inside the guest's memory; one object, so that hostile pointers stay cheap. */
export const memoryFault = new Error("the guest named memory that it does not have");

const pageBytes = 65536;

/** A guest's linear memory with its bounds checked. */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Size that the guest sees. */
  get sizeBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** @throws {Error} memoryFault unless the region is inside */
  check(pointer: number, length: number): void {
    this.#locate(pointer, length);
  }

  /** Returns a view to read from, valid until the guest runs again. @throws {Error} memoryFault */
  read(pointer: number, length: number): Uint8Array {
    const start = this.#locate(pointer, length);
    return this.#bytes.subarray(start, start + (length >>> 0));
  }

  readU8(pointer: number): number {
    const start = this.#locate(pointer, 1);
    return this.#view.getUint8(start);
  }

  readU16(pointer: number): number {
    const start = this.#locate(pointer, 2);
    return this.#view.getUint16(start, true);
  }

  readU32(pointer: number): number {
    const start = this.#locate(pointer, 4);
    return this.#view.getUint32(start, true);
  }

  readU64(pointer: number): bigint {
    const start = this.#locate(pointer, 8);
    return this.#view.getBigUint64(start, true);
  }

  /** Copies bytes into the guest. @throws {Error} memoryFault, and then nothing is written */
  write(pointer: number, bytes: Uint8Array): void {
    const start = this.#claim(pointer, bytes.byteLength);
    this.#bytes.set(bytes, start);
  }

  writeU32(pointer: number, value: number): void {
    const start = this.#claim(pointer, 4);
    this.#view.setUint32(start, value, true);
  }

  /** Writes the low 64 bits of a value, signed or not. */
  writeU64(pointer: number, value: bigint): void {
    const start = this.#claim(pointer, 8);
    this.#view.setBigUint64(start, value, true);
  }

  /** Makes the memory at least that large; false when its maximum or the machine does not allow it. */
  grow(sizeBytes: number): boolean {
    const missingPages = Math.ceil((sizeBytes - this.sizeBytes) / pageBytes);
    if (missingPages <= 0) return true;
    try {
      this.#memory.grow(missingPages);
      return true;
    } catch (failure) {
      if (Error.isError(failure) && /memory|allocation/i.test(failure.message)) return false;
      throw failure;
    }
  }

  #claim(pointer: number, length: number): number {
    return this.#locate(pointer, length);
  }

  #locate(pointer: number, length: number): number {
    const start = pointer >>> 0;
    const end = start + (length >>> 0);
    // A detached buffer has length 0, and a shared one grows behind our view: look again before refusing.
    if (end >= this.#bytes.byteLength) this.#refresh(end);
    return start;
  }

  #refresh(end: number): void {
    const buffer = this.#memory.buffer;
    if (buffer !== this.#bytes.buffer) {
      this.#bytes = new Uint8Array(buffer);
      this.#view = new DataView(buffer);
    }
    if (end > this.#bytes.byteLength) throw memoryFault;
  }
}
