/** What a gateway has written into its data folder. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * All files that functions have in a data folder, the database's apart and what was made of a blob that is there;
 * relative paths, in order.
 */
export function filesIn(dataDir: string): string[] {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("wasmgate.db"))
    .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
    .sort();
  const rewrittenOf = (file: string): string | undefined => /^rewritten\/([0-9a-f]{64})\./.exec(file)?.[1];
  return files.filter((file) => !files.includes(`blobs/sha256/${rewrittenOf(file)}`));
}
