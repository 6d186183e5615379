/**
 * fd_read, fd_write and their positioned forms: moves bytes between a descriptor and the buffers that a guest lists.
 *
 * A list has at most IOV_MAX entries, each is checked before the first byte moves, and their sum must fit the u32 in
 * which the answer is given: one region of memory can be listed a thousand times.
 */
import { type Fd, wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";
import type { Descriptors } from "./descriptors.ts";
import { invalid } from "./errno.ts";

const maxVectors = 1024;
const maxTotalBytes = 0xffff_ffff;

type Host = { readonly memory: GuestMemory; readonly descriptors: Descriptors };

/** Moves the bytes of one entry, `doneBytes` after the first of the list; returns an errno and how many moved. */
type Move = (fd: Fd, pointer: number, length: number, doneBytes: number) => { errno: number; moved: number };

/** The imports that move bytes. */
export function transfers(host: Host) {
  return { ...reads(host), ...writes(host) };
}

function reads(host: Host) {
  const give = (pointer: number, { ret, data }: { ret: number; data: Uint8Array }) => {
    if (ret === wasi.ERRNO_SUCCESS) host.memory.write(pointer, data);
    return { errno: ret, moved: data.byteLength };
  };
  return {
    fd_read: (descriptor: number, vectors: number, count: number, result: number): number =>
      transfer(host, host.descriptors.find(descriptor), { vectors, count, result }, (fd, pointer, length) =>
        give(pointer, fd.fd_read(length)),
      ),
    // eslint-disable-next-line max-params -- WASI's own parameters
    fd_pread: (descriptor: number, vectors: number, count: number, offset: bigint, result: number): number =>
      transfer(host, host.descriptors.find(descriptor), { vectors, count, result }, (fd, pointer, length, doneBytes) =>
        give(pointer, fd.fd_pread(length, position(offset, doneBytes))),
      ),
  };
}

function writes(host: Host) {
  const moved = ({ ret, nwritten }: { ret: number; nwritten: number }) => ({ errno: ret, moved: nwritten });
  return {
    fd_write: (descriptor: number, vectors: number, count: number, result: number): number =>
      transfer(host, host.descriptors.find(descriptor), { vectors, count, result }, (fd, pointer, length) =>
        moved(fd.fd_write(host.memory.read(pointer, length))),
      ),
    // eslint-disable-next-line max-params -- WASI's own parameters
    fd_pwrite: (descriptor: number, vectors: number, count: number, offset: bigint, result: number): number =>
      transfer(host, host.descriptors.find(descriptor), { vectors, count, result }, (fd, pointer, length, doneBytes) =>
        moved(fd.fd_pwrite(host.memory.read(pointer, length), position(offset, doneBytes))),
      ),
  };
}

function transfer(
  { memory }: Host,
  fd: Fd | undefined,
  list: { readonly vectors: number; readonly count: number; readonly result: number },
  move: Move,
): number {
  if (fd === undefined) return wasi.ERRNO_BADF;
  checkVectors(memory, list.vectors, list.count);
  memory.check(list.result, 4);
  const first = list.vectors >>> 0;
  let doneBytes = 0;
  for (let index = 0; index < list.count; index++) {
    const length = memory.readU32(first + 8 * index + 4);
    const { errno, moved } = move(fd, memory.readU32(first + 8 * index), length, doneBytes);
    // What moved before an error is reported; the error comes again with the next call.
    if (errno !== wasi.ERRNO_SUCCESS && doneBytes === 0) return errno;
    if (errno !== wasi.ERRNO_SUCCESS) break;
    doneBytes += moved;
    if (moved < length) break;
  }
  memory.writeU32(list.result, doneBytes);
  return wasi.ERRNO_SUCCESS;
}

function checkVectors(memory: GuestMemory, vectors: number, count: number): void {
  // The count is unsigned: a negative one is above 2^31.
  if (count < 0 || count > maxVectors) throw invalid;
  memory.check(vectors, 8 * count);
  const first = vectors >>> 0;
  let totalBytes = 0;
  for (let index = 0; index < count; index++) {
    const length = memory.readU32(first + 8 * index + 4);
    memory.check(memory.readU32(first + 8 * index), length);
    totalBytes += length;
  }
  if (totalBytes > maxTotalBytes) throw invalid;
}

function position(offset: bigint, doneBytes: number): bigint {
  return BigInt.asUintN(64, offset) + BigInt(doneBytes);
}
