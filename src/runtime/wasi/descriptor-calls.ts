/**
 * The fd_ functions that move no bytes of a file: what a descriptor is, where it stands, what it lists, and its end.
 */
import { type Fd, wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";
import type { Descriptors } from "./descriptors.ts";
import { nameTooLong } from "./errno.ts";
import { OpenFolder } from "./folders.ts";
import { direntBytes, writeFdstat, writeFilestat } from "./stats.ts";

type Host = { readonly memory: GuestMemory; readonly descriptors: Descriptors };
type Find = (descriptor: number, use: (fd: Fd) => number) => number;

/** The imports about descriptors. */
export function descriptorCalls(host: Host) {
  const find: Find = (descriptor, use) => {
    const fd = host.descriptors.find(descriptor);
    return fd === undefined ? wasi.ERRNO_BADF : use(fd);
  };
  return {
    ...changes(host, find),
    ...statistics(host, find),
    ...positions(host, find),
    ...mounts(host, find),
    ...listing(host),
  };
}

function changes({ descriptors }: Host, find: Find) {
  return {
    fd_close: (descriptor: number): number => (descriptors.close(descriptor) ? wasi.ERRNO_SUCCESS : wasi.ERRNO_BADF),
    fd_renumber: (from: number, to: number): number =>
      descriptors.renumber(from, to) ? wasi.ERRNO_SUCCESS : wasi.ERRNO_BADF,
    fd_advise: (descriptor: number): number => find(descriptor, () => wasi.ERRNO_SUCCESS),
    fd_allocate: (descriptor: number, offset: bigint, length: bigint): number =>
      find(descriptor, (fd) => fd.fd_allocate(offset, length)),
    fd_datasync: (descriptor: number): number => find(descriptor, (fd) => fd.fd_sync()),
    fd_sync: (descriptor: number): number => find(descriptor, (fd) => fd.fd_sync()),
    fd_filestat_set_size: (descriptor: number, size: bigint): number =>
      find(descriptor, (fd) => fd.fd_filestat_set_size(size)),
    fd_filestat_set_times: (descriptor: number): number => find(descriptor, () => wasi.ERRNO_NOTSUP),
    fd_fdstat_set_flags: (descriptor: number, flags: number): number =>
      find(descriptor, (fd) => fd.fd_fdstat_set_flags(flags)),
    fd_fdstat_set_rights: (descriptor: number): number => find(descriptor, () => wasi.ERRNO_NOTSUP),
  };
}

function statistics(host: Host, find: Find) {
  return {
    fd_fdstat_get: (descriptor: number, result: number): number =>
      find(descriptor, (fd) => {
        const { ret, fdstat } = fd.fd_fdstat_get();
        if (fdstat !== null) writeFdstat(host.memory, result, fdstat);
        return ret;
      }),
    fd_filestat_get: (descriptor: number, result: number): number =>
      find(descriptor, (fd) => {
        const { ret, filestat } = fd.fd_filestat_get();
        if (filestat !== null) writeFilestat(host.memory, result, filestat);
        return ret;
      }),
  };
}

function positions(host: Host, find: Find) {
  const report = (result: number, { ret, offset }: { ret: number; offset: bigint }): number => {
    if (ret === wasi.ERRNO_SUCCESS) host.memory.writeU64(result, offset);
    return ret;
  };
  return {
    fd_seek: (descriptor: number, offset: bigint, whence: number, result: number): number =>
      find(descriptor, (fd) => {
        host.memory.check(result, 8);
        return report(result, fd.fd_seek(offset, whence));
      }),
    fd_tell: (descriptor: number, result: number): number => find(descriptor, (fd) => report(result, fd.fd_tell())),
  };
}

function mounts(host: Host, find: Find) {
  return {
    fd_prestat_get: (descriptor: number, result: number): number =>
      find(descriptor, (fd) => {
        const { prestat } = fd.fd_prestat_get();
        if (prestat === null) return wasi.ERRNO_BADF;
        host.memory.check(result, 8);
        host.memory.writeU32(result, prestat.tag);
        host.memory.writeU32((result >>> 0) + 4, prestat.inner.pr_name.byteLength);
        return wasi.ERRNO_SUCCESS;
      }),
    fd_prestat_dir_name: (descriptor: number, at: number, length: number): number =>
      find(descriptor, (fd) => {
        const { prestat } = fd.fd_prestat_get();
        if (prestat === null) return wasi.ERRNO_BADF;
        const name = prestat.inner.pr_name;
        if (name.byteLength > length >>> 0) throw nameTooLong;
        host.memory.write(at, name);
        return wasi.ERRNO_SUCCESS;
      }),
  };
}

function listing(host: Host) {
  return {
    // eslint-disable-next-line max-params -- WASI's own parameters
    fd_readdir: (descriptor: number, at: number, length: number, cookie: bigint, result: number): number => {
      const folder = host.descriptors.find(descriptor);
      if (folder === undefined) return wasi.ERRNO_BADF;
      if (!(folder instanceof OpenFolder)) return wasi.ERRNO_NOTDIR;
      host.memory.check(result, 4);
      host.memory.check(at, length);
      const room = length >>> 0;
      let used = 0;
      for (const entry of folder.list(BigInt.asUintN(64, cookie))) {
        const bytes = direntBytes(entry).subarray(0, room - used);
        host.memory.write((at >>> 0) + used, bytes);
        used += bytes.byteLength;
        if (used === room) break;
      }
      // A full buffer tells the guest that there is more: the last entry may be cut.
      host.memory.writeU32(result, used);
      return wasi.ERRNO_SUCCESS;
    },
  };
}
