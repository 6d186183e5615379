import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf, hexOf } from "../../src/digest.ts";
import { filesIn } from "../support/files-in.ts";
import { closeGateways, startGateway as start, testRegistry, type Opened } from "../support/gateway.ts";
import { answers, prints } from "../support/guests.ts";
import { putDockerImage } from "../support/image.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { wat } from "../support/wat.ts";

const { registry, image } = testRegistry();
const folder = temporaryFolder();
/** One guest thread, for the sake of the many starts. */
const startGateway = (dataDir: string, settings: Readonly<Record<string, string>> = {}): Promise<Opened> =>
  start(dataDir, { WASMGATE_WORKERS: "1", ...settings });
const newFolder = (): string => join(folder, randomUUID());
const module = wat(answers(4));
const blob = join("blobs", "sha256", hexOf(digestOf(module)));
const file = join("functions", "f", "f.wasm");

beforeEach(() => registry().reset());
afterEach(closeGateways);

const ready = async ({ client }: Opened): Promise<void> => {
  while ((await client.get("/readyz")).status !== 200) await new Promise((resolve) => setTimeout(resolve, 10));
};

/** Deploys f, stops the gateway, and returns its folder. */
async function deployed(): Promise<string> {
  const dataDir = newFolder();
  const first = await startGateway(dataDir);
  await first.client.mustDeploy({ function_name: "f", function_image: image("f", module) });
  await first.close();
  return dataDir;
}

describe("after a restart", () => {
  test("everything is still there, without asking a registry", async () => {
    const dataDir = newFolder();
    const first = await startGateway(dataDir);
    const hello = { function_name: "hello", function_image: image("hello", prints("hi")), wasi_cap: true };
    const limited = { function_name: "f", function_image: image("f", module), limits: { timeout: "5s" } };
    await first.client.mustDeploy({ ...hello, env: { A: "1" } });
    await first.client.mustDeploy(limited);
    await first.client.mustDeploy({ ...limited, namespace: "other" });
    const told = await first.client.get("/function/list");
    const files = filesIn(dataDir);
    await first.close();
    registry().reset();
    const second = await startGateway(dataDir);
    await ready(second);
    expect(await second.client.get("/function/list")).toMatchObject({ status: 200, text: told.text });
    expect(await second.client.result("hello")).toBe("hi");
    expect(await second.client.result("f")).toBe("[4,4]");
    expect(await second.client.result("f", undefined, { namespace: "other" })).toBe("[4,4]");
    expect(filesIn(dataDir)).toEqual(files);
    expect(registry().requests).toEqual([]);
    expect(second.logged.filter(({ level }) => level !== "info")).toEqual([]);
  });

  test("what a crash left is swept, and nothing else", async () => {
    const dataDir = await deployed();
    const files = filesIn(dataDir);
    writeFileSync(join(dataDir, "tmp", "0190c3a5-0000-7000-8000-000000000000.part"), "half");
    writeFileSync(join(dataDir, "blobs", "sha256", "0".repeat(64)), "nobody's");
    mkdirSync(join(dataDir, "functions", "gone"));
    writeFileSync(join(dataDir, "functions", "gone", "gone.wasm"), "nobody's");
    writeFileSync(join(dataDir, "functions", "notes.txt"), "a person's");
    const { client } = await startGateway(dataDir);
    expect(filesIn(dataDir)).toEqual([...files, join("functions", "notes.txt")].sort());
    expect(await client.result("f")).toBe("[4,4]");
  });

  test("a function's file has its name again when somebody took it away or put another there", async () => {
    const dataDir = await deployed();
    rmSync(join(dataDir, "functions"), { recursive: true });
    await (await startGateway(dataDir)).close();
    expect(statSync(join(dataDir, file)).ino).toBe(statSync(join(dataDir, blob)).ino);
    rmSync(join(dataDir, file));
    writeFileSync(join(dataDir, file), "other");
    await startGateway(dataDir);
    expect(statSync(join(dataDir, file)).ino).toBe(statSync(join(dataDir, blob)).ino);
  });

  test("limits that the gateway no longer grants do not keep a function from answering", async () => {
    const dataDir = newFolder();
    const first = await startGateway(dataDir);
    const limits = { memory: "128Mi", timeout: "9s" };
    await first.client.mustDeploy({ function_name: "f", function_image: image("f", module), limits });
    await first.close();
    const { client } = await startGateway(dataDir, { WASMGATE_TIMEOUT: "5s", WASMGATE_MEMORY_LIMIT: "64Mi" });
    expect(await client.result("f")).toBe("[4,4]");
    expect(await client.invoke("f", {}, { limits: { timeout: "6s" } })).toMatchObject({ status: 400 });
    expect(await client.invoke("f", {}, { limits: { memory: "65Mi" } })).toMatchObject({ status: 400 });
  });
});

