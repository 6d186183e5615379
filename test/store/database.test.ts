import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { isFatal, migrations, openDatabase } from "../../src/store/database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let count = 0;
const freshPath = (): string => join(folder, `${++count}.db`);

function columnsOf(database: Database.Database, table: string): string[] {
  return database
    .prepare<[string], { name: string }>("SELECT name FROM pragma_table_info(?)")
    .all(table)
    .map((row) => row.name);
}

describe("openDatabase()", () => {
  test("makes a database that syncs every commit, keeps references and is the user's alone", () => {
    const path = freshPath();
    const database = openDatabase(path);
    const pragma = (name: string): unknown => database.pragma(name, { simple: true });
    expect(pragma("journal_mode")).toBe("wal");
    expect(pragma("synchronous")).toBe(2);
    expect(pragma("foreign_keys")).toBe(1);
    expect(pragma("locking_mode")).toBe("exclusive");
    expect(pragma("user_version")).toBe(migrations.length);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    database.close();
  });

  test("takes only the steps that are missing, in order", () => {
    const path = freshPath();
    openDatabase(path, ["CREATE TABLE first (a)"]).close();
    const steps = ["CREATE TABLE first (a)", "ALTER TABLE first ADD COLUMN b", "ALTER TABLE first ADD COLUMN c"];
    const database = openDatabase(path, steps);
    expect(columnsOf(database, "first")).toEqual(["a", "b", "c"]);
    expect(database.pragma("user_version", { simple: true })).toBe(3);
    database.close();
  });

  test("undoes the whole of a step that fails and keeps those before it", () => {
    const path = freshPath();
    const steps = ["CREATE TABLE first (a)", "CREATE TABLE second (a); CREATE TABLE first (a)"];
    expect(() => openDatabase(path, steps)).toThrow("table first already exists");
    const database = openDatabase(path, steps.slice(0, 1));
    expect(columnsOf(database, "first")).toEqual(["a"]);
    expect(columnsOf(database, "second")).toEqual([]);
    database.close();
  });

  test("refuses a database that a newer program wrote and leaves it as it is", () => {
    const path = freshPath();
    openDatabase(path, ["CREATE TABLE first (a)", "CREATE TABLE second (a)"]).close();
    expect(() => openDatabase(path, ["CREATE TABLE first (a)"])).toThrow(/got version 2: a newer Wasmgate wrote it/);
    const database = openDatabase(path, ["", ""]);
    expect(database.pragma("user_version", { simple: true })).toBe(2);
    database.close();
  });

  test("refuses a database that is open elsewhere, until it is closed there", () => {
    const path = freshPath();
    const first = openDatabase(path);
    expect(() => openDatabase(path)).toThrow(/^the data folder is in use: another gateway has .* open; stop it/);
    first.close();
    openDatabase(path).close();
  });

  test("names a file that is no database as damaged", () => {
    const path = freshPath();
    writeFileSync(path, "this was a database once".repeat(100));
    expect(() => openDatabase(path)).toThrow(/^the database .* is damaged \(file is not a database\); restore it/);
  });

  test("names a database with a broken page as damaged", () => {
    const path = freshPath();
    const whole = openDatabase(path);
    whole.exec("CREATE TABLE t (a)");
    whole.exec(
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) INSERT INTO t SELECT i FROM n",
    );
    whole.close();
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096 * 3, 4096 * 6);
    writeFileSync(path, bytes);
    expect(() => openDatabase(path)).toThrow(/ is damaged \(/);
  });

  test("names a file that it may not open", () => {
    expect(() => openDatabase(folder)).toThrow(/^the database .* cannot be opened \(SQLITE_CANTOPEN/);
  });
});

describe("isFatal()", () => {
  test("tells damage and failed syncs from a full disk, failed writes and constraints", () => {
    const fatal = (code: string): boolean => isFatal(Object.assign(new Error(), { code }));
    expect(["SQLITE_CORRUPT", "SQLITE_CORRUPT_VTAB", "SQLITE_NOTADB", "SQLITE_IOERR_FSYNC"].every(fatal)).toBe(true);
    expect(["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_CONSTRAINT_UNIQUE"].some(fatal)).toBe(false);
    expect(isFatal(new Error("no code"))).toBe(false);
  });
});
