/**
 * The SQLite file: how it is opened, what is refused, and how its schema came to be.
 *
 * One connection, in exclusive locking mode: the kernel holds the lock for as long as the process lives, so a second
 * gateway on the same folder is refused and a killed one blocks nobody. (POSIX drops such a lock when the process
 * closes any descriptor of the file: nothing else may open it, not even to look.) Exclusive mode also needs no shared
 * memory file, so WAL works wherever the folder is. A backup is a snapshot of the folder, or a copy made while stopped.
 */
import { chmodSync } from "node:fs";
import Database from "better-sqlite3";
import { errorCode, errorMessage, fileMode } from "./files.ts";

/** The schema's steps in order; user_version counts those that were taken. Steps are appended, never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE functions (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    image_digest TEXT NOT NULL,
    module_digest TEXT NOT NULL,
    module_size_bytes INTEGER NOT NULL,
    wasi_cap INTEGER NOT NULL,
    contract TEXT NOT NULL,
    limits TEXT NOT NULL,
    env TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (namespace, name)
  ) STRICT, WITHOUT ROWID`,
];

/** How long a start waits for another process to let go, as one that was just told to stop does. */
const busyTimeoutMs = 1000;

/**
 * Opens the database, makes it ours alone and brings its schema up to date.
 * @throws {Error} with one sentence for the operator: in use, damaged, newer than this program, not to be opened
 */
export function openDatabase(path: string, steps: readonly string[] = migrations): Database.Database {
  try {
    const database = new Database(path, { timeout: busyTimeoutMs });
    try {
      prepare(database, path, steps);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw explain(error, path);
  }
}

/** Tells whether an error says that what is on disk can no longer be known without reading it anew. */
export function isFatal(error: unknown): boolean {
  const code = errorCode(error) ?? "";
  // A write that failed was rolled back; a sync or a read that failed says nothing about what the disk holds.
  return /^SQLITE_(?:CORRUPT|NOTADB|IOERR)/.test(code) && code !== "SQLITE_IOERR_WRITE";
}

function prepare(database: Database.Database, path: string, steps: readonly string[]): void {
  // Before there is a -wal file, which takes its mode from this one.
  chmodSync(path, fileMode);
  database.pragma("locking_mode = EXCLUSIVE");
  expectPragma(database, "journal_mode = WAL", "wal");
  // FULL: a commit returns when the log is synced. fullfsync: on macOS a plain fsync stops at the drive's cache.
  database.pragma("synchronous = FULL");
  database.pragma("fullfsync = ON");
  database.pragma("foreign_keys = ON");
  migrate(database, path, steps);
  expectPragma(database, "quick_check(1)", "ok");
}

/** Takes the steps that are missing, each with its count in one transaction; the first one also takes the lock. */
function migrate(database: Database.Database, path: string, steps: readonly string[]): void {
  database.exec("BEGIN EXCLUSIVE; COMMIT");
  const version = Number(database.pragma("user_version", { simple: true }));
  if (version > steps.length) {
    throw new Error(
      `expected a database of version ${steps.length} at most at ${path}, got version ${version}: a newer Wasmgate wrote it, run that one`,
    );
  }
  steps.slice(version).forEach((step, index) => {
    database.transaction(() => {
      database.exec(step);
      database.pragma(`user_version = ${version + index + 1}`);
    })();
  });
}

function expectPragma(database: Database.Database, pragma: string, expected: string): void {
  const found = database.pragma(pragma, { simple: true });
  if (found !== expected) throw new DatabaseDamage(`${pragma}: expected ${expected}, got ${String(found)}`);
}

class DatabaseDamage extends Error {
  readonly code = "SQLITE_CORRUPT";
}

function explain(error: unknown, path: string): Error {
  const code = errorCode(error);
  const said = errorMessage(error);
  if (code === undefined) return error instanceof Error ? error : new Error(said);
  const cause = { cause: error };
  if (code.startsWith("SQLITE_BUSY")) {
    return new Error(
      `the data folder is in use: another gateway has ${path} open; stop it or choose another folder`,
      cause,
    );
  }
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new Error(
      `the database ${path} is damaged (${said}); restore it from a backup, or move it away to start anew`,
      cause,
    );
  }
  return new Error(`the database ${path} cannot be opened (${code}: ${said})`, cause);
}
