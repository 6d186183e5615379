import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { digestOf, type Digest } from "../src/digest.ts";
import { GatewayError } from "../src/errors.ts";
import { defaultPullLimits } from "../src/oci/limits.ts";
import { parseReference } from "../src/oci/reference.ts";
import type { Image } from "../src/oci/registry.ts";
import { Pulls, type PullsOptions } from "../src/pulls.ts";
import type { Compiled } from "../src/runtime/compiler.ts";
import { Blobs } from "../src/store/blobs.ts";
import type { FunctionRecord } from "../src/store/catalog.ts";
import { emptyModule } from "./support/image.ts";
import { sampleRecord } from "./store/sample-record.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const folder = temporaryFolder();
const reference = parseReference("127.0.0.1:5000/app:v1");
const moduleDigest = digestOf(emptyModule);
const compiled = {} as Compiled; // nobody looks into it here
let scenes = 0;

/** Pulls over a real blob store, with collaborators that fail as a test wants. */
async function scene(change: Partial<PullsOptions> = {}) {
  const dataDir = join(folder, String(++scenes));
  const blobs = await Blobs.open({ dataDir, quotaBytes: 1e9 });
  const records: FunctionRecord[] = [];
  const counted: string[] = [];
  const opened: string[] = [];
  const image: Image = {
    reference,
    digest: digestOf("image"),
    manifestDigest: digestOf("manifest"),
    module: { mediaType: "application/wasm", digest: moduleDigest, size: emptyModule.byteLength },
    diffId: undefined,
    config: undefined,
    annotations: {},
  };
  const pulls = new Pulls({
    registry: {
      resolve: async () => image,
      openBlob: async () => {
        opened.push("blob");
        return Readable.from([emptyModule]);
      },
    },
    blobs,
    modules: { load: async () => compiled, forget: () => undefined },
    catalog: {
      isOpen: true,
      list: () => records,
      usersOf: (digest: Digest) => records.filter((record) => record.moduleDigest === digest).length,
    },
    limits: defaultPullLimits,
    metrics: { countPull: (result) => void counted.push(result) },
    ...change,
  });
  const files = (): string[] => ["blobs/sha256", "tmp"].flatMap((each) => readdirSync(join(dataDir, each)));
  return { pulls, blobs, records, counted, opened, files, image };
}

const invalid = new GatewayError("MODULE_INVALID", "no");
const missing = new GatewayError("MODULE_UNAVAILABLE", "gone");

