/**
 * Images out of registries: what a reference means, and the bytes behind it.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pull
 *
 *   reference --policy--> route --GET manifests/TAG--> index --platform--> manifest --> config (blob or inline)
 *                                                        at most indexDepth deep   \--> the layer with the module
 *
 * Everything that was promised by a digest is hashed before it is read. The wire is exchange.ts's, the documents are
 * manifest.ts's; here is only the walk.
 */
import { Readable } from "node:stream";
import { digestOf, isDigest, type Digest } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import type { Log } from "../log.ts";
import { systemAddresses, type Addresses } from "./address-policy.ts";
import { Auth } from "./auth.ts";
import { streamBlob } from "./blob.ts";
import type { Credentials } from "./credentials.ts";
import { Documents, type Task } from "./documents.ts";
import { Exchange } from "./exchange.ts";
import { interruption } from "./failure.ts";
import type { PullLimits } from "./limits.ts";
import * as manifests from "./manifest.ts";
import type { Descriptor, ImageConfig, Manifest, Texts } from "./manifest.ts";
import { chooseLayer, componentRefusal, type ModuleLayer } from "./module-layer.ts";
import { choosePlatform } from "./platform.ts";
import type { Reference } from "./reference.ts";
import type { RegistryPolicy } from "./registry-policy.ts";
import { Slots } from "./slots.ts";
import { TokenServer } from "./token-server.ts";
import { Transport } from "./transport.ts";

/** What a reference turned out to mean. */
export type Image = {
  readonly reference: Reference;
  /** What pulling by digest gives the same again: the index's where there is one. */
  readonly digest: Digest;
  readonly manifestDigest: Digest;
  /** The one layer that holds the module. */
  readonly module: Descriptor;
  /** The digest of that layer when decompressed, where the image says it. */
  readonly diffId: Digest | undefined;
  readonly config: ImageConfig | undefined;
  /** The manifest's. */
  readonly annotations: Texts;
};

/** A manifest or index whose bytes have been checked. */
export type FetchedManifest = { readonly digest: Digest; readonly manifest: Manifest };

const resolvesPerPull = 4;

/** A client of registries. */
export class Registry {
  readonly #policy: RegistryPolicy;
  readonly #limits: PullLimits;
  readonly #transport: Transport;
  readonly #exchange: Exchange;
  readonly #documents: Documents;
  readonly #pulls: Slots;
  readonly #resolves: Slots;

  constructor(options: {
    readonly policy: RegistryPolicy;
    readonly credentials: Credentials;
    readonly limits: PullLimits;
    readonly log: Pick<Log, "warn">;
    /** How names become addresses; absent: as the system says. */
    readonly addresses?: Addresses;
  }) {
    const { policy, credentials, limits, log, addresses = systemAddresses } = options;
    this.#policy = policy;
    this.#limits = limits;
    this.#transport = new Transport({ policy, addresses, limits });
    const tokenServer = new TokenServer({ transport: this.#transport, limits });
    const auth = new Auth({ tokenServer, credentials });
    this.#exchange = new Exchange({ transport: this.#transport, auth, limits, log });
    this.#documents = new Documents({ exchange: this.#exchange, limits });
    this.#pulls = new Slots(limits.parallelPulls);
    this.#resolves = new Slots(limits.parallelPulls * resolvesPerPull);
  }

  /**
   * Finds out what a reference means: the manifest for us, its config, and the layer that holds the module.
   * @throws {GatewayError} the image's family, IMAGE_NOT_FOUND to IMAGE_TOO_LARGE
   */
  async resolve(reference: Reference, signal?: AbortSignal): Promise<Image> {
    return this.#withSlot(this.#resolves, { reference, signal }, async (task) => {
      const top = await this.#named(reference, task);
      const { digest: manifestDigest, manifest } = await this.#descend(top, task);
      const layer = chooseLayer(manifest, reference.text, this.#limits);
      const config = await this.#config(manifest.config, task);
      return {
        reference,
        digest: top.digest,
        manifestDigest,
        module: layer.descriptor,
        diffId: diffIdOf(layer, { config, manifest, image: reference.text }),
        config,
        annotations: manifest.annotations,
      };
    });
  }

  /**
   * Fetches the manifest or index that a reference names, and nothing it points at.
   * @throws {GatewayError} the image's family
   */
  async fetchManifest(reference: Reference, signal?: AbortSignal): Promise<FetchedManifest> {
    return this.#withSlot(this.#resolves, { reference, signal }, (task) => this.#named(reference, task));
  }

  /**
   * Opens a blob of an image; waits for one of the `parallelPulls` places, which it holds until the stream closes.
   * The stream errors unless it is what the descriptor promises, so nothing is to be trusted before its end.
   * The caller reads it to its end or destroys it.
   * @throws {GatewayError} the image's family, also through the stream
   */
  async openBlob(image: Image, descriptor: Descriptor, signal?: AbortSignal): Promise<Readable> {
    const inline = this.#documents.inline(descriptor, image.reference.text);
    if (inline !== undefined) return Readable.from([inline], { objectMode: false });
    const task = await this.#task(image.reference, signal);
    const release = await this.#place(this.#pulls, task);
    try {
      const stream = await streamBlob({
        exchange: this.#exchange,
        wish: {
          ...task,
          path: `blobs/${descriptor.digest}`,
          what: `the blob ${descriptor.digest}`,
          untilMs: performance.now() + this.#limits.pullTimeoutMs,
        },
        descriptor,
        resumes: this.#limits.attempts,
      });
      stream.once("close", release);
      return stream;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Closes all connections; what is under way fails. */
  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #task(reference: Reference, signal: AbortSignal | undefined): Promise<Task> {
    const route = await this.#policy.route(reference);
    const deadline = AbortSignal.timeout(this.#limits.pullTimeoutMs);
    return { route, signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) };
  }

  async #withSlot<T>(
    slots: Slots,
    asked: { readonly reference: Reference; readonly signal: AbortSignal | undefined },
    work: (task: Task) => Promise<T>,
  ): Promise<T> {
    const task = await this.#task(asked.reference, asked.signal);
    const release = await this.#place(slots, task);
    try {
      return await work(task);
    } finally {
      release();
    }
  }

  async #place(slots: Slots, { route, signal }: Task): Promise<() => void> {
    try {
      return await slots.take(signal);
    } catch {
      throw interruption(signal, route.registry);
    }
  }

