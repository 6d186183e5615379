/**
 * The path_ functions: reads paths out of the guest with PATH_MAX as their bound, and asks the folder.
 * Symbolic links do not exist here.
 */
import { isUtf8 } from "node:buffer";
import { type Fd, wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";
import type { Descriptors } from "./descriptors.ts";
import { Errno, illegalSequence, nameTooLong } from "./errno.ts";
import { OpenFolder } from "./folders.ts";
import { writeFilestat } from "./stats.ts";

/* eslint-disable max-params -- WASI's own parameters */

const maxPathBytes = 4096;

type Host = { readonly memory: GuestMemory; readonly descriptors: Descriptors };

/** The imports that take paths. */
export function paths(host: Host) {
  const withPath = (descriptor: number, at: number, length: number, use: (fd: Fd, path: string) => number): number => {
    const fd = host.descriptors.find(descriptor);
    return fd === undefined ? wasi.ERRNO_BADF : use(fd, readPath(host.memory, at, length));
  };
  return {
    path_create_directory: (descriptor: number, at: number, length: number): number =>
      withPath(descriptor, at, length, (fd, path) => fd.path_create_directory(path)),
    path_remove_directory: (descriptor: number, at: number, length: number): number =>
      withPath(descriptor, at, length, (fd, path) => fd.path_remove_directory(path)),
    path_unlink_file: (descriptor: number, at: number, length: number): number =>
      withPath(descriptor, at, length, (fd, path) => fd.path_unlink_file(path)),
    path_filestat_get: (descriptor: number, flags: number, at: number, length: number, result: number): number =>
      withPath(descriptor, at, length, (fd, path) => {
        const { ret, filestat } = fd.path_filestat_get(flags, path);
        if (filestat !== null) writeFilestat(host.memory, result, filestat);
        return ret;
      }),
    path_filestat_set_times: (): number => wasi.ERRNO_NOTSUP,
    path_readlink: (descriptor: number, at: number, length: number): number =>
      withPath(descriptor, at, length, (fd, path) => fd.path_lookup(path, 0).ret || wasi.ERRNO_INVAL),
    path_symlink: (): number => wasi.ERRNO_NOTSUP,
    path_open: openPath(host),
    ...movePaths(host),
  };
}

function openPath(host: Host) {
  return (
    descriptor: number,
    lookup: number,
    at: number,
    length: number,
    oflags: number,
    rights: bigint,
    inheriting: bigint,
    flags: number,
    result: number,
  ): number => {
    const { memory, descriptors } = host;
    const fd = descriptors.find(descriptor);
    if (fd === undefined) return wasi.ERRNO_BADF;
    const path = readPath(memory, at, length);
    // All that can fail comes before the file is made, emptied, or given a number.
    memory.check(result, 4);
    descriptors.checkRoom();
    const { ret, fd_obj: opened } = fd.path_open(lookup, path, oflags, rights, inheriting, flags);
    if (ret !== wasi.ERRNO_SUCCESS || opened === null) return ret;
    memory.writeU32(result, descriptors.add(opened));
    return wasi.ERRNO_SUCCESS;
  };
}

function movePaths(host: Host) {
  const folder = (descriptor: number): OpenFolder => {
    const fd = host.descriptors.find(descriptor);
    if (fd instanceof OpenFolder) return fd;
    throw new Errno(fd === undefined ? wasi.ERRNO_BADF : wasi.ERRNO_NOTDIR);
  };
  return {
    path_link: (
      oldDescriptor: number,
      flags: number,
      oldAt: number,
      oldLength: number,
      newDescriptor: number,
      newAt: number,
      newLength: number,
    ): number => {
      const [from, to] = [folder(oldDescriptor), folder(newDescriptor)];
      const { ret, inode_obj: node } = from.path_lookup(readPath(host.memory, oldAt, oldLength), flags);
      if (node === null) return ret;
      const newPath = readPath(host.memory, newAt, newLength);
      if (to.path_lookup(newPath, 0).inode_obj !== null) return wasi.ERRNO_EXIST;
      return to.path_link(newPath, node, false);
    },
    path_rename: (
      oldDescriptor: number,
      oldAt: number,
      oldLength: number,
      newDescriptor: number,
      newAt: number,
      newLength: number,
    ): number =>
      folder(oldDescriptor).rename(
        readPath(host.memory, oldAt, oldLength),
        folder(newDescriptor),
        readPath(host.memory, newAt, newLength),
      ),
  };
}

function readPath(memory: GuestMemory, at: number, length: number): string {
  const bytes = memory.read(at, length);
  if (bytes.byteLength > maxPathBytes) throw nameTooLong;
  const copy = Buffer.from(bytes);
  if (!isUtf8(copy)) throw illegalSequence;
  return copy.toString("utf8");
}
