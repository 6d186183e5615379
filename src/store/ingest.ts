/**
 * One file on its way into the blob store: hashed and counted while it is written, on disk before it has a name.
 *
 *   writable ──end, fsync──> commit() ── place() ──> a blob
 *      │                        │ fails
 *      └── discard() <──────────┘         nothing is left: no file, no descriptor, no bytes taken from the quota
 *
 * It knows its temporary file; where blobs live, and whether these bytes are there already, is for `place` to know.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { parseDigest, type Digest } from "../digest.ts";
import { orStorageFull, unlinkIfThere } from "./files.ts";
import type { Quota } from "./quota.ts";

/** What a committed file is. */
export type Committed = { readonly digest: Digest; readonly sizeBytes: number };

/** A file being written. Whoever has it ends it with commit() or discard(), else its bytes stay taken. */
export interface Ingest {
  /** Takes the bytes; errors with STORAGE_FULL when the disk or the quota has no room. */
  readonly writable: Writable;
  /**
   * Makes the bytes a blob and returns its digest; they are durable when this resolves. The stream must have ended.
   * @throws {GatewayError} STORAGE_FULL
   */
  commit(): Promise<Committed>;
  /** Removes the file unless it was committed; safe at any time and any number of times. */
  discard(): Promise<void>;
}

/** What a FileIngest works with. */
export type IngestParts = {
  /** Open for writing; closed by the ingest. */
  readonly handle: FileHandle;
  /** Where the temporary file is. */
  readonly path: string;
  readonly quota: Quota;
  /** Takes the synced temporary file over: renames or removes it, and owns its bytes in the quota. */
  readonly place: (path: string, file: Committed) => Promise<void>;
};

/** The one implementation of Ingest. */
export class FileIngest implements Ingest {
  readonly writable: Writable;
  readonly #parts: IngestParts;
  readonly #hash = createHash("sha256");
  #sizeBytes = 0;
  #committing: Promise<Committed> | undefined;
  #discarding: Promise<void> | undefined;

  constructor(parts: IngestParts) {
    this.#parts = parts;
    this.writable = new Writable({
      write: (chunk: Uint8Array, _encoding, done): void => {
        this.#append(chunk).then(() => done(), done);
      },
      // The descriptor never outlives the stream: Node ends a process that lets an open FileHandle be collected.
      final: (done): void => {
        this.#finish().then(() => done(), done);
      },
      destroy: (error, done): void => {
        parts.handle.close().then(() => done(error), done);
      },
    });
    // commit() tells of a failed stream; without a listener the process would end instead.
    this.writable.on("error", () => undefined);
  }

  commit(): Promise<Committed> {
    this.#committing ??= orStorageFull(() => this.#commit());
    return this.#committing;
  }

  discard(): Promise<void> {
    this.#discarding ??= this.#discard();
    return this.#discarding;
  }

  async #append(chunk: Uint8Array): Promise<void> {
    this.#parts.quota.take(chunk.byteLength);
    this.#sizeBytes += chunk.byteLength;
    this.#hash.update(chunk);
    await orStorageFull(() => this.#parts.handle.writeFile(chunk));
  }

  async #finish(): Promise<void> {
    await orStorageFull(() => this.#parts.handle.sync());
    await this.#parts.handle.close();
  }

  async #commit(): Promise<Committed> {
    if (this.#discarding !== undefined) throw new Error("commit() of a file that was discarded");
    if (!this.writable.writableEnded && this.writable.errored === null) {
      throw new Error("commit() before the stream has ended");
    }
    await finished(this.writable);
    const file = { digest: parseDigest(`sha256:${this.#hash.digest("hex")}`), sizeBytes: this.#sizeBytes };
    await this.#parts.place(this.#parts.path, file);
    return file;
  }

  async #discard(): Promise<void> {
    if (await this.#wasCommitted()) return;
    const { handle, path, quota } = this.#parts;
    this.writable.destroy();
    // Waits for a write that is under way; closing twice is allowed.
    await handle.close();
    await unlinkIfThere(path);
    quota.give(this.#sizeBytes);
  }

  async #wasCommitted(): Promise<boolean> {
    if (this.#committing === undefined) return false;
    return this.#committing.then(
      () => true,
      () => false,
    );
  }
}
