import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { digestOf, hexOf } from "../../src/digest.ts";
import { filesIn } from "../support/files-in.ts";
import { running, testGateway } from "../support/gateway.ts";
import { answers, sleeps } from "../support/guests.ts";
import { moduleOf, putDockerImage } from "../support/image.ts";
import { refuse, types } from "../support/misbehaving-registry.ts";
import { wat } from "../support/wat.ts";

const { client, dataDir, image, registry, logged } = testGateway({ WASMGATE_PULL_MAX_MODULE: "1Mi" });

const fileOf = (name: string): string => join("functions", name, `${name}.wasm`);
const blobOf = (module: Uint8Array): string => join("blobs", "sha256", hexOf(digestOf(module)));
const removeAll = async (): Promise<void> => {
  const names = [...(await client().get("/function/list")).text.matchAll(/func_name: ([^,]+)/g)];
  for (const [, name = ""] of names) expect((await client().remove(name)).status).toBe(200);
};

beforeEach(() => registry().reset());
afterEach(async () => {
  await removeAll();
  expect(filesIn(dataDir)).toEqual([]);
  expect(logged().filter(({ level }) => level === "error")).toEqual([]);
});

describe("an update", () => {
  test("answers every call, by the old or the new function and never by a mixture, and by the new one from then on", async () => {
    const versions = [0, 1, 2, 3, 4, 5];
    const images = versions.map((version) => image("versions", answers(version), `v${version}`));
    const deploy = (version: number): Promise<void> =>
      client().mustDeploy({ function_name: "f", function_image: images[version] ?? "", update: true });
    await deploy(0);
    let answered = 0;
    let asked = 0;
    let stop = false;
    const caller = async (): Promise<number> => {
      for (let calls = 0; ; calls++) {
        if (stop) return calls;
        const least = answered;
        const result = await client().result("f");
        const [first, second] = JSON.parse(result) as number[];
        expect(second).toBe(first);
        expect(first).toBeGreaterThanOrEqual(least);
        expect(first).toBeLessThanOrEqual(asked);
      }
    };
    const callers = Array.from({ length: 12 }, caller);
    for (const version of versions.slice(1)) {
      asked = version;
      await deploy(version);
      answered = version;
      expect(await client().result("f")).toBe(`[${version},${version}]`);
    }
    stop = true;
    expect(Math.min(...(await Promise.all(callers)))).toBeGreaterThan(0);
    expect(filesIn(dataDir)).toEqual([blobOf(wat(answers(5))), fileOf("f")]);
  });

  test("that fails leaves the old function as it was", async () => {
    const old = image("old", answers(1));
    await client().mustDeploy({ function_name: "f", function_image: old });
    const before = filesIn(dataDir);
    const bad = image(
      "bad",
      `(module (func (export "a") (result i32) i32.const 1) (func (export "b") (result i32) i32.const 2))`,
    );
    for (const [reference, status] of [
      [bad, 422],
      [`${registry().host}/nothing:v1`, 404],
      [image("invalid", moduleOf(100).subarray(0, 90)), 422],
    ] as const) {
      const answer = await client().deploy({ function_name: "f", function_image: reference, update: true });
      expect([answer.text, answer.status]).toEqual([expect.stringContaining(reference), status]);
      expect(await client().result("f")).toBe("[1,1]");
      expect(filesIn(dataDir)).toEqual(before);
    }
    expect((await client().post("/function/query", { function_name: "f" })).text).toContain(old);
  });

  test("is refused unless it is asked for, and what is deployed stays", async () => {
    await client().mustDeploy({ function_name: "f", function_image: image("one", answers(1)) });
    const again = await client().deploy({ function_name: "f", function_image: image("two", answers(2)) });
    expect(again.status).toBe(409);
    expect(again.text).toBe(
      `status code: 409, message: function f is already deployed; delete it first, or deploy with "update": true\n`,
    );
    expect(registry().asked(/\/two\//)).toBe(0);
    expect(await client().result("f")).toBe("[1,1]");
  });

  test("keeps the time of the first deploy, by which functions are listed", async () => {
    const [one, two] = [image("one", answers(1)), image("two", answers(2))];
    await client().mustDeploy({ function_name: "first", function_image: one });
    await client().mustDeploy({ function_name: "second", function_image: one });
    await client().mustDeploy({ function_name: "first", function_image: two, update: true });
    expect((await client().get("/function/list")).text).toMatch(/first.*second/);
  });
});

describe("deploys at the same time", () => {
  test("of one name take turns: one succeeds, the others find it there", async () => {
    const images = [1, 2, 3, 4, 5, 6].map((version) => image("same", answers(version), `v${version}`));
    const answersOf = await Promise.all(
      images.map((function_image) => client().deploy({ function_name: "f", function_image })),
    );
    expect(answersOf.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
    const winner = answersOf.findIndex(({ status }) => status === 200) + 1;
    expect(await client().result("f")).toBe(`[${winner},${winner}]`);
    expect(filesIn(dataDir)).toEqual([blobOf(wat(answers(winner))), fileOf("f")]);
  });

  test("of one name with updates all succeed, and one of them is there with its file", async () => {
    const images = [1, 2, 3, 4, 5, 6].map((version) => image("same", answers(version), `v${version}`));
    const all = await Promise.all(
      images.map((function_image) => client().deploy({ function_name: "f", function_image, update: true })),
    );
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    const [last] = JSON.parse(await client().result("f")) as number[];
    expect(filesIn(dataDir)).toEqual([blobOf(wat(answers(last ?? 0))), fileOf("f")]);
  });

  /** Puts an image into the registry under several tags. */
  const tagged = (repository: string, module: Uint8Array, tags: readonly string[]) => {
    const [layer] = tags.map((tag) => putDockerImage(registry(), { repository, tag, module }).layer);
    return { layer: { digest: layer?.digest }, reference: (tag: string) => `${registry().host}/${repository}:${tag}` };
  };

  test("of one tag ask the registry for its manifest once", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    const function_image = image("one-tag", answers(4));
    const all = Promise.withResolvers<void>();
    registry().misbehave(/manifests/, async (request, response) => {
      await all.promise;
      registry().serve(request, response);
    });
    const deploys = names.map((function_name) => client().mustDeploy({ function_name, function_image }));
    // The manifest is sent when the gateway has read all requests: one that comes behind them is answered.
    while (registry().asked(/manifests/) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let round = 0; round < names.length; round++) await client().get("/healthz");
    all.resolve();
    await Promise.all(deploys);
    expect(registry().asked(/manifests/)).toBe(1);
    for (const name of names) await client().remove(name);
  });

  test("of one image pull it once", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const { layer, reference } = tagged("shared", wat(answers(9)), names);
    // The layer is sent when all five, each by a tag of its own, know the image.
    registry().misbehave(new RegExp(`blobs/${layer.digest}`), async (request, response) => {
      while (registry().asked(/manifests/) < names.length) await new Promise((resolve) => setTimeout(resolve, 5));
      registry().serve(request, response);
    });
    await Promise.all(
      names.map((function_name) => client().mustDeploy({ function_name, function_image: reference(function_name) })),
    );
    expect(registry().asked(new RegExp(`blobs/${layer.digest}`))).toBe(1);
    expect(await Promise.all(names.map((name) => client().result(name)))).toEqual(names.map(() => "[9,9]"));
    expect(filesIn(dataDir)).toEqual([blobOf(wat(answers(9))), ...names.map(fileOf)]);
  });

  test("of one image that cannot be pulled all fail by the same reason, and the next one succeeds", async () => {
    const { layer, reference } = tagged("flaky", wat(answers(3)), ["a", "b", "c"]);
    registry().misbehave(
      new RegExp(`blobs/${layer.digest}`),
      async (_request, response) => {
        while (registry().asked(/manifests/) < 3) await new Promise((resolve) => setTimeout(resolve, 5));
        refuse(response, 404, "BLOB_UNKNOWN");
      },
      { times: 1 },
    );
    const deploy = (name: string) => client().deploy({ function_name: name, function_image: reference(name) });
    const all = await Promise.all(["a", "b", "c"].map(deploy));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([404]));
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(filesIn(dataDir)).toEqual([]);
    expect((await deploy("a")).status).toBe(200);
  });
});

