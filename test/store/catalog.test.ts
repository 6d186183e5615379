import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { Catalog } from "../../src/store/catalog.ts";
import { openDatabase } from "../../src/store/database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { sampleRecord } from "./sample-record.ts";

const folder = temporaryFolder();
let count = 0;
let dataDir: string;
let logged: unknown[][];
const log = { error: (...line: unknown[]): unknown => logged.push(line) };

beforeEach(() => {
  dataDir = join(folder, String(++count), "data");
  logged = [];
});

async function reopened(catalog: Catalog): Promise<Catalog> {
  await catalog.close();
  return Catalog.open({ dataDir, log });
}

describe("Catalog", () => {
  test("finds after a restart what was put before it", async () => {
    const first = await Catalog.open({ dataDir, log });
    await first.put(sampleRecord());
    await first.put(sampleRecord({ namespace: "other", env: { A: "1" }, limits: { timeoutMs: 5 } }));
    const second = await reopened(first);
    expect(second.find("hello", "openfaas-fn")).toEqual(sampleRecord());
    expect(second.find("hello", "other")).toEqual(
      sampleRecord({ namespace: "other", env: { A: "1" }, limits: { timeoutMs: 5 } }),
    );
    expect(second.find("hello", "third")).toBeUndefined();
    expect(second.find("toString", "openfaas-fn")).toBeUndefined();
    await second.close();
  });

  test("replaces the record of the same name in the same namespace", async () => {
    const first = await Catalog.open({ dataDir, log });
    await first.put(sampleRecord());
    await first.put(sampleRecord({ image: "127.0.0.1:5000/hello:2", updatedAt: "2026-02-01T00:00:00.000Z" }));
    expect(first.list()).toHaveLength(1);
    const second = await reopened(first);
    expect(second.list()).toEqual([
      sampleRecord({ image: "127.0.0.1:5000/hello:2", updatedAt: "2026-02-01T00:00:00.000Z" }),
    ]);
    await second.close();
  });

  test("removes one function and tells whether it was there", async () => {
    const first = await Catalog.open({ dataDir, log });
    await first.put(sampleRecord());
    await first.put(sampleRecord({ name: "stays" }));
    expect(await first.remove("hello", "other")).toBe(false);
    expect(await first.remove("hello", "openfaas-fn")).toBe(true);
    expect(await first.remove("hello", "openfaas-fn")).toBe(false);
    expect(first.find("hello", "openfaas-fn")).toBeUndefined();
    const second = await reopened(first);
    expect(second.list().map((record) => record.name)).toEqual(["stays"]);
    await second.close();
  });

  test("ends up the same in memory and on disk when puts and removals of one name overlap", async () => {
    const first = await Catalog.open({ dataDir, log });
    const put = first.put(sampleRecord());
    const removed = first.remove("hello", "openfaas-fn");
    const putAgain = first.put(sampleRecord({ image: "second" }));
    expect(await removed).toBe(true);
    await Promise.all([put, putAgain]);
    expect(first.list()).toEqual([sampleRecord({ image: "second" })]);
    const second = await reopened(first);
    expect(second.list()).toEqual([sampleRecord({ image: "second" })]);
    await second.close();
  });

  test("shows a record only once it is on disk", async () => {
    const catalog = await Catalog.open({ dataDir, log });
    const put = catalog.put(sampleRecord());
    expect(catalog.find("hello", "openfaas-fn")).toBeUndefined();
    await put;
    const removed = catalog.remove("hello", "openfaas-fn");
    expect(catalog.find("hello", "openfaas-fn")).toBeDefined();
    await removed;
    await catalog.close();
  });

  test("lists the oldest first, those of one time by name, of one namespace or of all", async () => {
    const catalog = await Catalog.open({ dataDir, log });
    await catalog.put(sampleRecord({ name: "b" }));
    await catalog.put(sampleRecord({ name: "a" }));
    await catalog.put(sampleRecord({ name: "a", namespace: "other" }));
    await catalog.put(sampleRecord({ name: "z", createdAt: "2025-12-31T23:59:59.999Z" }));
    const names = (namespace?: string): string[] =>
      catalog.list(namespace).map((record) => `${record.namespace}/${record.name}`);
    expect(names()).toEqual(["openfaas-fn/z", "openfaas-fn/a", "other/a", "openfaas-fn/b"]);
    expect(names("other")).toEqual(["other/a"]);
    expect(names("none")).toEqual([]);
    await catalog.close();
  });

  test("counts the users of a module", async () => {
    const catalog = await Catalog.open({ dataDir, log });
    await catalog.put(sampleRecord());
    await catalog.put(sampleRecord({ namespace: "other" }));
    await catalog.put(sampleRecord({ name: "else", moduleDigest: digestOf("another") }));
    expect(catalog.usersOf(digestOf("module"))).toBe(2);
    expect(catalog.usersOf(digestOf("nobody's"))).toBe(0);
    expect(catalog.moduleDigests()).toEqual(new Set([digestOf("module"), digestOf("another")]));
    await catalog.close();
  });

  test("keeps its own copy of a record", async () => {
    const catalog = await Catalog.open({ dataDir, log });
    const env: Record<string, string> = { A: "1" };
    await catalog.put(sampleRecord({ env }));
    env["A"] = "2";
    expect(catalog.find("hello", "openfaas-fn")?.env).toEqual({ A: "1" });
    await catalog.close();
  });

  test("refuses a record that a restart could not read, and keeps the one it has", async () => {
    const catalog = await Catalog.open({ dataDir, log });
    await catalog.put(sampleRecord());
    await expect(catalog.put(sampleRecord({ createdAt: "yesterday" }))).rejects.toThrow("column created_at");
    expect(catalog.list()).toEqual([sampleRecord()]);
    await catalog.close();
  });

  test("is open until it is closed, and then still answers from memory", async () => {
    const catalog = await Catalog.open({ dataDir, log });
    await catalog.put(sampleRecord());
    expect(catalog.isOpen).toBe(true);
    await catalog.close();
    expect(catalog.isOpen).toBe(false);
    expect(catalog.find("hello", "openfaas-fn")).toEqual(sampleRecord());
    await expect(catalog.remove("hello", "openfaas-fn")).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    expect(catalog.find("hello", "openfaas-fn")).toEqual(sampleRecord());
  });
});

