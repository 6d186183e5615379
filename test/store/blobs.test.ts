import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { digestOf, hexOf, type Digest } from "../../src/digest.ts";
import { Blobs, type Committed } from "../../src/store/blobs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let count = 0;
let dataDir: string;
let blobs: Blobs;

const reopened = (quotaBytes = 10_000): Promise<Blobs> => Blobs.open({ dataDir, quotaBytes });

beforeEach(async () => {
  dataDir = join(folder, String(++count), "data");
  blobs = await reopened();
});

async function store(text: string): Promise<Committed> {
  const ingest = await blobs.ingest();
  try {
    await pipeline(Readable.from([text]), ingest.writable);
    return await ingest.commit();
  } finally {
    await ingest.discard();
  }
}

const fileOf = (digest: Digest): string => join(dataDir, "blobs", "sha256", hexOf(digest));
const unfinished = (): string[] => readdirSync(join(dataDir, "tmp"));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("ingest()", () => {
  test("keeps bytes under their digest, readable by the user alone", async () => {
    const { digest, sizeBytes } = await store("hello");
    expect(digest).toBe(digestOf("hello"));
    expect(sizeBytes).toBe(5);
    expect(blobs.path(digest)).toBe(fileOf(digest));
    expect(text(await blobs.read(digest))).toBe("hello");
    expect(await blobs.has(digest)).toBe(true);
    expect(modeOf(fileOf(digest))).toBe(0o600);
    expect(["", "tmp", "blobs", "blobs/sha256"].map((name) => modeOf(join(dataDir, name)))).toEqual(
      Array(4).fill(0o700),
    );
    expect(unfinished()).toEqual([]);
    expect(blobs.usedBytes).toBe(5);
  });

  test("keeps one copy of bytes that come again, also at the same time", async () => {
    const { digest } = await store("hello");
    const before = statSync(fileOf(digest)).ino;
    await Promise.all(["hello", "hello", "hello"].map(store));
    expect(statSync(fileOf(digest)).ino).toBe(before);
    expect(unfinished()).toEqual([]);
    expect(blobs.usedBytes).toBe(5);
  });

  test.each<[string, (path: string) => void]>([
    ["is cut short", (path) => truncateSync(path, 3)],
    ["has other bytes", (path) => writeFileSync(path, "jello")],
    ["became a symbolic link", (path) => (rmSync(path), symlinkSync("/etc/hostname", path))],
    ["is gone", (path) => rmSync(path)],
  ])("replaces a blob whose file %s", async (_how, spoil) => {
    const { digest } = await store("hello");
    spoil(fileOf(digest));
    await store("hello");
    expect(text(await blobs.read(digest))).toBe("hello");
    expect(unfinished()).toEqual([]);
  });

  test("counts files that are still being written, and no more once they are discarded", async () => {
    blobs = await reopened(100);
    const first = await blobs.ingest();
    await pipeline(Readable.from(["x".repeat(60)]), first.writable);
    const second = await blobs.ingest();
    await expect(pipeline(Readable.from(["y".repeat(41)]), second.writable)).rejects.toMatchObject({
      code: "STORAGE_FULL",
    });
    await second.discard();
    await first.discard();
    expect(blobs.usedBytes).toBe(0);
    await store("z".repeat(100));
    expect(blobs.usedBytes).toBe(100);
  });

  test("counts after a restart what was there before it", async () => {
    const { digest } = await store("x".repeat(60));
    blobs = await reopened(100);
    expect(blobs.usedBytes).toBe(60);
    await expect(store("y".repeat(41))).rejects.toMatchObject({ code: "STORAGE_FULL" });
    await blobs.remove(digest);
    expect(blobs.usedBytes).toBe(0);
    await store("y".repeat(100));
  });
});

describe("read()", () => {
  test("refuses a blob that is missing", async () => {
    const digest = digestOf("never stored");
    expect(await blobs.has(digest)).toBe(false);
    await expect(blobs.read(digest)).rejects.toMatchObject({
      code: "MODULE_UNAVAILABLE",
      message: `expected the file of ${digest} in the data folder, it is missing`,
    });
  });

  test.each<[string, (path: string) => void]>([
    ["is cut short", (path) => truncateSync(path, 3)],
    ["has other bytes", (path) => writeFileSync(path, "jello")],
    ["became a folder", (path) => (rmSync(path), mkdirSync(path))],
    [
      "became a symbolic link, even to the right bytes",
      (path) => {
        linkSync(path, join(dataDir, "aside"));
        rmSync(path);
        symlinkSync(join(dataDir, "aside"), path);
      },
    ],
  ])("refuses a blob whose file %s", async (_how, spoil) => {
    const { digest } = await store("hello");
    spoil(fileOf(digest));
    await expect(blobs.read(digest)).rejects.toMatchObject({
      code: "MODULE_UNAVAILABLE",
      message: expect.stringContaining("it is damaged"),
    });
  });

  test("reads a blob of nothing and one larger than a piece", async () => {
    expect((await blobs.read((await store("")).digest)).byteLength).toBe(0);
    blobs = await reopened(10_000_000);
    const large = "0123456789".repeat(300_000);
    const { digest } = await store(large);
    expect(text(await blobs.read(digest))).toBe(large);
    await store(large);
    expect(unfinished()).toEqual([]);
  });
});