describe("pull()", () => {
  test("leaves no file of a module that does not compile", async () => {
    const { pulls, counted, files } = await scene({
      modules: { load: () => Promise.reject(invalid), forget: () => undefined },
    });
    await expect(pulls.pull(reference)).rejects.toBe(invalid);
    expect(files()).toEqual([]);
    expect(counted).toEqual(["failed"]);
  });

  test("leaves the file of a module that does not compile to the function that has it", async () => {
    const { pulls, records, files } = await scene({
      modules: { load: () => Promise.reject(invalid), forget: () => undefined },
    });
    records.push(sampleRecord({ moduleDigest, imageDigest: digestOf("another image") }));
    await expect(pulls.pull(reference)).rejects.toBe(invalid);
    expect(files()).toHaveLength(1);
  });

  test("leaves no file when the store cannot keep it", async () => {
    const full = new GatewayError("STORAGE_FULL", "no room");
    const { blobs } = await scene();
    let discarded = 0;
    const { pulls } = await scene({
      blobs: {
        path: (digest) => blobs.path(digest),
        remove: (digest) => blobs.remove(digest),
        ingest: async () => {
          const ingest = await blobs.ingest();
          const discard = async (): Promise<void> => {
            discarded += 1;
            await ingest.discard();
          };
          return { writable: ingest.writable, commit: () => Promise.reject(full), discard };
        },
      },
    });
    await expect(pulls.pull(reference)).rejects.toBe(full);
    expect(discarded).toBe(1);
  });

  test("pulls anew what a function has from this image and lost", async () => {
    let loads = 0;
    const load = (): Promise<Compiled> => (loads++ === 0 ? Promise.reject(missing) : Promise.resolve(compiled));
    const { pulls, records, opened, counted } = await scene({ modules: { load, forget: () => undefined } });
    records.push(sampleRecord({ moduleDigest }));
    const pulled = await pulls.pull(reference);
    expect(pulled.digest).toBe(moduleDigest);
    expect([opened, counted]).toEqual([["blob"], ["pulled"]]);
    pulled.release();
    await pulls.pull(reference);
    expect([opened, counted]).toEqual([["blob"], ["pulled", "stored"]]);
  });

  test("lets whoever comes before the last one lets go have what was pulled", async () => {
    const { pulls, opened } = await scene();
    const first = await pulls.pull(reference);
    const second = await pulls.pull(reference);
    first.release();
    (await pulls.pull(reference)).release();
    expect(opened).toEqual(["blob"]);
    second.release();
    await pulls.pull(reference);
    expect(opened).toEqual(["blob", "blob"]);
  });

  test("says to each who waited that it took too long", async () => {
    const hang = (_image: unknown, _descriptor: unknown, signal?: AbortSignal): Promise<Readable> =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted"))));
    const { pulls, image } = await scene();
    const slow = await scene({
      registry: { resolve: async () => image, openBlob: hang },
      limits: { ...defaultPullLimits, pullTimeoutMs: 50 },
    });
    const refusal = {
      code: "REGISTRY_UNAVAILABLE",
      message: "pulling 127.0.0.1:5000/app:v1 took longer than 50 ms",
    };
    const all = [slow.pulls.pull(reference), slow.pulls.pull(reference)];
    for (const each of all) await expect(each).rejects.toMatchObject(refusal);
    // And whoever comes afterwards is not given the failure of before.
    await expect(pulls.pull(reference)).resolves.toMatchObject({ digest: moduleDigest });
  });

  test("asks a registry once for all who want a reference at one time, however they wrote it", async () => {
    const asked: string[] = [];
    const { image } = await scene();
    const resolve = async ({ text }: Image["reference"]): Promise<Image> => {
      asked.push(text);
      return image;
    };
    const openBlob = async (): Promise<Readable> => Readable.from([emptyModule]);
    const { pulls, counted } = await scene({ registry: { resolve, openBlob } });
    const written = ["127.0.0.1:5000/app:latest", "127.0.0.1:5000/app", "127.0.0.1:5000/app:v2"].map(parseReference);
    const pulled = await Promise.all(written.map((each) => pulls.pull(each)));
    expect(asked).toEqual(["127.0.0.1:5000/app:latest", "127.0.0.1:5000/app:v2"]);
    expect(pulled.map((each) => each.image.reference)).toEqual(written);
    expect(counted).toEqual(["pulled", "pulled", "pulled"]);
    await pulls.pull(parseReference("127.0.0.1:5000/app"));
    expect(asked).toHaveLength(3);
  });

  test("passes on what nobody foresaw", async () => {
    const bug = new Error("a bug");
    const { pulls, counted } = await scene({
      registry: { resolve: () => Promise.reject(bug), openBlob: () => Promise.reject(bug) },
    });
    await expect(pulls.pull(reference)).rejects.toBe(bug);
    expect(counted).toEqual(["failed"]);
  });
});

test("close() ends every pull, also those that come later", async () => {
  const hang = (_reference: unknown, signal?: AbortSignal): Promise<Image> =>
    new Promise((_resolve, reject) => {
      if (signal?.aborted) reject(new Error("aborted"));
      signal?.addEventListener("abort", () => reject(new Error("aborted")));
    });
  const { pulls } = await scene({ registry: { resolve: hang, openBlob: () => Promise.reject(new Error("no")) } });
  const underway = pulls.pull(reference);
  pulls.close();
  for (const each of [underway, pulls.pull(reference)]) {
    await expect(each).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  }
});

describe("collect()", () => {
  test("removes a file when nobody holds it and no function needs it", async () => {
    const { pulls, records, files } = await scene();
    const [one, other] = [await pulls.pull(reference), await pulls.pull(reference)];
    await pulls.collect(moduleDigest);
    one.release();
    one.release();
    await pulls.collect(moduleDigest);
    expect(files()).toHaveLength(1);
    records.push(sampleRecord({ moduleDigest }));
    other.release();
    await pulls.collect(moduleDigest);
    expect(files()).toHaveLength(1);
    records.length = 0;
    await pulls.collect(moduleDigest);
    expect(files()).toEqual([]);
  });

  test("removes nothing once the catalog is closed: what is in its table may be more than what is in memory", async () => {
    const catalog = { isOpen: true, list: () => [], usersOf: () => 0 };
    const { pulls, files } = await scene({ catalog });
    (await pulls.pull(reference)).release();
    catalog.isOpen = false;
    await pulls.collect(moduleDigest);
    expect(files()).toHaveLength(1);
  });
});