describe("Catalog.open()", () => {
  test("makes a data folder that is the user's alone, and closes an empty one to others", async () => {
    const made = await Catalog.open({ dataDir, log });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    await made.close();
    dataDir = join(folder, "empty");
    mkdirSync(dataDir, { mode: 0o755 });
    const found = await Catalog.open({ dataDir, log });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, "wasmgate.db")).mode & 0o777).toBe(0o600);
    await found.close();
  });

  test("refuses a folder that another catalog has open, which goes on working", async () => {
    const first = await Catalog.open({ dataDir, log });
    await expect(Catalog.open({ dataDir, log })).rejects.toThrow(/^the data folder is in use: another gateway has/);
    await first.put(sampleRecord());
    await expect(Catalog.open({ dataDir, log })).rejects.toThrow(/^the data folder is in use/);
    const second = await reopened(first);
    expect(second.list()).toEqual([sampleRecord()]);
    await second.close();
  });

  test("reports a row that cannot be read, loads the others, and keeps its module", async () => {
    const first = await Catalog.open({ dataDir, log });
    await first.put(sampleRecord({ name: "broken" }));
    await first.put(sampleRecord({ name: "sound", moduleDigest: digestOf("another") }));
    await first.close();
    const database = openDatabase(join(dataDir, "wasmgate.db"));
    database.exec("UPDATE functions SET contract = 'x' WHERE name = 'broken'");
    database.close();

    const second = await Catalog.open({ dataDir, log });
    expect(second.list().map((record) => record.name)).toEqual(["sound"]);
    expect(logged).toEqual([
      [
        expect.stringContaining("row cannot be read"),
        {
          namespace: "openfaas-fn",
          name: "broken",
          error: expect.objectContaining({ message: expect.stringMatching(/^column contract: /) }),
        },
      ],
    ]);
    expect(second.usersOf(digestOf("module"))).toBe(1);
    expect(second.moduleDigests()).toEqual(new Set([digestOf("another"), digestOf("module")]));

    await second.put(sampleRecord({ name: "broken" }));
    const third = await reopened(second);
    expect(third.list().map((record) => record.name)).toEqual(["broken", "sound"]);
    expect(logged).toHaveLength(1);
    await third.close();
  });
});
