import { digestOf } from "../src/digest.ts";
import { GatewayError } from "../src/errors.ts";
import { Loader, type LoaderOptions } from "../src/loader.ts";
import type { Reference } from "../src/oci/reference.ts";
import type { Image } from "../src/oci/registry.ts";
import type { Pulled } from "../src/pulls.ts";
import type { LoadedModule } from "../src/runtime/protocol.ts";
import type { FunctionRecord } from "../src/store/catalog.ts";
import { sampleRecord } from "./store/sample-record.ts";

const record = sampleRecord();
const damage = new GatewayError("MODULE_UNAVAILABLE", "the file is missing");
const loaded = {} as LoadedModule; // nobody looks into it here

/** A loader whose module's file is missing, and what was asked of its collaborators, in order. */
function scene(change: Partial<LoaderOptions> = {}, pulledDigest = record.moduleDigest) {
  const asked: string[] = [];
  const references: Reference[] = [];
  const loader = new Loader({
    catalog: { find: () => record, list: () => [record] },
    blobs: { path: () => "/blob" },
    modules: { find: () => undefined, load: () => Promise.reject(damage) },
    log: { warn: () => undefined },
    pulls: {
      pull: async (reference) => {
        asked.push("pull");
        references.push(reference);
        const release = (): void => void asked.push("release");
        const image = {} as Image; // nobody looks into it here
        return {
          digest: pulledDigest,
          sizeBytes: 1,
          compiled: { loaded } as Pulled["compiled"],
          fetched: true,
          image,
          release,
        };
      },
      collect: async () => void asked.push("collect"),
    },
    relink: async () => void asked.push("relink"),
    ...change,
  });
  return { loader, asked, references };
}

describe("Loader", () => {
  test("pulls a lost module by the image's digest, and keeps it until the function's file has its name again", async () => {
    const { loader, asked, references } = scene();
    expect(await loader.load(record)).toBe(loaded);
    expect(asked).toEqual(["pull", "relink", "release", "collect"]);
    expect(references).toMatchObject([{ text: record.image, repository: "hello", digest: record.imageDigest }]);
  });

  test("gives every function of the module its file's name again, and a call waits for its own only", async () => {
    const [other, third] = [sampleRecord({ name: "other" }), sampleRecord({ name: "third" })];
    const stranger = sampleRecord({ name: "stranger", moduleDigest: digestOf("another module") });
    const { promise: deployed, resolve: deploy } = Promise.withResolvers<undefined>();
    const relinked: string[] = [];
    const warned: unknown[] = [];
    const relink = async ({ name }: FunctionRecord): Promise<void> => {
      if (name === other.name) {
        await deployed;
        throw new Error("EIO");
      }
      relinked.push(name);
    };
    const { loader } = scene({
      catalog: { find: () => record, list: () => [other, record, stranger, third] },
      log: { warn: (message, fields) => void warned.push([message, fields?.["function"]]) },
      relink,
    });
    expect(await loader.load(record)).toBe(loaded);
    expect(relinked).toEqual([record.name]);
    deploy(undefined);
    while (relinked.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(relinked).toEqual([record.name, third.name]);
    expect(warned.at(-1)).toEqual([expect.stringContaining("has not got its name"), other.name]);
  });

  test("pulls once for all who ask at one time, and again for whoever asks later", async () => {
    const { loader, asked } = scene();
    await Promise.all([loader.load(record), loader.load(record), loader.load(record)]);
    expect(asked.filter((each) => each === "pull")).toHaveLength(1);
    await loader.load(record);
    expect(asked.filter((each) => each === "pull")).toHaveLength(2);
  });

  test.each([
    ["removed", undefined],
    ["replaced", sampleRecord()],
  ])("pulls nothing for a function that was %s meanwhile", async (_what, current) => {
    const { loader, asked } = scene({ catalog: { find: () => current, list: () => [] } });
    expect(await loader.load(record)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test("refuses a module that is not the one that was deployed, and lets go of it", async () => {
    const other = digestOf("other");
    const { loader, asked } = scene({}, other);
    await expect(loader.load(record)).rejects.toMatchObject({
      code: "MODULE_UNAVAILABLE",
      message: `the file is missing, and it could not be pulled again: its image now holds module ${other}`,
    });
    expect(asked).toEqual(["pull", "release", "collect"]);
  });

  test("says why a module could not be pulled again", async () => {
    const denied = new GatewayError("REGISTRY_DENIED", "denied");
    const pulls = { pull: () => Promise.reject(denied), collect: async () => undefined };
    await expect(scene({ pulls }).loader.load(record)).rejects.toMatchObject({
      code: "MODULE_UNAVAILABLE",
      message: "the file is missing, and it could not be pulled again: denied",
    });
  });

  test.each([new GatewayError("SHUTTING_DOWN", "stopping"), new Error("a bug")])(
    "passes on what ended a pull for a reason of ours: %s",
    async (error) => {
      const pulls = { pull: () => Promise.reject(error), collect: async () => undefined };
      await expect(scene({ pulls }).loader.load(record)).rejects.toBe(error);
    },
  );

  test("does not pull what is there and does not compile", async () => {
    const invalid = new GatewayError("MODULE_INVALID", "no");
    const { loader, asked } = scene({ modules: { find: () => undefined, load: () => Promise.reject(invalid) } });
    await expect(loader.load(record)).rejects.toBe(invalid);
    expect(asked).toEqual([]);
  });

  test("lets go of a module when its file cannot get its name", async () => {
    const error = new Error("EIO");
    const { loader, asked } = scene({ relink: () => Promise.reject(error) });
    await expect(loader.load(record)).rejects.toBe(error);
    expect(asked).toEqual(["pull", "release", "collect"]);
  });
});
