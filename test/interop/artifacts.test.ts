/** Artifacts of tools that are not here, written as these write them (seen in their sources). */
import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/digest.ts";
import { moduleOf } from "../support/image.ts";
import { tar } from "../support/tar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway, type TestGateway } from "./gateway.ts";
import { numbered } from "./numbered.ts";
import { Pusher, type Pushed } from "./pusher.ts";

const wasmConfig = "application/vnd.wasm.config.v0+json";
const empty = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2, data: "e30=" };

const folder = temporaryFolder();

describeWith(["docker-registry"], "an artifact", () => {
  const module = numbered(8);
  let gateway: TestGateway;
  let pusher: Pusher;

  beforeAll(async () => {
    pusher = new Pusher(await startDockerRegistry(folder), "artifacts");
    gateway = await openTestGateway(folder);
    await pusher.blob(empty.mediaType, "{}");
  });

  /** A config as CNCF's working group and runwasi lay it out. */
  function cncf(layer: Pushed, facts: object = {}): Promise<Pushed> {
    const created = "2026-01-01T00:00:00Z";
    const config = { created, architecture: "wasm", os: "wasip1", layerDigests: [layer.digest], ...facts };
    return pusher.blob(wasmConfig, JSON.stringify(config));
  }

  test.each([
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.oci.image.layer.v1.tar",
    "application/octet-stream",
  ])("whose layer is a bare module called %s is deployed and invoked", async (type) => {
    const layers = [await pusher.blob(type, module)];
    expect(await gateway.tryOut(await pusher.manifest("bare", { config: empty, layers }))).toBe("8");
  });

  test("with CNCF's config is deployed and invoked", async () => {
    const layer = await pusher.blob("application/wasm", module);
    expect(await gateway.tryOut(await pusher.manifest("cncf", { config: await cncf(layer), layers: [layer] }))).toBe(
      "8",
    );
  });

  test("with CNCF's config of another layer is refused", async () => {
    const layer = await pusher.blob("application/wasm", module);
    const config = await cncf(layer, { layerDigests: [digestOf("another")] });
    const { status, text } = await gateway.deploy("f", await pusher.manifest("other", { config, layers: [layer] }));
    const why = "its config names other layers than its manifest";
    expect({ status, text }).toEqual({ status: 422, text: expect.stringContaining(why) });
  });

  test("with CNCF's config of a component is refused and says what to build", async () => {
    const layer = await pusher.blob("application/wasm", module);
    const config = await cncf(layer, { os: "wasip2", component: { exports: [], imports: [] } });
    const { status, text } = await gateway.deploy("f", await pusher.manifest("component", { config, layers: [layer] }));
    expect({ status, text }).toEqual({ status: 422, text: expect.stringMatching(/component.*wasip1/) });
  });

  test("that is a component whatever it is called is refused and says what to build", async () => {
    const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
    const layers = [await pusher.blob("application/wasm", bytes)];
    const { status, text } = await gateway.deploy("f", await pusher.manifest("bytes", { config: empty, layers }));
    expect({ status, text }).toEqual({ status: 422, text: expect.stringMatching(/component.*wasip1/) });
  });

  test("with solo.io's settings beside the module is deployed and invoked", async () => {
    const settings = await pusher.blob("application/vnd.module.wasm.config.v1+json", '{"type":"envoy_proxy"}');
    const layers = [settings, await pusher.blob("application/vnd.module.wasm.content.layer.v1+wasm", module)];
    expect(await gateway.tryOut(await pusher.manifest("solo", { config: empty, layers }))).toBe("8");
  });

  test.each([
    ["application/vnd.oci.image.layer.v1.tar", (bytes: Uint8Array) => bytes],
    ["application/vnd.docker.image.rootfs.diff.tar", (bytes: Uint8Array) => bytes],
    ["application/vnd.oci.image.layer.v1.tar+gzip", (bytes: Uint8Array) => gzipSync(bytes)],
  ])("whose layer is an archive called %s is deployed and invoked", async (type, compress) => {
    const archive = tar([{ name: "./sub/f.wasm", contents: module }]);
    const layers = [await pusher.blob(type, new Uint8Array(compress(archive)))];
    expect(await gateway.tryOut(await pusher.manifest("archive", { config: empty, layers }))).toBe("8");
  });

  test("of some megabytes comes whole", async () => {
    const bytes = Buffer.concat([module, moduleOf(3_000_000).subarray(8)]);
    const layers = [await pusher.blob("application/wasm", bytes)];
    expect(await gateway.tryOut(await pusher.manifest("large", { config: empty, layers }))).toBe("8");
  });
});
