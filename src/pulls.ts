/**
 * From an image to a module that can be called: resolved, pulled, verified, stored, inspected, compiled.
 *
 *   reference -> registry.resolve -> image -> openBlob -> extractModule -> blobs (tmp, fsync, rename) -> compile
 *                                      |                                                      ^
 *                                      +-- a module that is here already, by image digest ----+
 *
 * Whoever asks for one image at one time shares one pull. What was pulled is held until released, so that a deletion
 * elsewhere cannot take the file away before a row names it.
 */
import type { Digest } from "./digest.ts";
import { GatewayError } from "./errors.ts";
import { extractModule } from "./oci/layer.ts";
import type { PullLimits } from "./oci/limits.ts";
import type { Reference } from "./oci/reference.ts";
import type { Image, Registry } from "./oci/registry.ts";
import type { Metrics, PullResult } from "./metrics.ts";
import type { Compiled } from "./runtime/compiler.ts";
import type { Modules } from "./runtime/modules.ts";
import type { Blobs } from "./store/blobs.ts";
import type { Catalog } from "./store/catalog.ts";
import { Turns } from "./turns.ts";

/** A stored, compiled module. */
export type StoredModule = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly compiled: Compiled;
  /** Its bytes came from the registry; otherwise they were here. */
  readonly fetched: boolean;
};

/** A module that was pulled; nobody removes its file before `release` is called, once. */
export type Pulled = StoredModule & { readonly image: Image; release(): void };

/** What pulling works with. */
export type PullsOptions = {
  readonly registry: Pick<Registry, "resolve" | "openBlob">;
  readonly blobs: Pick<Blobs, "ingest" | "path" | "remove">;
  readonly modules: Pick<Modules, "load" | "forget">;
  readonly limits: PullLimits;
  readonly catalog: Pick<Catalog, "list" | "usersOf">;
  readonly metrics: Pick<Metrics, "countPull">;
};

type Flight = { readonly ended: Promise<StoredModule>; passengers: number };

/** Pulls images, each once at a time. */
export class Pulls {
  readonly #options: PullsOptions;
  readonly #flights = new Map<Digest, Flight>();
  readonly #holds = new Map<Digest, number>();
  /** Storing and removing module files take turns, so that a check and what follows from it are one step. */
  readonly #turns = new Turns();
  readonly #closing = new AbortController();

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /**
   * Brings an image's module here.
   * @throws {GatewayError} the image's family: IMAGE_NOT_FOUND, REGISTRY_DENIED, DIGEST_MISMATCH, MODULE_INVALID, …
   */
  async pull(reference: Reference): Promise<Pulled> {
    const startMs = performance.now();
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#options.limits.pullTimeoutMs)]);
    try {
      const image = await this.#options.registry.resolve(reference, signal);
      const module = await this.#board(image, signal);
      this.#count(module.fetched ? "pulled" : "stored", startMs);
      let held = true;
      const release = (): void => {
        if (held) this.#hold(module.digest, -1);
        held = false;
      };
      return { ...module, image, release };
    } catch (error) {
      this.#count("failed", startMs);
      throw this.#inWords(error, reference, signal);
    }
  }

  /** Removes a module's file unless a function needs it or a pull holds it. */
  async collect(digest: Digest): Promise<void> {
    await this.#turns.take("files", async () => {
      if (this.#holds.has(digest) || this.#options.catalog.usersOf(digest) > 0) return;
      this.#options.modules.forget(digest);
      await this.#options.blobs.remove(digest);
    });
  }

  /** Aborts every pull under way. */
  close(): void {
    this.#closing.abort();
  }

  /** Joins the pull of this image that is under way, or begins one. */
  async #board(image: Image, signal: AbortSignal): Promise<StoredModule> {
    let flight = this.#flights.get(image.manifestDigest);
    if (flight === undefined) {
      const begun: Flight = { ended: this.#fly(image, signal), passengers: 0 };
      flight = begun;
      this.#flights.set(image.manifestDigest, begun);
    }
    flight.passengers += 1;
    return flight.ended;
  }

  async #fly(image: Image, signal: AbortSignal): Promise<StoredModule> {
    let pilot: Digest | undefined;
    try {
      const reused = await this.#reuse(image);
      const module = reused ?? (await this.#fetch(image, signal));
      pilot = module.digest;
      const compiled = await this.#compile(module);
      // Nobody boards any more: what follows is one turn of the event loop.
      this.#hold(module.digest, this.#flights.get(image.manifestDigest)?.passengers ?? 1);
      return { ...module, compiled, fetched: reused === undefined };
    } finally {
      this.#flights.delete(image.manifestDigest);
      if (pilot !== undefined) this.#hold(pilot, -1);
    }
  }

  /** Finds the module on disk if a function has it from this very image, and holds it. */
  async #reuse(image: Image): Promise<{ digest: Digest; sizeBytes: number } | undefined> {
    const known = await this.#turns.take("files", async () => {
      const found = this.#options.catalog.list().find(({ imageDigest }) => imageDigest === image.digest);
      if (found === undefined) return undefined;
      this.#hold(found.moduleDigest, +1);
      return { digest: found.moduleDigest, sizeBytes: found.moduleSizeBytes };
    });
    if (known === undefined) return undefined;
    try {
      await this.#compile(known);
      return known;
    } catch (error) {
      this.#hold(known.digest, -1);
      if (error instanceof GatewayError && error.code === "MODULE_UNAVAILABLE") return undefined;
      throw error;
    }
  }

  /** Downloads the module, stores it and holds it. */
  async #fetch(image: Image, signal: AbortSignal): Promise<{ digest: Digest; sizeBytes: number }> {
    const source = await this.#options.registry.openBlob(image, image.module, signal);
    const { file } = await extractModule(source, {
      image,
      stage: () => this.#options.blobs.ingest(),
      limits: this.#options.limits,
      signal,
    });
    return this.#turns.take("files", async () => {
      const stored = await file.commit();
      this.#hold(stored.digest, +1);
      return stored;
    });
  }

  #compile(module: { readonly digest: Digest; readonly sizeBytes: number }): Promise<Compiled> {
    return this.#options.modules.load(
      { path: this.#options.blobs.path(module.digest), digest: module.digest },
      module.sizeBytes,
    );
  }

  #count(result: PullResult, startMs: number): void {
    this.#options.metrics.countPull(result, (performance.now() - startMs) / 1000);
  }

  #hold(digest: Digest, change: number): void {
    const count = (this.#holds.get(digest) ?? 0) + change;
    if (count > 0) this.#holds.set(digest, count);
    else this.#holds.delete(digest);
  }

  /** An abort of ours, said as what it was. */
  #inWords(error: unknown, reference: Reference, signal: AbortSignal): unknown {
    if (!signal.aborted || error instanceof GatewayError) return error;
    if (this.#closing.signal.aborted) return new GatewayError("SHUTTING_DOWN", "the gateway is stopping");
    const message = `pulling ${reference.text} took longer than ${this.#options.limits.pullTimeoutMs} ms`;
    return new GatewayError("REGISTRY_UNAVAILABLE", message, { cause: error });
  }
}
