/**
 * The structures by which WASI describes descriptors and files, written whole, padding as zeros. The shim's own writers
 * leave the padding as it was and put the times of a filestat two bytes too early, into the size.
 * https://github.com/WebAssembly/WASI/blob/snapshot-01/phases/snapshot/docs.md#filestat
 */
import type { wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";

/** Writes a filestat, 64 bytes. */
export function writeFilestat(memory: GuestMemory, pointer: number, stat: wasi.Filestat): void {
  const bytes = new DataView(new ArrayBuffer(64));
  bytes.setBigUint64(0, stat.dev, true);
  bytes.setBigUint64(8, stat.ino, true);
  bytes.setUint8(16, stat.filetype);
  bytes.setBigUint64(24, 1n, true);
  bytes.setBigUint64(32, stat.size, true);
  memory.write(pointer, new Uint8Array(bytes.buffer));
}

/** Writes an fdstat, 24 bytes. */
export function writeFdstat(memory: GuestMemory, pointer: number, stat: wasi.Fdstat): void {
  const bytes = new DataView(new ArrayBuffer(24));
  bytes.setUint8(0, stat.fs_filetype);
  bytes.setUint16(2, stat.fs_flags, true);
  bytes.setBigUint64(8, stat.fs_rights_base, true);
  bytes.setBigUint64(16, stat.fs_rights_inherited, true);
  memory.write(pointer, new Uint8Array(bytes.buffer));
}

/** Returns a directory entry: 24 bytes and the name. */
export function direntBytes(entry: wasi.Dirent): Uint8Array {
  const bytes = new Uint8Array(24 + entry.dir_name.byteLength);
  entry.write_head_bytes(new DataView(bytes.buffer), 0);
  bytes.set(entry.dir_name, 24);
  return bytes;
}