describe("a module that is here already", () => {
  test("is not pulled again for another function of its image, however that is called", async () => {
    const module = wat(answers(5));
    const { layer } = putDockerImage(registry(), { repository: "here", tag: "v1", module });
    putDockerImage(registry(), { repository: "here", tag: "v2", module });
    await client().mustDeploy({ function_name: "a", function_image: `${registry().host}/here:v1` });
    await client().mustDeploy({ function_name: "b", function_image: `${registry().host}/here:v2` });
    expect(registry().asked(new RegExp(`blobs/${layer.digest}`))).toBe(1);
    const files = [blobOf(module), fileOf("a"), fileOf("b")];
    expect(filesIn(dataDir)).toEqual(files);
    expect(new Set(files.map((file) => statSync(join(dataDir, file)).ino)).size).toBe(1);
  });

  test("is kept once when another image holds it too", async () => {
    const module = wat(answers(6));
    const one = image("one", module);
    putDockerImage(registry(), { repository: "two", module, config: { Entrypoint: ["/f.wasm"], Env: ["A=1"] } });
    await client().mustDeploy({ function_name: "a", function_image: one });
    await client().mustDeploy({ function_name: "b", function_image: `${registry().host}/two:v1` });
    expect(filesIn(dataDir)).toEqual([blobOf(module), fileOf("a"), fileOf("b")]);
    expect((await client().remove("a")).status).toBe(200);
    expect(filesIn(dataDir)).toEqual([blobOf(module), fileOf("b")]);
    expect(await client().result("b")).toBe("[6,6]");
  });
});

