import { Readable, Writable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, verify } from "../../src/digest.ts";
import { extractModule, type Extraction } from "../../src/oci/layer.ts";
import type { PullLimits } from "../../src/oci/limits.ts";
import type { ImageConfig } from "../../src/oci/manifest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { emptyModule, moduleOf } from "../support/image.ts";
import { MemoryStage, quick } from "../support/pulling.ts";
import { paxRecord, tar, type TarEntry } from "../support/tar.ts";

const module = moduleOf(200_000);
const component = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00]);
const failure = (code: string, message = ""): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

type Options = {
  config?: Partial<ImageConfig>;
  annotations?: Record<string, string>;
  layerAnnotations?: Record<string, string>;
  diffId?: string;
  limits?: Partial<PullLimits>;
  signal?: AbortSignal;
};

/** Gives bytes in pieces of a size that fits nothing. */
function inPieces(bytes: Uint8Array, size = 1009): Readable {
  const pieces = (function* (): Generator<Uint8Array> {
    for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
  })();
  return Readable.from(pieces, { objectMode: false });
}

/** Extracts the module of a layer; `stage` shows what was staged meanwhile. */
async function take(
  layer: Uint8Array | Readable,
  options: Options = {},
): Promise<{ name: string | undefined; bytes: Buffer; stage: MemoryStage }> {
  const stage = new MemoryStage();
  const { file, name } = await extractModule(layer instanceof Readable ? layer : inPieces(layer), {
    ...given(options),
    stage: stage.stage,
  });
  expect(stage.kept).toEqual([file]);
  return { name, bytes: file.bytes, stage };
}

function given({
  config,
  annotations,
  layerAnnotations,
  diffId,
  limits,
  signal,
}: Options): Omit<Extraction<never>, "stage"> {
  const digest = digestOf("");
  const whole: ImageConfig = {
    os: "linux",
    architecture: "amd64",
    entrypoint: [],
    cmd: [],
    env: [],
    labels: {},
    workingDir: "",
    diffIds: [],
    layerDigests: [],
    isComponent: false,
    ...config,
  };
  return {
    image: {
      reference: parseReference("example.test/app:v1"),
      config: config && whole,
      annotations: annotations ?? {},
      module: { mediaType: "application/wasm", digest, size: 0, annotations: layerAnnotations },
      diffId: diffId as typeof digest | undefined,
    },
    limits: { ...quick, ...limits },
    signal,
  };
}

/** Expects a layer to be refused, and nothing to be left of it. */
async function refused(layer: Uint8Array | Readable, expected: unknown, options: Options = {}): Promise<void> {
  const stage = new MemoryStage();
  const source = layer instanceof Readable ? layer : inPieces(layer);
  await expect(extractModule(source, { ...given(options), stage: stage.stage })).rejects.toEqual(expected);
  expect(stage.kept).toEqual([]);
  expect(source.destroyed).toBe(true);
}

const one: TarEntry[] = [{ name: "f.wasm", contents: module }];

