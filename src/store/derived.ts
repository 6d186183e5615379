/**
 * Files that others made of blobs and can make again: DATA_DIR/rewritten/<hex of the blob>.<whatever>. They go when their
 * blob goes. What is in them is nobody's business here.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hexOf, type Digest } from "../digest.ts";
import { unless, unlinkIfThere } from "./files.ts";

/** Removes what was made of a blob. */
export async function removeDerived(folder: string, digest: Digest): Promise<void> {
  await removeAll(folder, (name) => name.startsWith(`${hexOf(digest)}.`));
}

/** Removes what was made of blobs that are not in `used`, and what was never finished; returns how many files went. */
export async function sweepDerived(folder: string, used: ReadonlySet<Digest>): Promise<number> {
  const hexes = new Set([...used].map(hexOf));
  return removeAll(folder, (name) => !hexes.has(name.slice(0, Math.max(0, name.indexOf(".")))));
}

async function removeAll(folder: string, doomed: (name: string) => boolean): Promise<number> {
  let removed = 0;
  for (const entry of (await unless(["ENOENT"], readdir(folder, { withFileTypes: true }))) ?? []) {
    if (!entry.isFile() || !doomed(entry.name)) continue;
    await unlinkIfThere(join(folder, entry.name));
    removed += 1;
  }
  return removed;
}
