import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../src/store/database.ts";
import { Writer, type Statement } from "../../src/store/writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let count = 0;
let path: string;
let logged: unknown[][];
const log = { error: (...line: unknown[]): unknown => logged.push(line) };

beforeEach(() => {
  path = join(folder, `${++count}.db`);
  logged = [];
});

const create: Statement = { sql: "CREATE TABLE t (a INTEGER PRIMARY KEY)" };
const insert = (value: number): Statement => ({ sql: "INSERT INTO t VALUES (?)", values: [value] });
/** Makes SQLite report damage: a search index that lacks a row of its table, and is then checked. */
const damage: Statement[] = [
  { sql: "CREATE TABLE texts (word)" },
  { sql: "CREATE VIRTUAL TABLE words USING fts5(word, content = 'texts')" },
  { sql: "INSERT INTO texts VALUES ('one')" },
  { sql: "INSERT INTO words (words, rank) VALUES ('integrity-check', 1)" },
];

async function openWithTable(): Promise<Writer> {
  const writer = await Writer.open({ path, log });
  await writer.write([create]);
  return writer;
}

function rowsOnDisk(): unknown[] {
  const database = openDatabase(path);
  const rows = database.prepare("SELECT a FROM t ORDER BY a").pluck().all();
  database.close();
  return rows;
}

describe("Writer", () => {
  test("keeps what it was given when it is opened again", async () => {
    const writer = await openWithTable();
    await writer.write([insert(1), insert(2)]);
    await writer.close();
    expect(rowsOnDisk()).toEqual([1, 2]);
  });

  test("reads what was written before, numbers, text, bytes and NULL alike", async () => {
    const writer = await Writer.open({ path, log });
    const written = writer.write([
      { sql: "CREATE TABLE v (a, b, c, d)" },
      { sql: "INSERT INTO v VALUES (?, ?, ?, ?)", values: [1.5, "ü", new Uint8Array([1, 2]), null] },
    ]);
    const rows = await writer.read({ sql: "SELECT * FROM v WHERE b = ?", values: ["ü"] });
    expect(rows).toEqual([{ a: 1.5, b: "ü", c: new Uint8Array([1, 2]), d: null }]);
    await written;
    await writer.close();
  });

  test("rejects only the write that fails of many that share a transaction", async () => {
    const writer = await openWithTable();
    await writer.write([insert(50)]);
    const settled = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => writer.write([insert(index + 1000), insert(index)])),
    );
    expect(settled.flatMap((result, index) => (result.status === "rejected" ? [index] : []))).toEqual([50]);
    expect(settled[50]).toMatchObject({
      reason: { message: expect.stringMatching(/^SQLITE_CONSTRAINT_PRIMARYKEY: /) },
    });
    await writer.close();
    expect(rowsOnDisk()).toHaveLength(199);
  });

  test("takes what comes during a commit into one transaction", async () => {
    const writer = await openWithTable();
    const before = readFileSync(`${path}-wal`).byteLength;
    await Promise.all(Array.from({ length: 500 }, (_, index) => writer.write([insert(index)])));
    const frames = (readFileSync(`${path}-wal`).byteLength - before) / 4120;
    // One page changes in each commit, so one by one these would be 500 frames or more.
    expect(frames).toBeLessThan(20);
    await writer.close();
    expect(rowsOnDisk()).toHaveLength(500);
  });

  test("answers STORAGE_FULL when the database has no room, and goes on", async () => {
    const writer = await openWithTable();
    await writer.read({ sql: "PRAGMA max_page_count = 10" });
    const large = [{ sql: "CREATE TABLE big AS SELECT zeroblob(1000000)" }];
    await expect(writer.write(large)).rejects.toMatchObject({ name: "GatewayError", code: "STORAGE_FULL" });
    await writer.write([insert(1)]);
    await writer.close();
    expect(rowsOnDisk()).toEqual([1]);
  });

  test("rejects the batch that holds a value which cannot be sent, and goes on", async () => {
    const writer = await openWithTable();
    const bytes = new Uint8Array(1);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await expect(writer.write([{ sql: "INSERT INTO t VALUES (?)", values: [bytes] }])).rejects.toThrow(/detached/);
    await writer.write([insert(1)]);
    await writer.close();
    expect(rowsOnDisk()).toEqual([1]);
  });
});

describe("Writer.open()", () => {
  test("refuses, with the reason and no line in the log, a database that is damaged", async () => {
    writeFileSync(path, "this was a database once".repeat(100));
    await expect(Writer.open({ path, log })).rejects.toThrow(/ is damaged /);
    expect(logged).toEqual([]);
  });

  test("refuses a database that another process has open, and not after that was killed", async () => {
    const holder = spawn(process.execPath, [join(import.meta.dirname, "holds-the-database.ts"), path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    await expect(Writer.open({ path, log })).rejects.toThrow(/^the data folder is in use: another gateway/);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const writer = await Writer.open({ path, log });
    expect(await writer.read({ sql: "SELECT a FROM held" })).toEqual([{ a: 1 }]);
    await writer.close();
  });
});

describe("close()", () => {
  test("waits for what was sent, leaves no log file, and can be asked twice", async () => {
    const writer = await openWithTable();
    const written = Array.from({ length: 50 }, (_, index) => writer.write([insert(index)]));
    await Promise.all([writer.close(), writer.close()]);
    expect((await Promise.allSettled(written)).every((result) => result.status === "fulfilled")).toBe(true);
    expect(existsSync(`${path}-wal`)).toBe(false);
    expect(rowsOnDisk()).toHaveLength(50);
  });

  test("refuses what comes after it", async () => {
    const writer = await openWithTable();
    const closed = writer.close();
    expect(writer.isOpen).toBe(false);
    await expect(writer.write([insert(1)])).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await closed;
    await expect(writer.read(create)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    expect(logged).toEqual([]);
  });
});

describe("the thread's end", () => {
  test("rejects all that was not answered, is logged, and leaves the writer not open", async () => {
    const writer = await openWithTable();
    await writer.write([insert(1)]);
    const pending = [writer.write(damage), writer.write([insert(2)]), writer.read({ sql: "SELECT 1" })];
    const settled = await Promise.allSettled(pending);
    expect(settled.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(writer.isOpen).toBe(false);
    expect(logged).toEqual([["the database's thread has ended", { error: expect.anything(), unansweredJobs: 3 }]]);
    await expect(writer.write([insert(3)])).rejects.toThrow(/thread has ended; a restart reads what is on disk/);
    await writer.close();
    expect(rowsOnDisk()).toEqual([1]);
  });

  test("during close() rejects what was not answered", async () => {
    const writer = await openWithTable();
    const pending = [writer.write(damage), writer.write([insert(2)])];
    const [closed, ...settled] = await Promise.allSettled([writer.close(), ...pending]);
    expect(closed?.status).toBe("fulfilled");
    expect(settled.map((result) => result.status)).toEqual(["rejected", "rejected"]);
    expect(rowsOnDisk()).toEqual([]);
  });
});
