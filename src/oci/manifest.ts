/**
 * The documents of an image, from bytes that nobody has looked at yet to types that can be trusted.
 * https://github.com/opencontainers/image-spec/tree/v1.1.0 (descriptor, manifest, image-index, config),
 * https://distribution.github.io/distribution/spec/manifest-v2-2/ and
 * https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/ (application/vnd.wasm.config.v0+json)
 *
 * A document must not be readable as both an index and a manifest (CVE-2021-41190), and what its Content-Type, its
 * mediaType and its fields say must agree.
 */
import { z } from "zod";
import { isDigest, type Digest } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import { printable } from "./failure.ts";
import type { PullLimits } from "./limits.ts";

/** Media types of manifests and indexes that we ask for. */
export const manifestTypes = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

/** Media types of configs that we read; all others are opaque. */
export const configTypes = {
  oci: "application/vnd.oci.image.config.v1+json",
  docker: "application/vnd.docker.container.image.v1+json",
  wasm: "application/vnd.wasm.config.v0+json",
} as const;

const digest = z.custom<Digest>((value) => typeof value === "string" && isDigest(value), "expected a sha256 or sha512");
const mediaType = z.string().regex(/^[\w.+!#$&^-]{1,127}\/[\w.+!#$&^-]{1,127}$/, "expected a media type");
const texts = z.record(z.string(), z.string()).nullish();
const names = z.array(z.string()).nullish();

const descriptorSchema = z.object({
  mediaType,
  digest,
  size: z.int().nonnegative(),
  urls: z.array(z.string()).nullish(),
  annotations: texts,
  data: z.string().nullish(),
  artifactType: z.string().nullish(),
});
const entrySchema = descriptorSchema.extend({
  platform: z.object({ os: z.string().nullish(), architecture: z.string().nullish() }).nullish(),
});
const indexSchema = z.object({ manifests: z.array(entrySchema), annotations: texts });
const manifestSchema = z.object({
  config: descriptorSchema,
  layers: z.array(descriptorSchema).nullish(),
  artifactType: z.string().nullish(),
  annotations: texts,
});
const configSchema = z.object({
  os: z.string().nullish(),
  architecture: z.string().nullish(),
  config: z
    .object({ Entrypoint: names, Cmd: names, Env: names, Labels: texts, WorkingDir: z.string().nullish() })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(digest).nullish() }).nullish(),
  layerDigests: z.array(digest).nullish(),
  component: z.unknown().optional(),
});

/** Points at a blob or manifest and promises its size in bytes and digest. */
export type Descriptor = z.infer<typeof descriptorSchema>;

/** A descriptor in an index; says for which platform its manifest is. */
export type IndexEntry = z.infer<typeof entrySchema>;

/** A parsed manifest or index. */
export type Manifest =
  | { readonly kind: "index"; readonly entries: readonly IndexEntry[]; readonly annotations: Texts }
  | {
      readonly kind: "image";
      readonly config: Descriptor;
      readonly layers: readonly Descriptor[];
      readonly artifactType: string | undefined;
      readonly annotations: Texts;
    };

/** Annotations or labels. */
export type Texts = Readonly<Record<string, string>>;

/** What an image says about how it wants to be run; names are the producer's and not to be trusted. */
export type ImageConfig = {
  readonly os: string;
  readonly architecture: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly labels: Texts;
  readonly workingDir: string;
  /** Digests of the layers when decompressed, in the layers' order; empty when not given. */
  readonly diffIds: readonly Digest[];
  /** Digests of the layers as they travel; only CNCF artifacts have them. */
  readonly layerDigests: readonly Digest[];
  /** The config describes a component and not a module. */
  readonly isComponent: boolean;
};

/** What parsing needs to know beside the bytes. */
export type Source = {
  /** Names the image in errors. */
  readonly image: string;
  readonly limits: Pick<PullLimits, "indexEntries">;
};

/**
 * Reads a manifest or an index.
 * @param called what the answer's Content-Type and the descriptor that led here call it
 * @throws {GatewayError} IMAGE_INVALID IMAGE_UNSUPPORTED IMAGE_TOO_LARGE
 */
export function parseManifest(bytes: Uint8Array, called: readonly (string | undefined)[], source: Source): Manifest {
  const document = jsonObject(bytes, "manifest", source);
  const type = typeOf(document, called, source.image);
  const isIndex = type === manifestTypes.ociIndex || type === manifestTypes.dockerList;
  const alien = (isIndex ? ["layers", "config", "blobs"] : ["manifests", "blobs"]).find((key) => key in document);
  if (alien !== undefined) {
    throw invalid(source.image, `a ${type} with "${alien}" in it could be read in two ways, which is refused`);
  }
  if (isIndex) {
    const { manifests, annotations } = parsed(indexSchema, document, { image: source.image, name: "index" });
    bounded(manifests.length, "entries in its index", source);
    return { kind: "index", entries: manifests, annotations: annotations ?? {} };
  }
  const manifest = parsed(manifestSchema, document, { image: source.image, name: "manifest" });
  const layers = manifest.layers ?? [];
  bounded(layers.length, "layers", source);
  const { config, artifactType, annotations } = manifest;
  return { kind: "image", config, layers, artifactType: artifactType ?? undefined, annotations: annotations ?? {} };
}

