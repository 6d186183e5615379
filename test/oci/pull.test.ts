import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../src/digest.ts";
import { extractModule } from "../../src/oci/layer.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { moduleOf, putDockerImage } from "../support/image.ts";
import { MisbehavingRegistry, types, type Put } from "../support/misbehaving-registry.ts";
import { client, MemoryStage, quick } from "../support/pulling.ts";
import { tar } from "../support/tar.ts";

const remote = await MisbehavingRegistry.start();
afterAll(() => remote.stop());
beforeEach(() => remote.reset());

const module = moduleOf(100_000);
const archive = tar([{ name: "f.wasm", contents: module }]);

/** Goes all the way from a reference to the module's bytes. */
async function pull(): Promise<{ name: string | undefined; bytes: Buffer }> {
  const { registry } = client();
  const image = await registry.resolve(parseReference(`${remote.host}/app:v1`));
  const stage = new MemoryStage();
  const source = await registry.openBlob(image, image.module);
  const { file, name } = await extractModule(source, { image, stage: stage.stage, limits: quick });
  return { name, bytes: file.bytes };
}

function put(config: Put, layer: Put & { annotations?: object }, more: object = {}): void {
  const document = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer], ...more };
  remote.putManifest("app", "v1", document);
}

const title = (name: string, more: object = {}): object => ({
  annotations: { "org.opencontainers.image.title": name, ...more },
});
const imageConfig = (diffId = digestOf(archive)): Put =>
  remote.putBlob(JSON.stringify({ os: "wasi", architecture: "wasm", rootfs: { diff_ids: [diffId] } }), types.config);
const emptyConfig = (): Put & { data: string } => ({ ...remote.putBlob("{}", types.empty), data: "e30=" });

/** What producers write, as reference/oci.md 2.6 found them. */
const producers: Readonly<Record<string, () => void>> = {
  "docker build": () => void putDockerImage(remote, { module }),
  "buildah in OCI's format": () => put(imageConfig(), remote.putBlob(gzipSync(archive), types.tarGzip)),
  "crane append of a zstd tar": () => put(imageConfig(), remote.putBlob(zstdCompressSync(archive), types.tarZstd)),
  "a tar that is not compressed": () => put(imageConfig(), remote.putBlob(archive, types.tar)),
  "oras push of a file, which calls raw bytes a tar": () =>
    put(
      emptyConfig(),
      { ...remote.putBlob(module, types.tar), ...title("f.wasm") },
      { artifactType: "application/vnd.unknown.artifact.v1" },
    ),
  "oras push of a file with its type": () =>
    put(emptyConfig(), { ...remote.putBlob(module, types.wasm), ...title("f.wasm") }, { artifactType: types.wasm }),
  "oras push of a folder": () =>
    put(emptyConfig(), {
      ...remote.putBlob(gzipSync(archive), types.tarGzip),
      ...title("dist", { "io.deis.oras.content.unpack": "true", "io.deis.oras.content.digest": digestOf(archive) }),
    }),
  "CNCF's layout": () => {
    const layer = remote.putBlob(module, types.wasm);
    const config = { architecture: "wasm", os: "wasip1", layerDigests: [layer.digest] };
    put(remote.putBlob(JSON.stringify(config), "application/vnd.wasm.config.v0+json"), {
      ...layer,
      ...title("f.wasm"),
    });
  },
  "wasm-to-oci": () =>
    put(remote.putBlob("{}", "application/vnd.wasm.config.v1+json"), {
      ...remote.putBlob(module, "application/vnd.wasm.content.layer.v1+wasm"),
      ...title("f.wasm"),
    }),
};

test.each(Object.entries(producers))("an image of %s gives its module", async (_title, produce) => {
  produce();
  const { name, bytes } = await pull();
  expect([name, bytes.equals(module)]).toEqual(["f.wasm", true]);
});

test.each([
  ["a docker image", () => void putDockerImage(remote, { module, diffId: digestOf("another") })],
  ["an OCI image", () => put(imageConfig(digestOf("another")), remote.putBlob(gzipSync(archive), types.tarGzip))],
  [
    "a folder of oras",
    () =>
      put(emptyConfig(), {
        ...remote.putBlob(gzipSync(archive), types.tarGzip),
        annotations: { "io.deis.oras.content.digest": digestOf("another") },
      }),
  ],
])("%s whose layer decompresses to something else than it says is refused", async (_title, produce) => {
  produce();
  await expect(pull()).rejects.toEqual(expect.objectContaining({ code: "DIGEST_MISMATCH" }));
});