describe("extractModule() takes the module of", () => {
  test.each([
    ["a plain tar", tar(one)],
    ["a gzipped tar", gzipSync(tar(one))],
    ["a zstd tar", zstdCompressSync(tar(one))],
    [
      "a tar in several gzip members",
      Buffer.concat([gzipSync(tar(one).subarray(0, 700)), gzipSync(tar(one).subarray(700))]),
    ],
    [
      "a tar in several zstd frames",
      Buffer.concat([zstdCompressSync(tar(one).subarray(0, 700)), zstdCompressSync(tar(one).subarray(700))]),
    ],
    ["a tar without an end", tar(one, Buffer.alloc(0))],
    ["a tar with a long end", tar(one, Buffer.alloc(100 * 1024))],
    ["a tar of before ustar", tar([{ ...one[0], name: "f.wasm", magic: "" }])],
    ["a tar of GNU", tar([{ ...one[0], name: "f.wasm", magic: "ustar  \0" }])],
    ["a tar with a size in base 256", tar([{ ...one[0], name: "f.wasm", binarySize: true }])],
  ])("%s", async (_title, layer) => {
    const { name, bytes } = await take(layer);
    expect([name, bytes.equals(module)]).toEqual(["f.wasm", true]);
  });

  test.each([
    ["raw bytes", module],
    ["gzipped bytes", gzipSync(module)],
    ["zstd bytes", zstdCompressSync(module)],
  ])("%s, whatever the media type, and knows its title", async (_title, layer) => {
    const { name, bytes } = await take(layer, { layerAnnotations: { "org.opencontainers.image.title": "hello.wasm" } });
    expect([name, bytes.equals(module)]).toEqual(["hello.wasm", true]);
  });

  test("eight bytes", async () => {
    expect((await take(emptyModule)).bytes.equals(emptyModule)).toBe(true);
    expect((await take(tar([{ name: "f.wasm", contents: emptyModule }]))).bytes.equals(emptyModule)).toBe(true);
  });

  test("a tar that comes byte by byte", async () => {
    const small = tar([{ name: "f.wasm", contents: emptyModule }]);
    expect((await take(inPieces(gzipSync(small), 1))).bytes.equals(emptyModule)).toBe(true);
  });

  test("an image whose diffID is right, end of the archive included", async () => {
    const archive = tar(one, Buffer.alloc(64 * 1024));
    expect((await take(gzipSync(archive), { diffId: digestOf(archive) })).bytes.equals(module)).toBe(true);
    expect((await take(module, { diffId: digestOf(module) })).bytes.equals(module)).toBe(true);
  });

  test("pax and GNU names, and one long path in each", async () => {
    const long = `${"deep/".repeat(40)}f.wasm`;
    const pax: TarEntry = { name: "x", type: "x", contents: paxRecord("path", long) };
    const gnu: TarEntry = { name: "././@LongLink", type: "L", contents: `${long}\0` };
    const comment: TarEntry = { name: "g", type: "g", contents: paxRecord("comment", "made by git") };
    for (const head of [[pax], [gnu], [comment, pax]]) {
      expect((await take(tar([...head, { name: "short", contents: module }]))).name).toBe(long);
    }
  });

  test("what lies among folders, links, whiteouts and macOS's attributes", async () => {
    const archive = tar([
      { name: "./", type: "5" },
      { name: "./app/", type: "5" },
      { name: "old/", type: "0" },
      { name: "./app/._f.wasm", contents: "attributes" },
      { name: "./app/.wh.g.wasm", contents: "" },
      { name: "./app/link.wasm", type: "2", link: "f.wasm" },
      { name: "./app/device", type: "3" },
      { name: "./app/readme.txt", contents: "hello" },
      { name: "./app/f.wasm", contents: module },
    ]);
    expect((await take(archive)).name).toBe("app/f.wasm");
  });
});

