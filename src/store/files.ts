/**
 * The steps by which a file becomes durable, and what the file system's refusals mean.
 *
 * A file is on disk when its bytes are synced and the folder that names it is synced; mkdir, rename and unlink change a
 * folder, so each is followed by a sync of that folder. Symbolic links below the data folder are never followed: this
 * file makes and checks folders, the callers open files with O_NOFOLLOW or do not open them at all.
 */
import { chmod, lstat, mkdir, open, readdir, realpath, stat, unlink } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { GatewayError } from "../errors.ts";

/** Nobody but the gateway's user: the data folder holds modules of all namespaces and, later, secrets. */
export const folderMode = 0o700;
export const fileMode = 0o600;

/** Returns the code of an error of the system or of SQLite, such as "ENOENT"; undefined when it has none. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Returns what an error says. Asked of its shape, since an error may come from another realm with its own Error. */
export function errorMessage(error: unknown): string {
  return typeof error === "object" && error !== null && "message" in error ? String(error.message) : String(error);
}

/** Runs work on files; a full disk or an exhausted disk quota comes out as STORAGE_FULL, all else as it is. */
export async function orStorageFull<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    throw new GatewayError("STORAGE_FULL", `expected room on the data folder's disk, got ${code}`, { cause: error });
  }
}

/** Waits for work; returns undefined in place of an error that has one of these codes. */
export async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Makes the names in a folder durable: what was created, renamed or removed in it. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes the data folder and whatever leads to it, and returns its real path.
 * A folder that is there already is closed to others only while it is empty: one with things in it may be shared (a
 * data folder of "/tmp" by mistake), and everything that we put into it is closed by itself.
 * @throws {Error} with one sentence for the operator when it cannot be made or used; a full disk's error as it is
 */
export async function openDataFolder(path: string): Promise<string> {
  try {
    return await makeDataFolder(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || code === "ENOSPC" || code === "EDQUOT") throw error;
    const why = code === "EEXIST" || code === "ENOTDIR" ? "a file is in its place" : errorMessage(error);
    throw new Error(`the data folder ${path} cannot be used: ${why}`, { cause: error });
  }
}

async function makeDataFolder(path: string): Promise<string> {
  await makeWay(resolve(path));
  const folder = await realpath(path);
  // EPERM: the folder is a volume that belongs to somebody else and was given to our group.
  if ((await readdir(folder)).length === 0) await unless(["EPERM"], chmod(folder, folderMode));
  return folder;
}

/** Makes a folder and what leads to it, durably. Node's own recursive mkdir() never ends in /proc, as of 26.10. */
async function makeWay(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeWay(dirname(path));
  try {
    await mkdir(path, { mode: folderMode });
  } catch (error) {
    // Another process was faster.
    if (errorCode(error) === "EEXIST" && (await isFolder(path))) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Tells whether a path leads to a folder, symbolic links followed. */
async function isFolder(path: string): Promise<boolean> {
  return (await unless(["ENOENT"], stat(path)))?.isDirectory() ?? false;
}

/**
 * Makes a folder below the data folder, with the folders that lead to it, durably.
 * @throws {Error} when something else has that name; a symbolic link to a folder counts as something else
 */
export async function makeFolder(path: string): Promise<void> {
  const found = await unless(["ENOENT"], lstat(path));
  if (found?.isDirectory()) return;
  if (found !== undefined) throw new Error(`expected a folder at ${path}, got something else, or a symbolic link`);
  await makeFolder(dirname(path));
  await unless(["EEXIST"], mkdir(path, { mode: folderMode }));
  await syncFolder(dirname(path));
}

/** Removes a name that may be absent; a symbolic link goes itself, not what it points at. */
export async function unlinkIfThere(path: string): Promise<void> {
  await unless(["ENOENT"], unlink(path));
}
