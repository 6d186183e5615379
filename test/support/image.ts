/** Images as their producers write them, put into a registry of this process. */
import { gzipSync } from "node:zlib";
import { digestOf, type Digest } from "../../src/digest.ts";
import { types, type MisbehavingRegistry, type Put } from "./misbehaving-registry.ts";
import { tar } from "./tar.ts";

/** The smallest core module: a magic number and a version. */
export const emptyModule = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

/** A core module of a given length, no two the same: an empty one with a custom section of noise. */
export function moduleOf(bytes: number, seed = 1): Buffer {
  const payload = Buffer.alloc(bytes - 8 - 6 - 1);
  for (let at = 0, noise = seed; at < payload.byteLength; at++) {
    noise = (noise * 1_103_515_245 + 12_345) % 2_147_483_648;
    payload[at] = noise >> 16;
  }
  const length = payload.byteLength + 1;
  const leb = [0, 7, 14, 21, 28].map((shift) => ((length >>> shift) & 0x7f) | (shift === 28 ? 0 : 0x80));
  return Buffer.concat([emptyModule, Buffer.from([0x00, ...leb, 0x00]), payload]);
}

/** What docker build writes for FROM scratch and ADD f.wasm /; returns the manifest and the layer. */
export function putDockerImage(
  registry: MisbehavingRegistry,
  options: { repository?: string; tag?: string; module?: Uint8Array; diffId?: Digest; config?: object } = {},
): { manifest: Put; layer: Put } {
  const archive = tar([{ name: "f.wasm", contents: options.module ?? emptyModule }]);
  const layer = registry.putBlob(gzipSync(archive), types.dockerLayer);
  const config = registry.putBlob(
    JSON.stringify({
      os: "linux",
      architecture: "amd64",
      config: options.config ?? { Entrypoint: ["/f.wasm"] },
      rootfs: { type: "layers", diff_ids: [options.diffId ?? digestOf(archive)] },
    }),
    types.dockerConfig,
  );
  const document = { schemaVersion: 2, mediaType: types.dockerManifest, config, layers: [layer] };
  const { repository = "app", tag = "v1" } = options;
  return { manifest: registry.putManifest(repository, tag, document, types.dockerManifest), layer };
}
