/** What a gateway has written into its data folder. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** All files that functions have in a data folder, the database's apart; relative paths, in order. */
export function filesIn(dataDir: string): string[] {
  return readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("wasmgate.db"))
    .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
    .sort();
}
