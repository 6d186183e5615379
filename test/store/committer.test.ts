import { join } from "node:path";
import type Database from "better-sqlite3";
import { Committer, type Job } from "../../src/store/committer.ts";
import { openDatabase } from "../../src/store/database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let count = 0;
let database: Database.Database;
let committer: Committer;

const schema = "CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB) STRICT";
const references = `CREATE TABLE parent (a INTEGER PRIMARY KEY);
  CREATE TABLE child (a REFERENCES parent (a) DEFERRABLE INITIALLY DEFERRED)`;

beforeEach(() => {
  database = openDatabase(join(folder, `${++count}.db`), [schema, references]);
  committer = new Committer(database);
});
afterEach(() => database.close());

const insert = (...values: number[]): Job => ({
  kind: "write",
  statements: values.map((value) => ({ sql: "INSERT INTO t (a) VALUES (?)", values: [value] })),
});
const read = (sql: string): Job => ({ kind: "read", statement: { sql } });
const done = { kind: "done", rows: [] };

function kept(): number[] {
  return database
    .prepare<[], { a: number }>("SELECT a FROM t ORDER BY a")
    .all()
    .map((row) => row.a);
}

describe("commit()", () => {
  test("runs jobs in order, and a read sees the writes before it and not those after it", () => {
    const answers = committer.commit([insert(1, 2), read("SELECT a FROM t"), insert(3)]);
    expect(answers).toEqual([done, { kind: "done", rows: [{ a: 1 }, { a: 2 }] }, done]);
    expect(kept()).toEqual([1, 2, 3]);
    expect(database.inTransaction).toBe(false);
  });

  test("undoes all of a job that fails and nothing of the others", () => {
    const answers = committer.commit([insert(1), insert(2, 1), insert(3)]);
    expect(answers).toEqual([
      done,
      { kind: "failed", code: "SQLITE_CONSTRAINT_PRIMARYKEY", message: "UNIQUE constraint failed: t.a" },
      done,
    ]);
    expect(kept()).toEqual([1, 3]);
  });

  test("fails only the job whose statement SQLite does not understand or whose values do not fit", () => {
    const misspelled: Job = { kind: "write", statements: [{ sql: "INSRT" }] };
    const tooMany: Job = { kind: "write", statements: [{ sql: "INSERT INTO t (a) VALUES (?)", values: [1, 2] }] };
    const answers = committer.commit([misspelled, tooMany, insert(5)]);
    expect(answers.map((answer) => answer.kind)).toEqual(["failed", "failed", "done"]);
    expect(kept()).toEqual([5]);
  });

  test("fails only the job that breaks a constraint which is looked at when all is committed", () => {
    const orphan: Job = { kind: "write", statements: [{ sql: "INSERT INTO child VALUES (7)" }] };
    const answers = committer.commit([insert(1), orphan, insert(2)]);
    expect(answers).toEqual([
      done,
      { kind: "failed", code: "SQLITE_CONSTRAINT_FOREIGNKEY", message: "FOREIGN KEY constraint failed" },
      done,
    ]);
    expect(kept()).toEqual([1, 2]);
  });

  test("fails only the job for which there is no room, though SQLite undoes them all", () => {
    database.pragma(`max_page_count = ${Number(database.pragma("page_count", { simple: true })) + 4}`);
    const large: Job = { kind: "write", statements: [{ sql: "INSERT INTO t VALUES (9, zeroblob(1000000))" }] };
    const answers = committer.commit([insert(1), large, insert(2)]);
    expect(answers).toEqual([done, { kind: "failed", code: "SQLITE_FULL", message: "database or disk is full" }, done]);
    expect(kept()).toEqual([1, 2]);
  });

  test("throws, with nothing kept, when the database turns out to be damaged", () => {
    database.exec("CREATE TABLE texts (word); CREATE VIRTUAL TABLE words USING fts5(word, content = 'texts')");
    database.exec("INSERT INTO texts VALUES ('in the table, not in the index')");
    const sql = "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)";
    const check: Job = { kind: "write", statements: [{ sql }] };
    expect(() => committer.commit([insert(1), check])).toThrow(
      expect.objectContaining({ code: "SQLITE_CORRUPT_VTAB" }),
    );
    expect(kept()).toEqual([]);
  });
});