describe("link()", () => {
  test("gives the blob a second name, in folders that are the user's alone", async () => {
    const { digest } = await store("hello");
    const path = join(dataDir, "functions", "hello", "hello.wasm");
    await blobs.link(digest, path);
    expect(statSync(path).ino).toBe(statSync(fileOf(digest)).ino);
    expect([modeOf(join(dataDir, "functions")), modeOf(join(dataDir, "functions", "hello"))]).toEqual([0o700, 0o700]);
    expect(unfinished()).toEqual([]);
  });

  test("replaces what has the name, be it the same blob, another one, or a symbolic link", async () => {
    const path = join(dataDir, "functions", "hello", "hello.wasm");
    const [one, two] = [await store("one"), await store("two")];
    await blobs.link(one.digest, path);
    await blobs.link(one.digest, path);
    expect(unfinished()).toEqual([]);
    await blobs.link(two.digest, path);
    expect(readFileSync(path, "utf8")).toBe("two");
    rmSync(path);
    writeFileSync(join(dataDir, "precious"), "untouched");
    symlinkSync(join(dataDir, "precious"), path);
    await blobs.link(one.digest, path);
    expect(readFileSync(path, "utf8")).toBe("one");
    expect(readFileSync(join(dataDir, "precious"), "utf8")).toBe("untouched");
    expect(unfinished()).toEqual([]);
  });

  test("refuses a blob that is missing and leaves what has the name", async () => {
    const path = join(dataDir, "functions", "hello", "hello.wasm");
    await blobs.link((await store("one")).digest, path);
    await expect(blobs.link(digestOf("none"), path)).rejects.toMatchObject({ code: "MODULE_UNAVAILABLE" });
    expect(readFileSync(path, "utf8")).toBe("one");
  });

  test("refuses a path outside the data folder", async () => {
    const { digest } = await store("hello");
    for (const path of [join(dataDir, "..", "x", "x.wasm"), "/x.wasm", dataDir]) {
      await expect(blobs.link(digest, path)).rejects.toThrow("expected a path inside the data folder");
      await expect(blobs.unlink(path)).rejects.toThrow("expected a path inside the data folder");
    }
  });

  test("works where the data folder was given through a symbolic link", async () => {
    const alias = join(folder, `alias-${count}`);
    symlinkSync(dataDir, alias);
    blobs = await Blobs.open({ dataDir: alias, quotaBytes: 1000 });
    const { digest } = await store("hello");
    await blobs.link(digest, join(alias, "functions", "hello", "hello.wasm"));
    expect(readFileSync(join(dataDir, "functions", "hello", "hello.wasm"), "utf8")).toBe("hello");
    await blobs.unlink(join(alias, "functions", "hello", "hello.wasm"));
    expect(readdirSync(join(dataDir, "functions"))).toEqual([]);
  });
});

describe("remove()", () => {
  test("removes a blob, its bytes from the count, and nothing the second time", async () => {
    const { digest } = await store("hello");
    await Promise.all([blobs.remove(digest), blobs.remove(digest)]);
    expect(existsSync(fileOf(digest))).toBe(false);
    expect(blobs.usedBytes).toBe(0);
  });
});

describe("sweep()", () => {
  test("removes unfinished files and unused blobs, and keeps used ones and what is not ours", async () => {
    const [used, unused] = [await store("used"), await store("unused")];
    const left = await blobs.ingest();
    await pipeline(Readable.from(["left by a crash"]), left.writable);
    writeFileSync(join(dataDir, "tmp", "somebody's"), "x");
    writeFileSync(join(dataDir, "blobs", "sha256", "README"), "x");
    blobs = await reopened();
    expect(await blobs.sweep(new Set([used.digest]))).toEqual({ removedFiles: 2, removedBytes: 6 + 15 });
    expect(readdirSync(join(dataDir, "blobs", "sha256")).sort()).toEqual([hexOf(used.digest), "README"].sort());
    expect(existsSync(fileOf(unused.digest))).toBe(false);
    expect(unfinished()).toEqual(["somebody's"]);
    expect(blobs.usedBytes).toBe(4);
    await left.discard();
  });

  test("removes a symbolic link itself and not what it points at", async () => {
    const outside = join(folder, `precious-${count}`);
    mkdirSync(outside);
    writeFileSync(join(outside, "file"), "precious");
    symlinkSync(join(outside, "file"), fileOf(digestOf("a file")));
    symlinkSync(outside, fileOf(digestOf("a folder")));
    expect((await blobs.sweep(new Set())).removedFiles).toBe(2);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("precious");
    expect(readdirSync(join(dataDir, "blobs", "sha256"))).toEqual([]);
  });
});

describe("Blobs.open()", () => {
  test.each(["blobs", "tmp"])("refuses a data folder whose %s is a symbolic link", async (name) => {
    rmSync(join(dataDir, name), { recursive: true });
    const outside = join(folder, `elsewhere-${count}`);
    mkdirSync(outside);
    symlinkSync(outside, join(dataDir, name));
    await expect(reopened()).rejects.toThrow(/^expected a folder at .*, got something else, or a symbolic link/);
  });
});

test("link() and unlink() below one namespace do not get in each other's way", async () => {
  const { digest } = await store("module");
  const path = (name: string): string => join(dataDir, "namespaces", "dev", "functions", name, `${name}.wasm`);
  const comeAndGo = async (name: string): Promise<void> => {
    for (let round = 0; round < 150; round++) {
      await blobs.link(digest, path(name));
      expect(readFileSync(path(name), "utf8")).toBe("module");
      await blobs.unlink(path(name));
    }
  };
  await Promise.all([comeAndGo("one"), comeAndGo("two")]);
  expect(readdirSync(join(dataDir, "namespaces"))).toEqual([]);
});
