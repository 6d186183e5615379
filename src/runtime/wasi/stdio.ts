/**
 * stdin, stdout and stderr as bytes in memory. None is a terminal (their type is "unknown", as wasmtime reports pipes),
 * so a C library writes in blocks, not in lines.
 *
 * An Output keeps at most its limit. What is past it is the owner's to decide: stdout ends the guest, stderr drops.
 */
import { Fd, wasi } from "@bjorn3/browser_wasi_shim";

/** Kept for the next call; what a larger output needed is given back. */
const keptBytes = 65536;

class Stream extends Fd {
  readonly #rights: number;

  constructor(rights: number) {
    super();
    this.#rights = rights;
  }

  override fd_fdstat_get() {
    const fdstat = new wasi.Fdstat(wasi.FILETYPE_UNKNOWN, 0);
    fdstat.fs_rights_base = BigInt(this.#rights | wasi.RIGHTS_POLL_FD_READWRITE);
    return { ret: wasi.ERRNO_SUCCESS, fdstat };
  }

  override fd_filestat_get() {
    return { ret: wasi.ERRNO_SUCCESS, filestat: new wasi.Filestat(0n, wasi.FILETYPE_UNKNOWN, 0n) };
  }

  override fd_fdstat_set_flags(): number {
    return wasi.ERRNO_SUCCESS;
  }

  override fd_seek() {
    return { ret: wasi.ERRNO_SPIPE, offset: 0n };
  }

  override fd_tell() {
    return { ret: wasi.ERRNO_SPIPE, offset: 0n };
  }
}

/** stdin: a call's bytes, then the end. */
export class Input extends Stream {
  #bytes: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor() {
    super(wasi.RIGHTS_FD_READ);
  }

  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#position = 0;
  }

  get unreadBytes(): number {
    return this.#bytes.byteLength - this.#position;
  }

  override fd_read(size: number) {
    const data = this.#bytes.subarray(this.#position, this.#position + size);
    this.#position += data.byteLength;
    return { ret: wasi.ERRNO_SUCCESS, data };
  }

  override fd_write() {
    return { ret: wasi.ERRNO_BADF, nwritten: 0 };
  }
}

/** stdout or stderr: keeps what is written up to a limit. */
export class Output extends Stream {
  readonly #overflow: () => void;
  #buffer = new Uint8Array(4096);
  #length = 0;
  #limitBytes = 0;

  /** Takes what to do when a write goes past the limit; when it returns, the rest is dropped in silence. */
  constructor(overflow: () => void) {
    super(wasi.RIGHTS_FD_WRITE);
    this.#overflow = overflow;
  }

  begin(limitBytes: number): void {
    this.#limitBytes = limitBytes;
    this.#length = 0;
    if (this.#buffer.byteLength > keptBytes) this.#buffer = new Uint8Array(4096);
  }

  /** Returns a copy of what was kept. */
  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  override fd_read() {
    return { ret: wasi.ERRNO_BADF, data: new Uint8Array(0) };
  }

  override fd_write(data: Uint8Array) {
    const room = this.#limitBytes - this.#length;
    if (data.byteLength > room) this.#overflow();
    const kept = data.byteLength > room ? data.subarray(0, room) : data;
    if (this.#length + kept.byteLength > this.#buffer.byteLength) this.#enlarge(this.#length + kept.byteLength);
    this.#buffer.set(kept, this.#length);
    this.#length += kept.byteLength;
    return { ret: wasi.ERRNO_SUCCESS, nwritten: data.byteLength };
  }

  #enlarge(neededBytes: number): void {
    const larger = new Uint8Array(Math.min(this.#limitBytes, Math.max(neededBytes, 2 * this.#buffer.byteLength)));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
