/**
 * Rewritten modules on disk, so that a start need not rewrite what an earlier one did. Written by the compiler's thread
 * beside the blobs, under the rewriter's version; losing one costs milliseconds, believing a damaged one would cost the
 * wall between calls, so each is checked against its own digest before it is used.
 *
 *   FOLDER/<hex of the module>.v<version>.<variant>      sha256 of the rest, in hex | JSON of what the host must know | \n | bytes
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, hexOf, type Digest } from "../digest.ts";
import { rewriterVersion, type Rewritten } from "../wasm/rewrite.ts";

/** A rewritten module's name among the files. */
export type FileName = { readonly folder: string; readonly digest: Digest; readonly variant: "tracked" | "untracked" };

const hexLength = 64;
const newline = 0x0a;

/** Reads a rewritten module; undefined when there is none that is sound. */
export function readRewritten(name: FileName): Rewritten | undefined {
  let file: Buffer;
  try {
    file = readFileSync(pathOf(name));
  } catch {
    return undefined; // not there, or not to be read: it is made anew
  }
  const rest = file.subarray(hexLength);
  if (hexOf(digestOf(rest)) !== file.toString("latin1", 0, hexLength)) return undefined;
  const end = rest.indexOf(newline);
  const facts = JSON.parse(rest.toString("utf8", 0, end)) as Omit<Rewritten, "bytes">;
  return { ...facts, bytes: new Uint8Array(rest.subarray(end + 1)) };
}

/** Writes a rewritten module; a disk that is full only means that it is made anew next time. */
export function writeRewritten(name: FileName, { bytes, ...facts }: Rewritten): void {
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify(facts)}\n`), bytes]);
  const temporary = join(name.folder, `${randomUUID()}.part`);
  try {
    mkdirSync(name.folder, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, Buffer.concat([Buffer.from(hexOf(digestOf(rest))), rest]), { mode: 0o600 });
    renameSync(temporary, pathOf(name));
  } catch {
    return;
  }
}

function pathOf({ folder, digest, variant }: FileName): string {
  return join(folder, `${hexOf(digest)}.v${rewriterVersion}.${variant}`);
}
