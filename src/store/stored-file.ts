/**
 * Looking at what lies in the store's folders: sizes, bytes, digests. Changes nothing and follows no symbolic link.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { algorithmOf, hexOf, isDigest, type Digest } from "../digest.ts";
import { errorCode, unless } from "./files.ts";

/** A file with a name such as the store gives. */
export type OwnFile = {
  readonly path: string;
  readonly sizeBytes: number;
  /** What it is named after; absent when it is an unfinished one. */
  readonly digest?: Digest;
};

/** Error codes that say: something is there, but its bytes are not to be had (a folder, a link, a dying disk). */
export const unreadable: readonly string[] = ["EISDIR", "ELOOP", "EIO"];

const unfinishedName = /^[0-9a-f-]{36}\.part$/;
const pieceBytes = 1024 * 1024;

/** Lists the blobs and unfinished files of one folder; anything else in it is not ours to touch. */
export async function ownFiles(folder: string): Promise<OwnFile[]> {
  const files: OwnFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const digest = `sha256:${entry.name}`;
    if (entry.isDirectory() || !(isDigest(digest) || unfinishedName.test(entry.name))) continue;
    const path = join(folder, entry.name);
    files.push({ path, sizeBytes: (await lstat(path)).size, ...(isDigest(digest) ? { digest } : {}) });
  }
  return files;
}

/** Returns a regular file's size; undefined for anything else, or nothing. */
export async function sizeOf(path: string): Promise<number | undefined> {
  const found = await unless(["ENOENT"], lstat(path));
  return found?.isFile() ? found.size : undefined;
}

/** Reads a whole file, as many bytes as it had when it was opened. */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return withFile(path, async (handle) => {
    const bytes = new Uint8Array((await handle.stat()).size);
    let filled = 0;
    while (filled < bytes.byteLength) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.byteLength - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  });
}

/** Tells whether a file's bytes have a digest; false when they cannot be read. */
export async function holds(path: string, digest: Digest): Promise<boolean> {
  try {
    return await withFile(path, async (handle) => {
      const hash = createHash(algorithmOf(digest));
      const piece = new Uint8Array(pieceBytes);
      for (;;) {
        const { bytesRead } = await handle.read(piece, 0, pieceBytes);
        if (bytesRead === 0) return hash.digest("hex") === hexOf(digest);
        hash.update(piece.subarray(0, bytesRead));
      }
    });
  } catch (error) {
    if (unreadable.includes(errorCode(error) ?? "")) return false;
    throw error;
  }
}

async function withFile<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** Tells whether two names are the same file's; a symbolic link is nobody's but its own. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([one, other].map((path) => unless(["ENOENT", "ENOTDIR"], lstat(path))));
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}
