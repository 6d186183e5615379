/** The generated modules of test/fixtures/corpus. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

/** Reads all of them; they need no imports, and their calls end. */
export function readCorpus(): Uint8Array<ArrayBuffer>[] {
  const all = brotliDecompressSync(readFileSync(join(import.meta.dirname, "..", "fixtures", "corpus", "modules.br")));
  const modules: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0, sizeBytes = 0; at < all.length; at += 4 + sizeBytes) {
    sizeBytes = all.readUInt32LE(at);
    modules.push(new Uint8Array(all.subarray(at + 4, at + 4 + sizeBytes)));
  }
  return modules;
}
