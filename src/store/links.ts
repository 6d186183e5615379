/**
 * The files by which people find a function's module: hard links to blobs, so that they cost a name and no bytes.
 *
 *   DATA_DIR/functions/NAME/NAME.wasm                          namespace openfaas-fn
 *   DATA_DIR/namespaces/NS/functions/NAME/NAME.wasm            any other
 *
 * Nothing in the gateway reads them; the blob is the truth. Where the file system has no hard links, or a blob has as
 * many as it may (65000 on ext4), the name is a copy, which the quota does not count.
 */
import { constants } from "node:fs";
import { copyFile, link, lstat, open, readdir, realpath, rename, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode, makeFolder, syncFolder, unless, unlinkIfThere } from "./files.ts";

/** The namespace whose functions live directly below DATA_DIR/functions, as WasmEngine's did. */
const plainNamespace = "openfaas-fn";

/** What link() answers where a hard link cannot be had but a copy can. */
const noHardLink = ["EPERM", "EXDEV", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** Returns where a function's module is to be found. */
export function functionFile(dataDir: string, name: string, namespace: string): string {
  const above = namespace === plainNamespace ? [] : ["namespaces", namespace];
  return join(dataDir, ...above, "functions", name, `${name}.wasm`);
}

/**
 * Returns the folder of a function's namespace where that goes with its last function; undefined for the plain one,
 * whose folder stays. Placing and removing below such a folder must take turns.
 */
export function namespaceFolder(dataDir: string, path: string): string | undefined {
  const above = dirname(dirname(dirname(path)));
  return dirname(above) === join(dataDir, "namespaces") ? above : undefined;
}

/** Gives a file a second name, durably and in one step, in place of whatever had that name. */
export async function placeLink(places: {
  readonly source: string;
  readonly path: string;
  /** A free name in the same file system; nothing is there afterwards. */
  readonly temporary: string;
}): Promise<void> {
  const { source, path, temporary } = places;
  await makeFolder(dirname(path));
  try {
    await linkOrCopy(source, temporary);
    await rename(temporary, path);
  } finally {
    // POSIX: when both names are the same file already, rename() does nothing and leaves the old name.
    await unlinkIfThere(temporary);
  }
  await syncFolder(dirname(path));
}

/**
 * Removes a function's file and its folder, durably, and with the last function of a namespace the namespace's folders;
 * what else lies in a folder stays, and the folder with it.
 * @throws {Error} when a folder on the way is a symbolic link
 */
export async function removeLink(dataDir: string, path: string): Promise<void> {
  const folder = dirname(path);
  const real = await unless(["ENOENT"], realpath(folder));
  if (real === undefined) return;
  if (real !== folder) throw new Error(`expected a folder at ${folder}, got a symbolic link to ${real}`);
  await unlinkIfThere(path);
  await syncFolder(folder);
  const above = namespaceFolder(dataDir, path);
  const folders = above === undefined ? [folder] : [folder, dirname(folder), above];
  for (const each of folders) if (!(await removeEmpty(each))) return;
}

/** Removes a folder in which nothing is, durably; tells whether it did. */
async function removeEmpty(folder: string): Promise<boolean> {
  const removed = await unless(
    ["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR"],
    rmdir(folder).then(() => true),
  );
  if (removed === undefined) return false;
  await syncFolder(dirname(folder));
  return true;
}

/** Removes the files of functions that are not in `used`, a set of paths; returns how many went. For the start. */
export async function sweepLinks(dataDir: string, used: ReadonlySet<string>): Promise<number> {
  const namespaces = await foldersIn(join(dataDir, "namespaces"));
  let removed = 0;
  for (const above of [dataDir, ...namespaces]) {
    for (const folder of await foldersIn(join(above, "functions"))) {
      const path = join(folder, `${basename(folder)}.wasm`);
      if (used.has(path)) continue;
      if ((await unless(["ENOENT"], lstat(path))) !== undefined) removed++;
      // Also without a file: a crash between making or emptying the folder and the next step leaves it empty.
      await removeLink(dataDir, path);
    }
  }
  for (const each of namespaces) if (await removeEmpty(join(each, "functions"))) await removeEmpty(each);
  return removed;
}

async function linkOrCopy(source: string, path: string): Promise<void> {
  try {
    await link(source, path);
  } catch (error) {
    if (!noHardLink.includes(errorCode(error) ?? "")) throw error;
    await copyFile(source, path, constants.COPYFILE_EXCL);
    const handle = await open(path, "r+");
    await handle.sync().finally(() => handle.close());
  }
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await unless(["ENOENT", "ENOTDIR"], readdir(path, { withFileTypes: true }));
  return (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}
