import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { FileIngest, type Committed } from "../../src/store/ingest.ts";
import { Quota } from "../../src/store/quota.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let count = 0;
let quota: Quota;
let placed: Committed[];

beforeEach(() => {
  quota = new Quota({ limitBytes: 1000, usedBytes: 0 });
  placed = [];
});

async function begin(path = join(folder, `${++count}.part`), failure?: Error): Promise<FileIngest> {
  const place = async (_path: string, file: Committed): Promise<void> => {
    if (failure !== undefined) throw failure;
    placed.push(file);
  };
  return new FileIngest({ handle: await open(path, "w"), path, quota, place });
}

const lastPath = (): string => join(folder, `${count}.part`);

describe("commit()", () => {
  test("hands over the file with its digest and size when all is written", async () => {
    const ingest = await begin();
    const pieces = ["a", "bc", "", "d".repeat(500)];
    await pipeline(Readable.from(pieces), ingest.writable);
    const file = await ingest.commit();
    expect(file).toEqual({
      digest: `sha256:${createHash("sha256").update(pieces.join("")).digest("hex")}`,
      sizeBytes: 503,
    });
    expect(placed).toEqual([file]);
    expect(readFileSync(lastPath(), "utf8")).toBe(pieces.join(""));
    expect(await ingest.commit()).toBe(file);
    expect(placed).toHaveLength(1);
  });

  test("refuses a file whose stream has not ended, which discard() then removes", async () => {
    const ingest = await begin();
    ingest.writable.write("half");
    await expect(ingest.commit()).rejects.toThrow("before the stream has ended");
    await ingest.discard();
    expect(existsSync(lastPath())).toBe(false);
    expect(quota.usedBytes).toBe(0);
  });

  test("refuses a file that was discarded", async () => {
    const ingest = await begin();
    ingest.writable.end("x");
    await finished(ingest.writable);
    await ingest.discard();
    await expect(ingest.commit()).rejects.toThrow("was discarded");
    expect(placed).toEqual([]);
  });

  test("fails with what failed the stream", async () => {
    const ingest = await begin();
    const source = Readable.from(
      (function* () {
        yield "some";
        throw new Error("the registry hung up");
      })(),
    );
    await expect(pipeline(source, ingest.writable)).rejects.toThrow("hung up");
    await expect(ingest.commit()).rejects.toThrow("hung up");
    await ingest.discard();
    expect(quota.usedBytes).toBe(0);
  });
});

describe("writable", () => {
  test("errors with STORAGE_FULL at the chunk that exceeds the quota, which other files share", async () => {
    const [first, second] = [await begin(), await begin()];
    await pipeline(Readable.from(["x".repeat(600)]), first.writable);
    await expect(pipeline(Readable.from(["y".repeat(400), "y"]), second.writable)).rejects.toMatchObject({
      code: "STORAGE_FULL",
    });
    await expect(second.commit()).rejects.toMatchObject({ code: "STORAGE_FULL" });
    expect(quota.usedBytes).toBe(1000);
    await second.discard();
    expect(quota.usedBytes).toBe(600);
    await first.discard();
    expect(quota.usedBytes).toBe(0);
  });

  test("errors with STORAGE_FULL when the disk is full", async () => {
    const place = (): Promise<void> => Promise.resolve();
    // The kernel answers every write to this device with ENOSPC.
    const handle = await open("/dev/full", "w");
    const ingest = new FileIngest({ handle, path: join(folder, "none"), quota, place });
    await expect(pipeline(Readable.from(["x"]), ingest.writable)).rejects.toMatchObject({
      code: "STORAGE_FULL",
      cause: { code: "ENOSPC" },
    });
    await ingest.discard();
    expect(quota.usedBytes).toBe(0);
  });
});

describe("discard()", () => {
  test("leaves no file, no descriptor and no bytes, asked any number of times at any moment", async () => {
    const ingest = await begin();
    ingest.writable.write("x".repeat(100));
    await Promise.all([ingest.discard(), ingest.discard()]);
    await ingest.discard();
    expect(existsSync(lastPath())).toBe(false);
    expect(quota.usedBytes).toBe(0);
    expect(ingest.writable.destroyed).toBe(true);
  });

  test("does nothing to a file that was, or is just being, committed", async () => {
    const ingest = await begin();
    ingest.writable.end("kept");
    const committed = ingest.commit();
    await ingest.discard();
    await committed;
    await ingest.discard();
    expect(readFileSync(lastPath(), "utf8")).toBe("kept");
    expect(quota.usedBytes).toBe(4);
  });

  test("removes a file whose commit failed", async () => {
    const ingest = await begin(undefined, new Error("no place"));
    ingest.writable.end("lost");
    await expect(ingest.commit()).rejects.toThrow("no place");
    await ingest.discard();
    expect(existsSync(lastPath())).toBe(false);
    expect(quota.usedBytes).toBe(0);
  });
});

describe("Quota", () => {
  test("takes up to the limit exactly, and nothing of what does not fit", () => {
    quota.take(1000);
    expect(() => quota.take(1)).toThrow(
      "expected at most 1000 bytes of modules in the data folder, got 1 more on top of 1000",
    );
    expect(quota.usedBytes).toBe(1000);
    quota.give(1);
    quota.take(1);
  });
});
