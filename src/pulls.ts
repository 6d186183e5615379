/**
 * From an image to a module that can be called: resolved, pulled, verified, stored, inspected, compiled.
 *
 *   reference -> registry.resolve -> image -> openBlob -> extractModule -> blobs (tmp, fsync, rename) -> compile
 *                                      |                                                      ^
 *                                      +-- a module that is here already, by image digest ----+
 *
 * Whoever asks for one reference at one time shares one answer of the registry, and for one image one pull. What was pulled is held until all of them have released it,
 * so that a deletion elsewhere cannot take the file away before a row names it.
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
import { Together } from "./together.ts";
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
  readonly catalog: Pick<Catalog, "list" | "usersOf" | "isOpen">;
  readonly metrics: Pick<Metrics, "countPull">;
};

/** One pull, and how many wait for it or still hold what it brought. */
type Flight = { readonly ended: Promise<StoredModule>; passengers: number };

/** Pulls images, each once at a time. */
export class Pulls {
  readonly #options: PullsOptions;
  readonly #resolving = new Together<Image>();
  readonly #flights = new Map<Digest, Flight>();
  readonly #holds = new Map<Digest, number>();
  /** Storing and removing module files take turns, so that a check and what follows from it are one step. */
  readonly #turns = new Turns();
  readonly #closing = new AbortController();

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /**
   * Brings an image's module here. When it fails nothing is left of it.
   * @throws {GatewayError} the image's family: IMAGE_NOT_FOUND, REGISTRY_DENIED, DIGEST_MISMATCH, MODULE_INVALID, …
   */
  async pull(reference: Reference): Promise<Pulled> {
    const startMs = performance.now();
    const signal = this.#deadline();
    try {
      const image = await this.#resolve(reference, signal);
      const flight = this.#board(image);
      const module = await flight.ended;
      this.#count(module.fetched ? "pulled" : "stored", startMs);
      let aboard = true;
      const release = (): void => {
        if (aboard) this.#leave(image, flight, module);
        aboard = false;
      };
      return { ...module, image, release };
    } catch (error) {
      this.#count("failed", startMs);
      throw this.#inWords(error, reference, signal);
    }
  }

  /**
   * Removes a module's file unless a function needs it or a pull holds it. Does nothing once the catalog can no longer
   * be written: a row may then be on disk that memory does not know, and its file must stay.
   */
  async collect(digest: Digest): Promise<void> {
    await this.#turns.take("files", async () => {
      const { catalog, modules, blobs } = this.#options;
      if (!catalog.isOpen || this.#holds.has(digest) || catalog.usersOf(digest) > 0) return;
      modules.forget(digest);
      await blobs.remove(digest);
    });
  }

  /** Aborts every pull under way. */
  close(): void {
    this.#closing.abort();
  }

  async #resolve(reference: Reference, signal: AbortSignal): Promise<Image> {
    const { registry, repository, tag = "", digest = "" } = reference;
    const image = await this.#resolving.ask(`${registry}/${repository}:${tag}@${digest}`, signal, (each) =>
      this.#options.registry.resolve(reference, each),
    );
    return { ...image, reference };
  }

  /** Joins the pull of this image, which is under way or whose module nobody has let go of yet, or begins one. */
  #board(image: Image): Flight {
    let flight = this.#flights.get(image.manifestDigest);
    if (flight === undefined) {
      flight = { ended: this.#fly(image), passengers: 0 };
      this.#flights.set(image.manifestDigest, flight);
    }
    flight.passengers += 1;
    return flight;
  }

  /** The last one to leave lets go of the module. */
  #leave(image: Image, flight: Flight, module: StoredModule): void {
    flight.passengers -= 1;
    if (flight.passengers > 0) return;
    this.#flights.delete(image.manifestDigest);
    this.#hold(module.digest, -1);
  }

  async #fly(image: Image): Promise<StoredModule> {
    const signal = this.#deadline();
    try {
      return (await this.#reuse(image)) ?? (await this.#fetch(image, signal));
    } catch (error) {
      this.#flights.delete(image.manifestDigest);
      throw this.#inWords(error, image.reference, signal);
    }
  }

  /** Finds the module on disk if a function has it from this very image, and holds it. */
  async #reuse(image: Image): Promise<StoredModule | undefined> {
    const known = await this.#turns.take("files", async () => {
      const found = this.#options.catalog.list().find(({ imageDigest }) => imageDigest === image.digest);
      if (found === undefined) return undefined;
      this.#hold(found.moduleDigest, +1);
      return { digest: found.moduleDigest, sizeBytes: found.moduleSizeBytes, fetched: false };
    });
    try {
      return known && (await this.#compile(known));
    } catch (error) {
      if (error instanceof GatewayError && error.code === "MODULE_UNAVAILABLE") return undefined;
      throw error;
    }
  }

  /** Downloads the module, stores it and holds it. */
  async #fetch(image: Image, signal: AbortSignal): Promise<StoredModule> {
    const { registry, blobs, limits } = this.#options;
    const source = await registry.openBlob(image, image.module, signal);
    const { file } = await extractModule(source, { image, stage: () => blobs.ingest(), limits, signal });
    const stored = await this.#turns.take("files", async () => {
      try {
        const committed = await file.commit();
        this.#hold(committed.digest, +1);
        return committed;
      } catch (error) {
        await file.discard();
        throw error;
      }
    });
    return this.#compile({ ...stored, fetched: true });
  }

  /** Compiles a module that is held; one that does not compile is let go of. */
  async #compile(module: Omit<StoredModule, "compiled">): Promise<StoredModule> {
    const { digest, sizeBytes } = module;
    try {
      const file = { path: this.#options.blobs.path(digest), digest };
      return { ...module, compiled: await this.#options.modules.load(file, sizeBytes) };
    } catch (error) {
      this.#hold(digest, -1);
      await this.collect(digest);
      throw error;
    }
  }

  #count(result: PullResult, startMs: number): void {
    this.#options.metrics.countPull(result, (performance.now() - startMs) / 1000);
  }

  #hold(digest: Digest, change: number): void {
    const count = (this.#holds.get(digest) ?? 0) + change;
    if (count > 0) this.#holds.set(digest, count);
    else this.#holds.delete(digest);
  }

  /** Fires when a pull has lasted for as long as it may, or the gateway stops. */
  #deadline(): AbortSignal {
    return AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#options.limits.pullTimeoutMs)]);
  }

  /** An abort of ours, said as what it was. */
  #inWords(error: unknown, reference: Reference, signal: AbortSignal): unknown {
    if (!signal.aborted || error instanceof GatewayError) return error;
    if (this.#closing.signal.aborted) return new GatewayError("SHUTTING_DOWN", "the gateway is stopping");
    const message = `pulling ${reference.text} took longer than ${this.#options.limits.pullTimeoutMs} ms`;
    return new GatewayError("REGISTRY_UNAVAILABLE", message, { cause: error });
  }
}