describe("extractModule() chooses", () => {
  const a = moduleOf(1000, 1);
  const b = moduleOf(1000, 2);
  const two = (first: string, second: string): Buffer =>
    tar([
      { name: first, contents: a },
      { name: second, contents: b },
    ]);

  test.each([
    ["the Entrypoint", "a.wasm", "b.wasm", { config: { entrypoint: ["/b.wasm"], cmd: ["/a.wasm"] } }, "b.wasm"],
    ["Cmd where there is no Entrypoint", "a.wasm", "b.wasm", { config: { cmd: ["b.wasm"] } }, "b.wasm"],
    [
      "Cmd where the Entrypoint is no entry",
      "a.wasm",
      "b.wasm",
      { config: { entrypoint: ["/bin/sh"], cmd: ["/a.wasm"] } },
      "a.wasm",
    ],
    [
      "the path in the working folder",
      "app/f.wasm",
      "f.wasm",
      { config: { entrypoint: ["f.wasm"], workingDir: "/app" } },
      "app/f.wasm",
    ],
    ["an annotation", "a.wasm", "b.wasm", { annotations: { "wasmgate.module": "b.wasm" } }, "b.wasm"],
    ["a label", "a.wasm", "b.wasm", { config: { labels: { "wasmgate.module": "/a.wasm" } } }, "a.wasm"],
    ["plugin.wasm before main.wasm", "main.wasm", "plugin.wasm", {}, "plugin.wasm"],
    ["main.wasm before others", "main.wasm", "zzz.wasm", {}, "main.wasm"],
    ["a program without an ending", "f", "b.wasm", { config: { entrypoint: ["/f"] } }, "f"],
  ] as const)("%s", async (...[, first, second, options, expected]) => {
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const { name, bytes } = await take(two(one, other), options);
      expect(name).toBe(expected);
      expect(bytes.equals(expected === one ? a : b)).toBe(true);
    }
  });

  test("nothing of two equals, and lists them", async () => {
    await refused(two("a.wasm", "b/c.wasm"), failure("IMAGE_UNSUPPORTED", "2 modules (a.wasm, b/c.wasm)"));
  });

  test("nothing where there is no module, and lists what there is", async () => {
    const archive = tar([{ name: "bin/app", contents: "\x7fELF" }]);
    await refused(archive, failure("IMAGE_UNSUPPORTED", "holds bin/app"));
    await refused(tar([]), failure("IMAGE_UNSUPPORTED", "holds nothing"));
  });

  test.each([
    ["a native program", "\x7fELF\x02", "ELF"],
    ["a script", "#!/bin/sh\n", "script"],
    ["a component", component, "component"],
    ["text", "(module)", "assemble it"],
    ["a compressed module", gzipSync(module), "gzip-compressed"],
    ["an archive", tar(one), "a tar archive"],
    ["nothing", "", "empty"],
  ])("no Entrypoint that is %s", async (_title, contents, message) => {
    const options = { config: { entrypoint: ["/f"] } };
    const archive = tar([{ name: "f", contents }, ...one.map((entry) => ({ ...entry, name: "other.wasm" }))]);
    await refused(archive, failure("IMAGE_UNSUPPORTED", message), options);
  });

  test("an Entrypoint that is a file before a Cmd that is a link", async () => {
    const options = { config: { entrypoint: ["/f.wasm"], cmd: ["/g"] } };
    const archive = tar([
      { name: "g", type: "2", link: "f.wasm" },
      { name: "f.wasm", contents: module },
    ]);
    expect((await take(archive, options)).name).toBe("f.wasm");
  });

  test("no Entrypoint that is a link", async () => {
    const options = { config: { entrypoint: ["/f.wasm"] } };
    const archive = tar([
      { name: "g.wasm", contents: module },
      { name: "f.wasm", type: "1", link: "g.wasm" },
    ]);
    await refused(archive, failure("IMAGE_UNSUPPORTED", "a link"), options);
  });
});

