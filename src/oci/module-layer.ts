/**
 * Which layer of a manifest holds the module, or why none does. Media types are a hint and an allow list here; what a
 * layer really is, its first bytes say (layer.ts).
 */
import { GatewayError } from "../errors.ts";
import { printable } from "./failure.ts";
import type { PullLimits } from "./limits.ts";
import type { Descriptor, Manifest } from "./manifest.ts";

/** The layer, and its place among all layers, by which a config names its diffID. */
export type ModuleLayer = { readonly descriptor: Descriptor; readonly position: number };

const mostListed = 10;
const works = "one layer that holds one core module works: FROM scratch with one ADD, or oras push of one .wasm file";

const layerTypes: ReadonlySet<string> = new Set([
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.zstd",
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
  "application/wasm",
  "application/vnd.wasm.content.layer.v1+wasm",
  "application/vnd.module.wasm.content.layer.v1+wasm",
  "application/octet-stream",
]);

/** Kinds of images that people try, by the type of their config or artifact. */
const kinds: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "application/vnd.fermyon.spin.application.v1+config":
      "a Spin application, which brings components and its own host",
    "application/vnd.cncf.helm.config.v1+json": "a Helm chart",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip": "a Helm chart",
    "application/vnd.dev.cosign.artifact.sig.v1+json": "a signature of an image",
    "application/vnd.in-toto+json": "an attestation about an image",
  }),
);

const componentTypes: ReadonlySet<string> = new Set([
  "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
  "application/vnd.bytecodealliance.component.v1+wasm",
]);

/**
 * Finds the one layer that holds the module.
 * @throws {GatewayError} IMAGE_UNSUPPORTED IMAGE_TOO_LARGE
 */
export function chooseLayer(
  manifest: Extract<Manifest, { kind: "image" }>,
  image: string,
  limits: Pick<PullLimits, "layerBytes">,
): ModuleLayer {
  refuseKinds(manifest, image);
  const layers = manifest.layers
    .map((descriptor, position) => ({ descriptor, position }))
    .filter(({ descriptor }) => !isSettings(descriptor));
  const [layer, another] = layers;
  if (layer === undefined) throw unsupported(image, "has no layer");
  if (another !== undefined) {
    const listed = layers.slice(0, mostListed).map(({ descriptor }) => `${descriptor.mediaType} ${descriptor.digest}`);
    const more = layers.length > mostListed ? ", …" : "";
    const hint = "; WORKDIR, RUN and every further COPY or ADD of a Dockerfile add a layer";
    throw unsupported(image, `has ${layers.length} layers (${listed.join(", ")}${more})${hint}`);
  }
  refuseLayer(layer.descriptor, image);
  if (layer.descriptor.size > limits.layerBytes) {
    throw new GatewayError(
      "IMAGE_TOO_LARGE",
      `${image}: its layer has ${layer.descriptor.size} bytes, at most ${limits.layerBytes} are pulled`,
    );
  }
  return layer;
}

/** Makes the error for an image that holds a component, wherever that is seen. */
export function componentRefusal(image: string): GatewayError {
  return unsupported(image, "holds a WebAssembly component, which is not supported; build a core module for wasip1");
}

function refuseKinds(manifest: Extract<Manifest, { kind: "image" }>, image: string): void {
  const types = [manifest.artifactType, manifest.config.mediaType, ...manifest.layers.map((layer) => layer.mediaType)];
  for (const type of types) {
    const kind = type === undefined ? undefined : kinds.get(type);
    if (kind !== undefined) throw unsupported(image, `is ${kind}`);
    if (type !== undefined && componentTypes.has(type)) throw componentRefusal(image);
  }
}

function refuseLayer({ mediaType, urls }: Descriptor, image: string): void {
  if (/foreign|nondistributable/.test(mediaType) || (urls?.length ?? 0) > 0) {
    throw unsupported(image, `has a foreign layer (${mediaType}), whose bytes are elsewhere and are not fetched`);
  }
  if (!layerTypes.has(mediaType)) throw unsupported(image, `has a layer of type ${printable(mediaType)}`);
}

/** solo.io's images carry their proxy's settings in a layer beside the module. */
function isSettings({ mediaType, annotations }: Descriptor): boolean {
  const title = annotations?.["org.opencontainers.image.title"] ?? "";
  return mediaType === "application/vnd.module.wasm.config.v1+json" || /(?:^|\/)runtime-config\.json$/.test(title);
}

function unsupported(image: string, found: string): GatewayError {
  return new GatewayError("IMAGE_UNSUPPORTED", `${image} ${found}; ${works}`);
}
