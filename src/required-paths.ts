/**
 * Files and folders that a setting names: what is not there, or may not be read, stops the start with one sentence, in
 * place of a surprise at the first pull. What is in them is for others to judge.
 */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";

/** What a setting's path must lead to. */
type Wanted = "file" | "folder";

/** @throws {Error} a sentence that names the setting, the path and what is wrong with it */
export async function requirePath(variable: string, path: string, wanted: Wanted): Promise<void> {
  const why = await fault(path, wanted);
  if (why !== undefined) throw new Error(`${variable} is ${JSON.stringify(path)}, but ${why}`);
}

async function fault(path: string, wanted: Wanted): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory() !== (wanted === "folder"))
      return `that is ${found.isDirectory() ? "a folder" : "no folder"}`;
    await access(path, wanted === "folder" ? constants.R_OK | constants.X_OK : constants.R_OK);
    return undefined;
  } catch (error) {
    const code = Error.isError(error) && "code" in error ? String(error.code) : String(error);
    const whys: Readonly<Record<string, string>> = {
      ENOENT: `there is no such ${wanted}`,
      ENOTDIR: `there is no such ${wanted}`,
      EACCES: "this user may not read it",
    };
    return whys[code] ?? `it cannot be read (${code})`;
  }
}