describe("a delete", () => {
  test("takes the files that nothing else uses, and only those", async () => {
    const [one, two] = [image("one", answers(1)), image("two", answers(2))];
    await client().mustDeploy({ function_name: "a", function_image: one });
    await client().mustDeploy({ function_name: "b", function_image: two });
    await client().mustDeploy({ function_name: "c", function_image: two });
    await client().remove("a");
    expect(filesIn(dataDir)).toEqual([blobOf(wat(answers(2))), fileOf("b"), fileOf("c")]);
    await client().remove("b");
    expect(filesIn(dataDir)).toEqual([blobOf(wat(answers(2))), fileOf("c")]);
    expect(await client().result("c")).toBe("[2,2]");
  });

  test("that races with a deploy of the same module never leaves a function without its file", async () => {
    const module = wat(answers(8));
    const reference = image("raced", module);
    await client().mustDeploy({ function_name: "a", function_image: reference });
    for (let round = 0; round < 25; round++) {
      const [gone, next] = round % 2 === 0 ? ["a", "b"] : ["b", "a"];
      // Begun a little apart, so that the two meet at different steps.
      const deploy = client().mustDeploy({ function_name: next, function_image: reference });
      await new Promise((resolve) => setTimeout(resolve, round % 7));
      expect((await client().remove(gone)).status).toBe(200);
      await deploy;
      expect(filesIn(dataDir)).toEqual([blobOf(module), fileOf(next)]);
      expect(digestOf(readFileSync(join(dataDir, fileOf(next))))).toBe(digestOf(module));
      expect(await client().result(next)).toBe("[8,8]");
    }
  });

  test("lets calls end that had begun", async () => {
    const reference = image("sleeps", sleeps);
    await client().mustDeploy({ function_name: "sleeps", function_image: reference, wasi_cap: true });
    const call = client().result("sleeps", [300]);
    await running(client(), 1);
    expect((await client().remove("sleeps")).status).toBe(200);
    expect(filesIn(dataDir)).toEqual([]);
    expect(await call).toBe("300");
  });
});

describe("a deploy that fails leaves nothing", () => {
  const cut = (repository: string): string => {
    const { layer } = putDockerImage(registry(), { repository, module: moduleOf(50_000) });
    registry().misbehave(new RegExp(layer.digest), (_request, response) => {
      response.writeHead(200, { "content-length": layer.size });
      response.write(Buffer.alloc(100), () => response.destroy());
    });
    return `${registry().host}/${repository}:v1`;
  };
  const other = (repository: string): string => {
    const { layer } = putDockerImage(registry(), { repository, module: moduleOf(50_000) });
    registry().misbehave(new RegExp(layer.digest), (_request, response) => {
      response.end(Buffer.alloc(layer.size));
    });
    return `${registry().host}/${repository}:v1`;
  };
  const wrongDiffId = (repository: string): string => {
    putDockerImage(registry(), { repository, module: moduleOf(50_000), diffId: digestOf("other") });
    return `${registry().host}/${repository}:v1`;
  };
  const denied = (repository: string): string => {
    registry().misbehave(new RegExp(repository), (_request, response) => refuse(response, 403, "DENIED"));
    return `${registry().host}/${repository}:v1`;
  };
  const twoLayers = (repository: string): string => {
    const layers = [1, 2].map((seed) => registry().putBlob(moduleOf(100, seed), types.wasm));
    const config = registry().putBlob("{}", types.empty);
    registry().putManifest(repository, "v1", { schemaVersion: 2, mediaType: types.manifest, config, layers });
    return `${registry().host}/${repository}:v1`;
  };

  test.each<readonly [string, number, (repository: string) => string]>([
    ["a tag that the registry does not have", 404, (repository) => `${registry().host}/${repository}:v1`],
    ["a registry that denies", 502, denied],
    ["a registry that is not there", 502, (repository) => `127.0.0.1:9/${repository}:v1`],
    ["a layer that is cut again and again", 502, cut],
    ["a layer of other bytes", 502, other],
    ["a layer that is not what the config says", 502, wrongDiffId],
    ["two layers", 422, twoLayers],
    ["bytes that are no module", 422, (repository) => image(repository, moduleOf(100).subarray(0, 90))],
    ["a module that V8 refuses", 422, (repository) => image(repository, illTyped)],
    ["a module that is too large", 422, (repository) => image(repository, moduleOf(2_000_000))],
    ["a module without an export that fits", 422, (repository) => image(repository, "(module)")],
    ["a module that imports what nobody has", 422, (repository) => image(repository, wantsHost)],
    [
      "a module that starts too large",
      422,
      (repository) => image(repository, `(module (memory 8000) (func (export "f") (result i32) i32.const 1))`),
    ],
    ["a reference without grammar", 400, () => "UPPER CASE"],
  ])("of %s", async (title, status, make) => {
    const reference = make(title.replaceAll(/[^a-z]/gi, "").toLowerCase());
    const answer = await client().deploy({ function_name: "f", function_image: reference });
    expect([answer.text, answer.status]).toEqual([expect.any(String), status]);
    expect(filesIn(dataDir)).toEqual([]);
    expect((await client().get("/function/list")).text).toContain("info: []");
  });

  const illTyped = Buffer.concat([
    moduleOf(20),
    Buffer.from([1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b]),
  ]);
  const wantsHost = `(module (import "env" "system" (func)) (func (export "f") (result i32) i32.const 1))`;
});
