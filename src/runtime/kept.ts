/**
 * The idle instances of one thread, by module and variant: at most one of each, since a thread runs one call at a time.
 * Bounded in number, for each reserves gigabytes of address space, and in bytes; the least recently used leave first.
 */
import type { Digest } from "../digest.ts";

/** As much of an instance as keeping it asks for. */
export type Keepable = { readonly sizeBytes: number };

/** Keeps idle instances. */
export class Kept<T extends Keepable> {
  readonly #most: number;
  readonly #mostBytes: number;
  readonly #instances = new Map<string, T>();
  #bytes = 0;

  constructor(options: { readonly most: number; readonly mostBytes: number }) {
    this.#most = options.most;
    this.#mostBytes = options.mostBytes;
  }

  /** Takes an instance out; undefined when there is none. */
  take(digest: Digest, tracked: boolean): T | undefined {
    const key = keyOf(digest, tracked);
    const instance = this.#instances.get(key);
    if (instance === undefined) return undefined;
    this.#instances.delete(key);
    this.#bytes -= instance.sizeBytes;
    return instance;
  }

  /** Puts an instance in, lets go of others where there are too many, and returns the bytes of those. */
  keep(digest: Digest, tracked: boolean, instance: T): number {
    this.take(digest, tracked);
    this.#instances.set(keyOf(digest, tracked), instance);
    this.#bytes += instance.sizeBytes;
    return this.#shrink(this.#most, this.#mostBytes);
  }

  /** Lets go of the half that was not used for longest; false when there was nothing to let go of. */
  halve(): boolean {
    if (this.#instances.size === 0) return false;
    this.#shrink(Math.floor(this.#instances.size / 2), this.#mostBytes);
    return true;
  }

  #shrink(most: number, mostBytes: number): number {
    let freedBytes = 0;
    for (const [key, instance] of this.#instances) {
      if (this.#instances.size <= most && this.#bytes <= mostBytes) break;
      this.#instances.delete(key);
      this.#bytes -= instance.sizeBytes;
      freedBytes += instance.sizeBytes;
    }
    return freedBytes;
  }
}

function keyOf(digest: Digest, tracked: boolean): string {
  return tracked ? `${digest} tracked` : digest;
}
