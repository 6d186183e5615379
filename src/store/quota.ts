/**
 * How many bytes the blobs may take, and do take: committed files and those still being written.
 *
 * Counted as they come, so that nothing walks the disk while the gateway runs; the count begins with what was found at
 * start. Names of functions are hard links and weigh nothing, the database is not counted.
 */
import { GatewayError } from "../errors.ts";

/** A bound on bytes, shared by everything that is being written. */
export class Quota {
  readonly #limitBytes: number;
  #usedBytes: number;

  constructor(options: { readonly limitBytes: number; readonly usedBytes: number }) {
    this.#limitBytes = options.limitBytes;
    this.#usedBytes = options.usedBytes;
  }

  /** What is taken now; more than the limit only when the limit was lowered between two starts. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Takes bytes before they are written.
   * @throws {GatewayError} STORAGE_FULL; nothing is taken then
   */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.#limitBytes) {
      throw new GatewayError(
        "STORAGE_FULL",
        `expected at most ${this.#limitBytes} bytes of modules in the data folder, got ${bytes} more on top of ${this.#usedBytes}`,
      );
    }
    this.#usedBytes += bytes;
  }

  /** Gives bytes back that are no longer on disk. */
  give(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