  async #named(reference: Reference, task: Task): Promise<FetchedManifest> {
    const name = reference.digest ?? reference.tag ?? "latest";
    const { bytes, contentType } = await this.#documents.fetch(task, {
      path: `manifests/${name}`,
      what: `the manifest ${name}`,
      limitBytes: this.#limits.manifestBytes,
      promised: reference.digest === undefined ? undefined : { digest: reference.digest },
    });
    const digest = reference.digest ?? digestOf(bytes);
    return { digest, manifest: manifests.parseManifest(bytes, [contentType], this.#source(reference.text)) };
  }

  /** Walks down from an index to the manifest for us. */
  async #descend(
    top: FetchedManifest,
    task: Task,
  ): Promise<{ digest: Digest; manifest: Extract<Manifest, { kind: "image" }> }> {
    const { image } = task.route;
    let { digest, manifest } = top;
    for (let depth = 0; manifest.kind === "index"; depth++) {
      if (depth === this.#limits.indexDepth) {
        throw new GatewayError("IMAGE_TOO_LARGE", `${image}: indexes in indexes, at most ${depth} are followed`);
      }
      const entry = choosePlatform(manifest.entries, image);
      const { bytes, contentType } = await this.#documents.promised(task, entry, "manifest");
      digest = entry.digest;
      manifest = manifests.parseManifest(bytes, [contentType, entry.mediaType], this.#source(image));
    }
    return { digest, manifest };
  }

  async #config(descriptor: Descriptor, task: Task): Promise<ImageConfig | undefined> {
    if (!Object.values<string>(manifests.configTypes).includes(descriptor.mediaType)) return undefined;
    const { bytes } = await this.#documents.promised(task, descriptor, "config");
    const config = manifests.parseConfig(bytes, this.#source(task.route.image));
    if (config.isComponent) throw componentRefusal(task.route.image);
    return config;
  }

  #source(image: string): manifests.Source {
    return { image, limits: this.#limits };
  }
}

/** What an image says its layer is once decompressed. */
function diffIdOf(
  { descriptor, position }: ModuleLayer,
  about: { config: ImageConfig | undefined; manifest: Extract<Manifest, { kind: "image" }>; image: string },
): Digest | undefined {
  const { diffIds = [], layerDigests = [] } = about.config ?? {};
  const layers = about.manifest.layers.length;
  if (diffIds.length > 0 && diffIds.length !== layers) {
    throw new GatewayError("IMAGE_INVALID", `${about.image}: ${layers} layers but ${diffIds.length} diff_ids`);
  }
  if (layerDigests.length > 0 && !layerDigests.includes(descriptor.digest)) {
    throw new GatewayError("IMAGE_INVALID", `${about.image}: its config names other layers than its manifest`);
  }
  // oras push of a folder: https://github.com/oras-project/oras-go/blob/v2.6.0/content/file/file.go
  const unpacked = descriptor.annotations?.["io.deis.oras.content.digest"];
  return diffIds[position] ?? (unpacked !== undefined && isDigest(unpacked) ? unpacked : undefined);
}
