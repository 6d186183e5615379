import { digestOf } from "../../src/digest.ts";
import { manifestTypes, type Descriptor, type IndexEntry, type Manifest } from "../../src/oci/manifest.ts";
import { chooseLayer } from "../../src/oci/module-layer.ts";
import { choosePlatform } from "../../src/oci/platform.ts";
import { types } from "../support/misbehaving-registry.ts";

function unsupported(message: string): Error {
  const shape: Error = expect.objectContaining({
    code: "IMAGE_UNSUPPORTED",
    message: expect.stringContaining(message),
  });
  return shape;
}

describe("choosePlatform() takes", () => {
  const entry = (platform: string | undefined, more: Partial<IndexEntry> = {}): IndexEntry => {
    const [os = "", architecture = ""] = platform?.split("/") ?? [];
    return {
      mediaType: manifestTypes.ociManifest,
      digest: digestOf(platform ?? "none"),
      size: 1,
      ...(platform === undefined ? {} : { platform: { os, architecture } }),
      ...more,
    };
  };
  const wasmArtifact = entry("unknown/unknown", { artifactType: "application/wasm" });
  const attestation = entry("unknown/unknown", {
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    digest: digestOf("attestation"),
  });

  test.each([
    ["linux/amd64 wasip1/wasm wasi/wasm", "wasip1/wasm"],
    ["linux/amd64 wasm/wasm wasi/wasm", "wasi/wasm"],
    ["linux/amd64 wasm/wasm", "wasm/wasm"],
    ["linux/amd64 wasi/wasm32", "wasi/wasm32"],
    ["wasip2/wasm wasi/wasm", "wasi/wasm"],
    ["linux/arm64 windows/amd64 linux/amd64", "linux/amd64"],
    ["linux/s390x", "linux/s390x"],
    ["js/wasm linux/s390x", "linux/s390x"],
  ])("of %s %s", (platforms, expected) => {
    const entries = [attestation, ...platforms.split(" ").map((platform) => entry(platform))];
    expect(choosePlatform(entries, "app").digest).toBe(digestOf(expected));
  });

  test("an unknown platform whose artifact type is wasm before linux/amd64", () => {
    expect(choosePlatform([entry("linux/amd64"), wasmArtifact], "app")).toBe(wasmArtifact);
  });

  test("the only image that names no platform", () => {
    const only = entry(undefined);
    expect(choosePlatform([attestation, only], "app")).toBe(only);
  });

  test("the first of two for one platform", () => {
    const second = entry("wasi/wasm", { digest: digestOf("second") });
    expect(choosePlatform([entry("wasi/wasm"), second], "app").digest).toBe(digestOf("wasi/wasm"));
  });

  test.each([
    ["wasip2/wasm", "component"],
    ["linux/amd64 wasip2/wasm", "component"],
    ["js/wasm", "js/wasm"],
    ["linux/s390x windows/amd64", "linux/s390x, windows/amd64"],
  ])("nothing of %s, and says so", (platforms, message) => {
    const entries = platforms.split(" ").map((platform) => entry(platform));
    expect(() => choosePlatform(entries, "app:v1")).toThrow(unsupported(message));
    expect(() => choosePlatform(entries, "app:v1")).toThrow("app:v1");
  });

  test("nothing of attestations and foreign documents", () => {
    expect(() => choosePlatform([attestation, entry("wasi/wasm", { mediaType: "x/y" })], "app")).toThrow(
      unsupported("no images"),
    );
    expect(() => choosePlatform([], "app")).toThrow(unsupported("no images"));
  });
});

describe("chooseLayer()", () => {
  const layer = (mediaType: string, more: Partial<Descriptor> = {}): Descriptor => ({
    mediaType,
    digest: digestOf(mediaType),
    size: 100,
    ...more,
  });
  const manifest = (layers: Descriptor[], config = types.empty as string, artifactType?: string) =>
    ({ kind: "image", config: layer(config), layers, artifactType, annotations: {} }) satisfies Manifest;
  const limits = { layerBytes: 1000 };

  test.each([
    types.dockerLayer,
    types.tar,
    types.tarGzip,
    types.tarZstd,
    types.wasm,
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/octet-stream",
  ])("takes a layer of type %s", (type) => {
    expect(chooseLayer(manifest([layer(type)]), "app", limits)).toEqual({ descriptor: layer(type), position: 0 });
  });

  test("leaves out a proxy's settings, and remembers the place of the rest", () => {
    const title = { "org.opencontainers.image.title": "runtime-config.json" };
    const layers = [layer("application/json", { annotations: title }), layer(types.wasm)];
    expect(chooseLayer(manifest(layers), "app", limits).position).toBe(1);
  });

  test.each([
    [[], undefined, undefined, "no layer"],
    [[types.tarGzip, types.tarGzip], undefined, undefined, "2 layers"],
    [[types.tarGzip, types.wasm], undefined, undefined, types.wasm],
    [["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"], undefined, undefined, "foreign"],
    [["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"], undefined, undefined, "foreign"],
    [["application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"], undefined, undefined, "component"],
    [["application/vnd.oci.image.layer.v1.tar+encrypted"], undefined, undefined, "+encrypted"],
    [["constructor/x"], undefined, "constructor", "constructor/x"],
    [
      [types.wasm, "application/vnd.wasm.content.layer.v1+data"],
      "application/vnd.fermyon.spin.application.v1+config",
      undefined,
      "Spin",
    ],
    [
      ["application/vnd.cncf.helm.chart.content.v1.tar+gzip"],
      "application/vnd.cncf.helm.config.v1+json",
      undefined,
      "Helm",
    ],
    [
      ["application/vnd.dev.cosign.simplesigning.v1+json"],
      undefined,
      "application/vnd.dev.cosign.artifact.sig.v1+json",
      "signature",
    ],
    [["application/vnd.in-toto+json"], undefined, undefined, "attestation"],
  ])("refuses layers %j with config %s and artifact type %s", (...[layers, config, artifactType, message]) => {
    const given = manifest(
      layers.map((type) => layer(type)),
      config,
      artifactType,
    );
    expect(() => chooseLayer(given, "app:v1", limits)).toThrow(unsupported(message));
    expect(() => chooseLayer(given, "app:v1", limits)).toThrow(/^app:v1 .*works/);
  });

  test("refuses a layer whose bytes are elsewhere", () => {
    const given = manifest([layer(types.tarGzip, { urls: ["https://example.test/x"] })]);
    expect(() => chooseLayer(given, "app", limits)).toThrow(unsupported("foreign"));
  });

  test("refuses a layer that is too long before anybody asks for it", () => {
    const given = manifest([layer(types.tarGzip, { size: 1001 })]);
    expect(() => chooseLayer(given, "app", limits)).toThrow(expect.objectContaining({ code: "IMAGE_TOO_LARGE" }));
  });
});
