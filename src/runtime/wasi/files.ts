/**
 * Files in memory: the shim's File with room to grow into, under a quota, and open files whose every offset is checked.
 *
 *   MemoryFile   #buffer [ data ........ | room ... ]     the quota is charged for the whole buffer
 *
 * The buffer doubles, so appending costs what it writes, and is given back to the quota when the last name and the last
 * descriptor are gone. A file without a quota is read-only, shares its bytes with others, and can serve many calls.
 */
import { File, OpenFile, wasi } from "@bjorn3/browser_wasi_shim";
import { badDescriptor, fileTooLarge, invalid, noSpace, readOnlyFileSystem } from "./errno.ts";

const empty = new Uint8Array(0);

/** What one call's files may take of the host: bytes of content, and names in folders. */
export class Quota {
  #freeBytes: number;
  #freeNames: number;

  constructor(options: { readonly sizeBytes: number; readonly names: number }) {
    this.#freeBytes = options.sizeBytes;
    this.#freeNames = options.names;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Takes bytes, or gives them back when negative. @throws {Errno} NOSPC */
  chargeBytes(bytes: number): void {
    if (bytes > this.#freeBytes) throw noSpace;
    this.#freeBytes -= bytes;
  }

  /** Takes names, or gives them back when negative. @throws {Errno} NOSPC */
  chargeNames(names: number): void {
    if (names > this.#freeNames) throw noSpace;
    this.#freeNames -= names;
  }
}

/** A regular file. */
export class MemoryFile extends File {
  readonly quota: Quota | undefined;
  #buffer: Uint8Array = empty;
  /** Names in folders plus open descriptors. */
  #references = 0;

  constructor(options: { readonly data?: Uint8Array; readonly quota?: Quota }) {
    super([], { readonly: options.quota === undefined });
    this.quota = options.quota;
    this.data = options.quota === undefined ? (options.data ?? empty) : empty;
    if (options.quota !== undefined && options.data !== undefined) this.write(options.data, 0);
  }

  retain(): void {
    this.#references += 1;
  }

  release(): void {
    this.#references -= 1;
    if (this.#references === 0 && this.quota !== undefined) this.resize(0);
  }

  /** Writes bytes at a position, with zeros before it where there was nothing. @throws {Errno} NOSPC, ROFS */
  write(bytes: Uint8Array, position: number): void {
    if (bytes.byteLength === 0) return;
    if (position + bytes.byteLength > this.data.byteLength) this.resize(position + bytes.byteLength);
    this.data.set(bytes, position);
  }

  /** Makes the file that long. @throws {Errno} NOSPC, ROFS */
  resize(sizeBytes: number): void {
    if (this.quota === undefined) throw readOnlyFileSystem;
    if (sizeBytes > this.#buffer.byteLength) this.#enlarge(sizeBytes, this.quota);
    if (sizeBytes < this.data.byteLength) this.#buffer.fill(0, sizeBytes, this.data.byteLength);
    if (sizeBytes === 0) this.#replace(empty, this.quota);
    this.data = this.#buffer.subarray(0, sizeBytes);
  }

  override path_open(oflags: number, rights: bigint, flags: number) {
    const writes = (rights & BigInt(wasi.RIGHTS_FD_WRITE)) !== 0n;
    const truncates = (oflags & wasi.OFLAGS_TRUNC) !== 0;
    if (this.readonly && (writes || truncates)) throw readOnlyFileSystem;
    if (truncates) this.resize(0);
    return { ret: wasi.ERRNO_SUCCESS, fd_obj: new OpenMemoryFile({ file: this, writes, flags }) };
  }

  #enlarge(sizeBytes: number, quota: Quota): void {
    const reachable = this.#buffer.byteLength + quota.freeBytes;
    if (sizeBytes > reachable) throw noSpace;
    const larger = new Uint8Array(Math.min(reachable, Math.max(sizeBytes, 2 * this.#buffer.byteLength, 256)));
    larger.set(this.data);
    this.#replace(larger, quota);
  }

  #replace(buffer: Uint8Array, quota: Quota): void {
    quota.chargeBytes(buffer.byteLength - this.#buffer.byteLength);
    this.#buffer = buffer;
  }
}

/** A descriptor of a regular file. */
export class OpenMemoryFile extends OpenFile {
  readonly #file: MemoryFile;
  readonly #writes: boolean;
  #appends: boolean;

  constructor(options: { readonly file: MemoryFile; readonly writes: boolean; readonly flags: number }) {
    super(options.file);
    this.#file = options.file;
    this.#writes = options.writes;
    this.#appends = (options.flags & wasi.FDFLAGS_APPEND) !== 0;
    options.file.retain();
  }

  override fd_close(): number {
    this.#file.release();
    return wasi.ERRNO_SUCCESS;
  }

  override fd_fdstat_get() {
    const fdstat = new wasi.Fdstat(wasi.FILETYPE_REGULAR_FILE, this.#appends ? wasi.FDFLAGS_APPEND : 0);
    fdstat.fs_rights_base = this.#writes ? everyFileRight : everyFileRight & ~BigInt(wasi.RIGHTS_FD_WRITE);
    return { ret: wasi.ERRNO_SUCCESS, fdstat };
  }

  override fd_fdstat_set_flags(flags: number): number {
    this.#appends = (flags & wasi.FDFLAGS_APPEND) !== 0;
    return wasi.ERRNO_SUCCESS;
  }

  override fd_allocate(offset: bigint, length: bigint): number {
    this.#checkWritable();
    if (length === 0n) throw invalid;
    const sizeBytes = toSize(BigInt.asUintN(64, offset) + BigInt.asUintN(64, length));
    if (sizeBytes > this.#file.data.byteLength) this.#file.resize(sizeBytes);
    return wasi.ERRNO_SUCCESS;
  }

  override fd_filestat_set_size(size: bigint): number {
    this.#checkWritable();
    this.#file.resize(toSize(BigInt.asUintN(64, size)));
    return wasi.ERRNO_SUCCESS;
  }

  override fd_read(size: number) {
    const { ret, data } = this.fd_pread(size, this.file_pos);
    this.file_pos += BigInt(data.byteLength);
    return { ret, data };
  }

  override fd_pread(size: number, offset: bigint) {
    const start = toSize(offset);
    return { ret: wasi.ERRNO_SUCCESS, data: this.#file.data.subarray(start, start + size) };
  }

  override fd_write(data: Uint8Array) {
    if (this.#appends) this.file_pos = this.#file.size;
    const written = this.fd_pwrite(data, this.file_pos);
    this.file_pos += BigInt(data.byteLength);
    return written;
  }

  override fd_pwrite(data: Uint8Array, offset: bigint) {
    this.#checkWritable();
    this.#file.write(data, toSize(offset));
    return { ret: wasi.ERRNO_SUCCESS, nwritten: data.byteLength };
  }

  override fd_seek(offset: bigint, whence: number) {
    const before = this.file_pos;
    const sought = super.fd_seek(BigInt.asIntN(64, offset), whence);
    if (this.file_pos <= maxOffset) return sought;
    this.file_pos = before;
    return { ret: wasi.ERRNO_OVERFLOW, offset: 0n };
  }

  #checkWritable(): void {
    if (!this.#writes) throw badDescriptor;
  }
}

const maxOffset = BigInt(Number.MAX_SAFE_INTEGER);

const everyFileRight = BigInt(
  wasi.RIGHTS_FD_DATASYNC |
    wasi.RIGHTS_FD_READ |
    wasi.RIGHTS_FD_SEEK |
    wasi.RIGHTS_FD_FDSTAT_SET_FLAGS |
    wasi.RIGHTS_FD_SYNC |
    wasi.RIGHTS_FD_TELL |
    wasi.RIGHTS_FD_WRITE |
    wasi.RIGHTS_FD_ADVISE |
    wasi.RIGHTS_FD_ALLOCATE |
    wasi.RIGHTS_FD_FILESTAT_GET |
    wasi.RIGHTS_FD_FILESTAT_SET_SIZE |
    wasi.RIGHTS_POLL_FD_READWRITE,
);

function toSize(bytes: bigint): number {
  if (bytes > maxOffset) throw fileTooLarge;
  return Number(bytes);
}
