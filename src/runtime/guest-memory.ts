/**
 * The one way by which the host reads and writes a guest's memory.
 *
 * A pointer or length is whatever the guest says: an i32 of 2 GiB or more arrives negative, a region may end outside.
 * Each access is checked as unsigned before it is made and throws `memoryFault` when it is not inside; nothing else
 * in the host holds a view across a return to the guest, because a growing memory detaches its buffer.
 *
 * The real memory of an instance that is used again is larger than the guest believes: what is checked against is the
 * virtual size. Every write goes through #claim(), which marks the pages as dirty before the bytes change: a write that
 * is not marked would outlive its call.
 */

/** Thrown for a region that is not inside the guest's memory; one object, so that hostile pointers stay cheap. */
export const memoryFault = new Error("the guest named memory that it does not have");

const pageBytes = 65536;
/** log2 of the bytes for which there is one mark. */
const markShift = 12;

/** What a rewritten guest believes about its memory, and where its dirty pages are noted. */
export type VirtualMemory = {
  /** Pages that the guest has, of 64 KiB. */
  readonly size: { value: unknown };
  /** Pages that it may have. */
  limitPages: number;
  /** One byte for each 4 KiB; absent where the whole memory is restored. */
  readonly marks?: Uint8Array;
};

/** A guest's linear memory with its bounds checked. */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #virtual: VirtualMemory | undefined;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  /** What the guest had at the last look; it may have more by now, never less. */
  #knownBytes = 0;

  constructor(memory: WebAssembly.Memory, virtual?: VirtualMemory) {
    this.#memory = memory;
    this.#virtual = virtual;
  }

  /** Forgets what it knew of the size, when an instance has been restored. */
  begin(): void {
    this.#knownBytes = 0;
  }

  /** Size that the guest sees. */
  get sizeBytes(): number {
    return this.#virtual === undefined ? this.#memory.buffer.byteLength : Number(this.#virtual.size.value) * pageBytes;
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

  /** Gives bytes of the guest to be written to at once, marked already. @throws {Error} memoryFault */
  claim(pointer: number, length: number): Uint8Array {
    const start = this.#claim(pointer, length);
    return this.#bytes.subarray(start, start + (length >>> 0));
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

  /** Makes the memory at least that large; false when its limit or the machine does not allow it. */
  grow(sizeBytes: number): boolean {
    if (sizeBytes <= this.sizeBytes) return true;
    const pages = Math.ceil(sizeBytes / pageBytes);
    const realPages = this.#memory.buffer.byteLength / pageBytes;
    if (this.#virtual !== undefined && pages > this.#virtual.limitPages) return false;
    try {
      if (pages > realPages) this.#memory.grow(pages - realPages);
    } catch (failure) {
      if (Error.isError(failure) && /memory|allocation/i.test(failure.message)) return false;
      throw failure;
    }
    if (this.#virtual !== undefined) this.#virtual.size.value = pages;
    return true;
  }

  #claim(pointer: number, length: number): number {
    const start = this.#locate(pointer, length);
    const marks = this.#virtual?.marks;
    const end = start + (length >>> 0);
    if (marks !== undefined && end > start) marks.fill(1, start >>> markShift, ((end - 1) >>> markShift) + 1);
    return start;
  }

  #locate(pointer: number, length: number): number {
    const start = pointer >>> 0;
    const end = start + (length >>> 0);
    // A detached buffer has length 0: look again even when the guest is known to be large enough.
    if (end > this.#knownBytes || this.#bytes.byteLength === 0) this.#refresh(end);
    return start;
  }

  #refresh(end: number): void {
    const { buffer } = this.#memory;
    if (buffer !== this.#bytes.buffer) {
      this.#bytes = new Uint8Array(buffer);
      this.#view = new DataView(buffer);
    }
    this.#knownBytes = this.sizeBytes;
    if (end > this.#knownBytes) throw memoryFault;
  }
}
