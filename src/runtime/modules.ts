/**
 * Compiled modules that are at hand, by digest: found at once, or loaded once however many ask at the same time.
 * Bounded by the size of their bytes; the least recently used leave first and are compiled again when next needed.
 */
import type { Digest } from "../digest.ts";
import type { Compiled, ModuleFile } from "./compiler.ts";
import type { LoadedModule } from "./protocol.ts";

/** Where compiled modules come from, and how many bytes of them are kept. */
export type ModulesOptions = {
  readonly compile: (file: ModuleFile) => Promise<Compiled>;
  readonly maxBytes: number;
};

/** The compiled modules of this process. */
export class Modules {
  readonly #options: ModulesOptions;
  /** In order of use: the first is the one unused for longest. */
  readonly #kept = new Map<Digest, { readonly loaded: LoadedModule; readonly sizeBytes: number }>();
  readonly #loading = new Map<Digest, Promise<Compiled>>();
  #keptBytes = 0;

  constructor(options: ModulesOptions) {
    this.#options = options;
  }

  /** Returns a module that is at hand. */
  find(digest: Digest): LoadedModule | undefined {
    const kept = this.#kept.get(digest);
    if (kept === undefined) return undefined;
    this.#kept.delete(digest);
    this.#kept.set(digest, kept);
    return kept.loaded;
  }

  /** Compiles a module from its file, even if it is at hand; callers of the same moment share the work. */
  async load(file: ModuleFile, sizeBytes: number): Promise<Compiled> {
    let loading = this.#loading.get(file.digest);
    if (loading === undefined) {
      loading = this.#options.compile(file).finally(() => this.#loading.delete(file.digest));
      this.#loading.set(file.digest, loading);
    }
    const compiled = await loading;
    this.#keep(file.digest, compiled.loaded, sizeBytes);
    return compiled;
  }

  /** Lets go of a module; calls under way keep it until they end. */
  forget(digest: Digest): void {
    const kept = this.#kept.get(digest);
    if (kept === undefined) return;
    this.#kept.delete(digest);
    this.#keptBytes -= kept.sizeBytes;
  }

  #keep(digest: Digest, loaded: LoadedModule, sizeBytes: number): void {
    this.forget(digest);
    this.#kept.set(digest, { loaded, sizeBytes });
    this.#keptBytes += sizeBytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= this.#options.maxBytes || oldest === digest) return;
      this.forget(oldest);
    }
  }
}