describe.each([
  ["missing", (path: string): void => rmSync(path)],
  ["damaged", (path: string): void => writeFileSync(path, "damaged")],
  ["cut off", (path: string): void => writeFileSync(path, module.subarray(0, 20))],
])("a module's file that is %s", (_state, harm) => {
  test("is pulled again by digest, once for all who call, when the registry still has it", async () => {
    const dataDir = await deployed();
    harm(join(dataDir, blob));
    // The tag has moved on; the digest has not.
    image("f", answers(5));
    registry().requests.length = 0;
    const { client, logged } = await startGateway(dataDir);
    expect(await Promise.all([1, 2, 3, 4].map(() => client.result("f")))).toEqual(Array(4).fill("[4,4]"));
    expect(registry().asked(/manifests\/v1/)).toBe(0);
    expect(registry().asked(/manifests\/sha256/)).toBe(1);
    expect(filesIn(dataDir)).toEqual([blob, file]);
    expect(digestOf(readFileSync(join(dataDir, file)))).toBe(digestOf(module));
    expect(statSync(join(dataDir, file)).nlink).toBe(2);
    const warnings = logged.filter(({ message }) => message === "a function's module is pulled again");
    expect(warnings.map(({ fields }) => fields["function"])).toEqual(["f"]);
  });

  test("is reported as such when the registry has it no more, and the function can be deployed anew", async () => {
    const dataDir = await deployed();
    harm(join(dataDir, blob));
    registry().reset();
    const { client } = await startGateway(dataDir);
    const answer = await client.invoke("f");
    expect(answer.status).toBe(503);
    expect(answer.text).toMatch(
      /^status code: 503, message: the file of module sha256:[0-9a-f]{64} is (missing|damaged)/,
    );
    expect(answer.text).toContain("could not be pulled again");
    expect((await client.get("/function/list")).text).toContain("func_name: f");
    await client.mustDeploy({ function_name: "f", function_image: image("f", module), update: true });
    expect(await client.result("f")).toBe("[4,4]");
    expect(filesIn(dataDir)).toEqual([blob, file]);
  });
});

describe("a module's file that is lost", () => {
  test("leaves the function deletable", async () => {
    const dataDir = await deployed();
    rmSync(join(dataDir, blob));
    registry().reset();
    const { client } = await startGateway(dataDir);
    expect((await client.remove("f")).status).toBe(200);
    expect(filesIn(dataDir)).toEqual([]);
  });

  test("does not keep the gateway from stopping while it is pulled again and the registry hangs", async () => {
    const dataDir = await deployed();
    rmSync(join(dataDir, blob));
    registry().misbehave(/./, () => undefined);
    const opened = await startGateway(dataDir, { WASMGATE_SHUTDOWN_GRACE: "100ms" });
    const call = opened.client.invoke("f").catch(() => "cut");
    while (registry().requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await opened.close();
    expect(await call).toBe("cut");
  });

  test("is not taken from an image whose digest now means another module", async () => {
    const dataDir = await deployed();
    rmSync(join(dataDir, blob));
    const { manifest } = putDockerImage(registry(), { repository: "f", module });
    registry().misbehave(new RegExp(manifest.digest), (request, response) => {
      registry().serve({ ...request, url: request.url.replace(manifest.digest, "v2") }, response);
    });
    image("f", answers(6), "v2");
    const { client } = await startGateway(dataDir);
    expect(await client.invoke("f")).toMatchObject({ status: 503 });
    // The second name of what was lost, which nothing reads.
    expect(filesIn(dataDir).filter((path) => !path.startsWith("rewritten/"))).toEqual([file]);
  });
});

test("a second gateway on the same folder is refused in a sentence, and the first goes on", async () => {
  const dataDir = await deployed();
  const { client } = await startGateway(dataDir);
  await expect(startGateway(dataDir)).rejects.toThrow(
    /^the data folder is in use: another gateway has .*wasmgate\.db open; stop it or choose another folder$/,
  );
  expect(await client.result("f")).toBe("[4,4]");
});