/**
 * Reads an image's config; a config of another type than `configTypes` is not to be read.
 * @throws {GatewayError} IMAGE_INVALID IMAGE_TOO_LARGE
 */
export function parseConfig(bytes: Uint8Array, source: Source): ImageConfig {
  const document = parsed(configSchema, jsonObject(bytes, "config", source), { image: source.image, name: "config" });
  const { Entrypoint, Cmd, Env, Labels, WorkingDir } = document.config ?? {};
  return {
    os: document.os ?? "",
    architecture: document.architecture ?? "",
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    env: Env ?? [],
    labels: Labels ?? {},
    workingDir: WorkingDir ?? "",
    diffIds: document.rootfs?.diff_ids ?? [],
    layerDigests: document.layerDigests ?? [],
    isComponent: document.os === "wasip2" || (document.component ?? undefined) !== undefined,
  };
}

/** The one type that Content-Type, descriptor, mediaType and fields agree on. */
function typeOf(document: object, called: readonly (string | undefined)[], image: string): string {
  if (!("schemaVersion" in document) || document.schemaVersion !== 2) {
    if ("schemaVersion" in document && document.schemaVersion === 1) {
      throw unsupported(image, "is a Docker schema 1 manifest", "push it again with a current tool");
    }
    throw invalid(image, "expected a manifest with schemaVersion 2");
  }
  const own = "mediaType" in document && typeof document.mediaType === "string" ? document.mediaType : undefined;
  const said = [own, ...called].flatMap((type) => type?.split(";")[0]?.trim().toLowerCase() ?? []);
  const [type, another] = new Set(said.filter((name) => !generic.has(name)));
  if (another !== undefined) {
    throw invalid(image, `its manifest is called ${printable(`${type} and ${another}`)}, which is refused`);
  }
  if (type !== undefined && !isManifestType(type)) {
    throw unsupported(image, `is a ${printable(type)}`, "a manifest or index of OCI or of Docker's schema 2 works");
  }
  return type ?? ("manifests" in document ? manifestTypes.ociIndex : manifestTypes.ociManifest);
}

/** What servers write that do not know better. */
const generic: ReadonlySet<string> = new Set(["", "application/json", "application/octet-stream", "text/plain"]);

function isManifestType(type: string): boolean {
  return Object.values<string>(manifestTypes).includes(type);
}

function jsonObject(bytes: Uint8Array, name: string, { image, limits }: Source): object {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // What the parser says quotes what it read.
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw invalid(image, `its ${name} is not a JSON object`);
  }
  const most = valuesAlways + valuesPerEntry * limits.indexEntries;
  if (holdsMoreThan(most, document)) {
    throw new GatewayError("IMAGE_TOO_LARGE", `${image}: its ${name} holds more than ${most} values`);
  }
  return document;
}

/**
 * Values that a document may hold, nested ones included; an index's entry has about 15. zod makes an issue of every
 * wrong value: an index of 4 MiB of "{}," took it 22 s and 2.8 GB.
 */
const valuesAlways = 10_000;
const valuesPerEntry = 20;

function holdsMoreThan(most: number, document: object): boolean {
  const unseen: unknown[] = [document];
  for (let seen = 0; unseen.length > 0; seen++) {
    const value = unseen.pop();
    if (typeof value !== "object" || value === null) continue;
    const children: unknown[] = Object.values(value);
    if (seen + unseen.length + children.length > most) return true;
    for (const child of children) unseen.push(child);
  }
  return false;
}

function parsed<T>(schema: z.ZodType<T>, document: object, about: { image: string; name: string }): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.map(String).join(".") ?? "";
  throw invalid(about.image, `its ${about.name} is malformed at "${printable(where)}": ${issue?.message ?? "unknown"}`);
}

function bounded(count: number, what: string, { image, limits }: Source): void {
  if (count <= limits.indexEntries) return;
  throw new GatewayError("IMAGE_TOO_LARGE", `${image}: ${count} ${what}, at most ${limits.indexEntries} are read`);
}

function invalid(image: string, why: string): GatewayError {
  return new GatewayError("IMAGE_INVALID", `${image}: ${why}`);
}

function unsupported(image: string, found: string, works: string): GatewayError {
  return new GatewayError("IMAGE_UNSUPPORTED", `${image} ${found}; ${works}`);
}