describe("extractModule() refuses", () => {
  test.each([
    ["a component", component, "component"],
    ["a module of another version", Buffer.from("0061736d02000000", "hex"), "another version"],
    ["nothing", Buffer.alloc(0), "empty"],
    ["a native program", Buffer.from("\x7fELF"), "ELF"],
    ["a zip archive", Buffer.from("PK\x03\x04"), "zip"],
    ["gzip in gzip", gzipSync(gzipSync(tar(one))), "even when decompressed once"],
    ["zstd in gzip", gzipSync(zstdCompressSync(tar(one))), "even when decompressed once"],
  ])("a layer that is %s", async (_title, layer, message) => {
    await refused(layer, failure("IMAGE_UNSUPPORTED", message));
  });

  test.each([
    ["out of the archive", "../f.wasm"],
    ["out of the archive in the middle", "a/../../f.wasm"],
    ["by a backslash", "a\\f.wasm"],
  ])("a path that leads %s", async (_title, name) => {
    await refused(tar([{ name, contents: module }]), failure("IMAGE_INVALID", "path"));
    await refused(tar([...one, { name, type: "2", link: "/" }]), failure("IMAGE_INVALID", "path"));
  });

  test("a path with NUL in it", async () => {
    const pax: TarEntry = { name: "x", type: "x", contents: paxRecord("path", "f.wasm\0.txt") };
    await refused(tar([pax, ...one]), failure("IMAGE_INVALID", "path"));
  });

  test.each([
    ["f.wasm", "f.wasm"],
    ["f.wasm", "./f.wasm"],
    ["f.wasm", "/f.wasm"],
    ["a/f.wasm", "a//./f.wasm"],
  ])("%j and %j, which are one path", async (first, second) => {
    const archive = tar([
      { name: first, contents: emptyModule },
      { name: second, contents: module },
    ]);
    await refused(archive, failure("IMAGE_INVALID", "twice"));
  });

  test("a diffID that is wrong, though the module was written", async () => {
    await refused(gzipSync(tar(one)), failure("DIGEST_MISMATCH"), { diffId: digestOf("another") });
    await refused(module, failure("DIGEST_MISMATCH"), { diffId: digestOf("another") });
  });

  test("a source whose digest is wrong in the end", async () => {
    for (const layer of [gzipSync(tar(one)), tar(one), module]) {
      const source = inPieces(layer).pipe(verify({ digest: digestOf("another"), sizeBytes: layer.byteLength }));
      await refused(source, failure("DIGEST_MISMATCH"));
    }
  });

  test("a source that breaks off", async () => {
    const pieces = (function* (): Generator<Uint8Array> {
      yield tar(one).subarray(0, 5000);
      throw new Error("cut");
    })();
    await refused(Readable.from(pieces, { objectMode: false }), expect.objectContaining({ message: "cut" }));
  });

  test.each([
    ["gzip that is cut", gzipSync(tar(one)).subarray(0, -20)],
    ["gzip that is damaged", gzipSync(tar(one)).fill(0xff, 100, 200)],
    ["gzip with something behind it", Buffer.concat([gzipSync(tar(one)), Buffer.from("junk that is no gzip member")])],
    ["zstd that is cut", zstdCompressSync(tar(one)).subarray(0, -20)],
    ["zstd that is damaged", zstdCompressSync(tar(one)).fill(0xff, 4, 20)],
  ])("%s", async (_title, layer) => {
    await refused(layer, failure("IMAGE_INVALID", "decompressed"));
  });

  test("a tar that is cut", async () => {
    await refused(tar(one).subarray(0, 100_000), failure("IMAGE_INVALID", "tar"));
    await refused(gzipSync(tar(one).subarray(0, 100_000)), failure("IMAGE_INVALID", "tar"));
  });

  test("a tar whose second header is damaged", async () => {
    const archive = tar([{ name: "a", contents: "a" }, ...one]).fill(0x41, 1024 + 10, 1024 + 20);
    await refused(archive, failure("IMAGE_INVALID", "tar"));
  });

  test("to decompress without end", async () => {
    const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024));
    await refused(bomb, failure("IMAGE_TOO_LARGE", "decompressed"), { limits: { decompressedBytes: 1024 * 1024 } });
    const inTar = gzipSync(tar([{ name: "f.wasm", contents: Buffer.alloc(8 * 1024 * 1024) }]));
    await refused(inTar, failure("IMAGE_TOO_LARGE"), { limits: { decompressedBytes: 1024 * 1024 } });
    const zstd = zstdCompressSync(Buffer.concat([emptyModule, Buffer.alloc(8 * 1024 * 1024)]));
    await refused(zstd, failure("IMAGE_TOO_LARGE", "decompressed"), { limits: { decompressedBytes: 1024 * 1024 } });
    const atTheEnd = gzipSync(tar(one, Buffer.alloc(8 * 1024 * 1024)));
    await refused(atTheEnd, failure("IMAGE_TOO_LARGE", "decompressed"), { limits: { decompressedBytes: 1024 * 1024 } });
  });

  test("a zstd frame that asks for more memory than the limit", async () => {
    const layer = zstdCompressSync(moduleOf(3_000_000), { params: { 101: 21 } });
    await refused(layer, failure("IMAGE_INVALID", "decompressed"), { limits: { zstdWindowLog: 12 } });
    expect((await take(layer)).bytes.byteLength).toBe(3_000_000);
  });

  test("a module that is too long", async () => {
    const limits = { moduleBytes: 100_000 };
    await refused(module, failure("IMAGE_TOO_LARGE", "100000"), { limits });
    await refused(tar(one), failure("IMAGE_TOO_LARGE", "100000"), { limits });
  });

  test.each([
    ["more than there is", { size: 1_000_000 }, "IMAGE_INVALID"],
    ["more than fits", { size: 0o77777777777 }, "IMAGE_TOO_LARGE"],
    ["more than fits in base 256", { size: Number.MAX_SAFE_INTEGER, binarySize: true }, "IMAGE_TOO_LARGE"],
  ])("a header that claims %s", async (_title, change, code) => {
    await refused(tar([{ name: "f.wasm", contents: module, ...change }]), failure(code));
  });

  test("a size that is no number", async () => {
    for (const [at, bytes] of [
      [124, "0000001x000\0"],
      [124, "000 0001000\0"],
      [124, Buffer.alloc(12, 0xff)],
      [125, Buffer.alloc(11, 0xff)],
    ] as const) {
      const archive = tar([{ name: "f.wasm", contents: emptyModule, binarySize: true }]);
      archive.set(Buffer.from(bytes), at);
      await refused(archive, failure("IMAGE_INVALID", "no number"));
    }
  });

  test("more entries than the limit", async () => {
    const many = Array.from({ length: 1025 }, (_, number) => ({ name: `${number}.txt` }));
    await refused(tar(many), failure("IMAGE_TOO_LARGE", "1024 entries"));
    const folders = Array.from({ length: 1025 }, () => ({ name: "same/", type: "5" }));
    await refused(tar(folders), failure("IMAGE_TOO_LARGE", "1024 entries"));
  });

  test("headers about headers: too many, too long, empty, or with a size of their own", async () => {
    const pax = (contents: string, type = "x"): TarEntry => ({ name: "x", type, contents });
    const record = paxRecord("comment", "x");
    await refused(tar([...Array<TarEntry>(5).fill(pax(record, "g")), ...one]), failure("IMAGE_TOO_LARGE", "extended"));
    await refused(tar([pax(paxRecord("comment", "x".repeat(70_000))), ...one]), failure("IMAGE_TOO_LARGE", "extended"));
    await refused(tar([{ name: "x", type: "L", size: 0o77777777777 }]), failure("IMAGE_TOO_LARGE", "extended"));
    await refused(tar([pax(paxRecord("comment", "x".repeat(5000)), "g"), ...one]), failure("IMAGE_TOO_LARGE", "4096"));
    const many = Array.from({ length: 20 }, (_, number) => [
      pax(paxRecord("a", "x".repeat(60_000))),
      { name: `${number}` },
    ]);
    await refused(tar([...many.flat(), ...one]), failure("IMAGE_TOO_LARGE", "together"));
    await refused(tar([pax(""), ...one]), failure("IMAGE_INVALID", "empty extended header"));
    await refused(tar([pax(paxRecord("size", "8")), ...one]), failure("IMAGE_INVALID", "pax record"));
  });

  test("what tar readers disagree about", async () => {
    await refused(tar([{ name: "a/", type: "5", contents: "x" }, ...one]), failure("IMAGE_INVALID", "folder"));
    await refused(tar([{ name: "a", type: "S" }, ...one]), failure("IMAGE_INVALID", "sparse"));
    const hidden = Buffer.concat([Buffer.alloc(512), tar([{ name: "hidden.wasm", contents: module }])]);
    await refused(tar(one, hidden), failure("IMAGE_INVALID", "after its end"));
  });

  test.each([0, 5000])("to go on when its caller gives up after %i bytes", async (bytes) => {
    const stop = new AbortController();
    const source = new Readable({ read: () => undefined });
    if (bytes > 0) source.push(tar(one).subarray(0, bytes));
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await refused(source, expect.objectContaining({ message: "enough" }), { signal: stop.signal });
  });

  test.each([
    ["the bytes are no module", Buffer.alloc(600, "x"), {}],
    ["the module is too long", module.subarray(0, 5000), { limits: { moduleBytes: 1000 } }],
    ["the archive is hostile", tar([{ name: "../f", contents: "x" }], Buffer.alloc(0)), {}],
  ])("to wait for more from a silent source when %s", async (_title, beginning, options) => {
    const source = new Readable({ read: () => undefined });
    source.push(beginning);
    await refused(source, expect.objectContaining({ code: expect.stringMatching(/^IMAGE_/) }), options);
  });

  test("to go on when the store cannot take it, and says why", async () => {
    const full = new Error("no room");
    for (const layer of [module, tar(one), gzipSync(tar(one))]) {
      const source = inPieces(layer);
      const noFile = extractModule(source, { ...given({}), stage: () => Promise.reject(full) });
      await expect(noFile).rejects.toBe(full);
      expect(source.destroyed).toBe(true);
      let isDiscarded = false;
      const writable = new Writable({ write: (_chunk, _encoding, done) => done(full) });
      const discard = async (): Promise<void> => void (isDiscarded = true);
      const noBytes = extractModule(inPieces(layer), { ...given({}), stage: async () => ({ writable, discard }) });
      await expect(noBytes).rejects.toBe(full);
      expect(isDiscarded).toBe(true);
    }
  });
});
