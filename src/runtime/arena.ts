/**
 * The memories of all modules as they were at their snapshots, side by side in one shared memory that every thread's
 * instances are restored from. Reserved at once and resident only where an image is not zero.
 *
 *   | image of module A | image of module B | free …
 *
 * Nothing is ever moved or given back: an idle instance somewhere may still be restored from it. An image is kept under
 * its module's name, so a module that is compiled again finds its own.
 */
import type { Image } from "./protocol.ts";

/** Address space, not memory. */
const arenaPages = 16_384;
const pageBytes = 65_536;
/** Copied only where it is not zero, in pieces of a page of the machine. */
const pieceBytes = 4096;

/** Holds images; one for each process. */
export class Arena {
  /** To hand to the threads. */
  readonly memory: WebAssembly.Memory;
  readonly #bytes: Uint8Array;
  readonly #images = new Map<string, Image>();
  #usedPages = 0;

  constructor(pages = arenaPages) {
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#bytes = new Uint8Array(this.memory.buffer);
  }

  /** Keeps an image, of whole pages of 64 KiB, under a name; undefined when there is no room. */
  keep(name: string, bytes: Uint8Array): Image | undefined {
    const kept = this.#images.get(name);
    if (kept !== undefined) return kept;
    const pages = bytes.byteLength / pageBytes;
    if (this.#bytes.byteLength / pageBytes - this.#usedPages < pages) return undefined;
    const image = { at: this.#usedPages * pageBytes, pages };
    this.#usedPages += pages;
    for (let from = 0; from < bytes.byteLength; from += pieceBytes) {
      const piece = bytes.subarray(from, from + pieceBytes);
      if (piece.some((byte) => byte !== 0)) this.#bytes.set(piece, image.at + from);
    }
    this.#images.set(name, image);
    return image;
  }
}
