/**
 * Content-addressed files: the truth that the catalog is an index of.
 *
 *   DATA_DIR/tmp/<uuid>.part       being written                            swept at start
 *   DATA_DIR/blobs/sha256/<hex>    whole, synced, never changed afterwards  swept at start unless a row names it
 *
 * A blob gets its name only when its bytes are on disk, and the name is on disk when commit() resolves. Which functions
 * use a blob is for others to know. Only files with names such as ours are ever swept.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { algorithmOf, digestOf, hexOf, type Digest } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import { Turns } from "../turns.ts";
import { errorCode, fileMode, makeFolder, openDataFolder, orStorageFull, syncFolder, unlinkIfThere } from "./files.ts";
import { removeDerived, sweepDerived } from "./derived.ts";
import { FileIngest, type Committed, type Ingest } from "./ingest.ts";
import { namespaceFolder, placeLink, removeLink, sweepLinks } from "./links.ts";
import { Quota } from "./quota.ts";
import { holds, isSameFile, ownFiles, readWhole, sizeOf, unreadable } from "./stored-file.ts";

export type { Committed, Ingest } from "./ingest.ts";

/** What a sweep took away. */
export type Swept = { readonly removedFiles: number; readonly removedBytes: number };

const writeNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** The blob store of one data folder. Holds no descriptors between calls, so there is nothing to close. */
export class Blobs {
  /** The data folder as it was given, absolute; and where that really is. */
  readonly #given: string;
  readonly #folder: string;
  readonly #quota: Quota;
  /** Placing and removing one digest, or below one namespace, take turns: a check and what follows from it are one step. */
  readonly #turns = new Turns();

  private constructor(parts: { readonly given: string; readonly folder: string; readonly quota: Quota }) {
    this.#given = parts.given;
    this.#folder = parts.folder;
    this.#quota = parts.quota;
  }

  /** Makes the folders where they are missing and counts what is in them. */
  static async open(options: { readonly dataDir: string; readonly quotaBytes: number }): Promise<Blobs> {
    return orStorageFull(async () => {
      const folder = await openDataFolder(options.dataDir);
      let usedBytes = 0;
      for (const path of [join(folder, "blobs", "sha256"), join(folder, "tmp")]) {
        await makeFolder(path);
        for (const file of await ownFiles(path)) usedBytes += file.sizeBytes;
      }
      const quota = new Quota({ limitBytes: options.quotaBytes, usedBytes });
      return new Blobs({ given: resolve(options.dataDir), folder, quota });
    });
  }

  /** Bytes that blobs and unfinished files take, as the quota counts them. */
  get usedBytes(): number {
    return this.#quota.usedBytes;
  }

  /**
   * Begins a new file.
   * @throws {GatewayError} STORAGE_FULL
   */
  async ingest(): Promise<Ingest> {
    const path = this.#temporary();
    const handle = await orStorageFull(() => open(path, writeNew, fileMode));
    return new FileIngest({ handle, path, quota: this.#quota, place: (from, file) => this.#place(from, file) });
  }

  /** Where others may keep what they make of a blob, under names that begin with its hex and a dot. */
  get derivedFolder(): string {
    return join(this.#folder, "rewritten");
  }

  /** Returns where a blob is, or would be. */
  path(digest: Digest): string {
    return join(this.#folder, "blobs", algorithmOf(digest), hexOf(digest));
  }

  /** Tells whether a blob's file is there; not whether its bytes are still right, which only read() looks at. */
  async has(digest: Digest): Promise<boolean> {
    return (await sizeOf(this.path(digest))) !== undefined;
  }

  /**
   * Reads a whole blob and checks its digest.
   * @throws {GatewayError} MODULE_UNAVAILABLE when its file is missing or damaged
   */
  async read(digest: Digest): Promise<Uint8Array<ArrayBuffer>> {
    const unavailable = (state: string, cause?: unknown): GatewayError =>
      new GatewayError("MODULE_UNAVAILABLE", `expected the file of ${digest} in the data folder, ${state}`, { cause });
    try {
      const bytes = await readWhole(this.path(digest));
      if (digestOf(bytes, algorithmOf(digest)) === digest) return bytes;
    } catch (error) {
      const code = errorCode(error) ?? "";
      if (code === "ENOENT") throw unavailable("it is missing", error);
      if (unreadable.includes(code)) throw unavailable(`it is damaged (${code})`, error);
      throw error;
    }
    throw unavailable("it is damaged: its bytes have another digest");
  }

  /**
   * Gives a blob a second name inside the data folder, in place of what had that name, durably.
   * A blob that was replaced because it was damaged has to be linked again.
   * @throws {GatewayError} MODULE_UNAVAILABLE when there is no such blob, STORAGE_FULL
   */
  async link(digest: Digest, path: string): Promise<void> {
    const source = this.path(digest);
    const places = { source, path: this.#inside(path), temporary: this.#temporary() };
    try {
      await this.#inTurn(places.path, () => orStorageFull(() => placeLink(places)));
    } catch (error) {
      if (errorCode(error) !== "ENOENT" || (await this.has(digest))) throw error;
      const message = `expected the file of ${digest} in the data folder, it is missing`;
      throw new GatewayError("MODULE_UNAVAILABLE", message, { cause: error });
    }
  }

  /** Tells whether a name is that of the very file of a blob; false where link() had to copy. */
  async isLinked(digest: Digest, path: string): Promise<boolean> {
    return isSameFile(this.path(digest), this.#inside(path));
  }

  /** Removes a name that link() made, and the folders in which nothing else is; no error when it is gone already. */
  async unlink(path: string): Promise<void> {
    const link = this.#inside(path);
    await this.#inTurn(link, () => removeLink(this.#folder, link));
  }

  /** Removes a blob; no error when it is gone already. That nobody needs it is the caller's promise. */
  async remove(digest: Digest): Promise<void> {
    const path = this.path(digest);
    await this.#turns.take(digest, async () => {
      await removeDerived(this.derivedFolder, digest);
      const sizeBytes = await sizeOf(path);
      if (sizeBytes === undefined) return;
      await unlinkIfThere(path);
      this.#quota.give(sizeBytes);
      await syncFolder(dirname(path));
    });
  }

  /**
   * Removes what a crash left: unfinished files, and blobs that are not in `used`.
   * Only at start, with the catalog open (so that no other gateway runs on this folder) and before the first ingest.
   */
  async sweep(used: ReadonlySet<Digest>): Promise<Swept> {
    let removedFiles = 0;
    let removedBytes = 0;
    for (const folder of [join(this.#folder, "tmp"), join(this.#folder, "blobs", "sha256")]) {
      for (const file of await ownFiles(folder)) {
        if (file.digest !== undefined && used.has(file.digest)) continue;
        await unlinkIfThere(file.path);
        this.#quota.give(file.sizeBytes);
        removedFiles++;
        removedBytes += file.sizeBytes;
      }
      await syncFolder(folder);
    }
    await sweepDerived(this.derivedFolder, used);
    return { removedFiles, removedBytes };
  }

  /** Removes the names of functions that are gone, all but the paths in `used`; returns how many. Only at start. */
  async sweepLinks(used: ReadonlySet<string>): Promise<number> {
    return sweepLinks(this.#folder, new Set([...used].map((path) => this.#inside(path))));
  }

  /** Gives a synced temporary file its name, or drops it when a sound blob has that name already. */
  async #place(temporary: string, file: Committed): Promise<void> {
    await this.#turns.take(file.digest, async () => {
      const path = this.path(file.digest);
      const foundBytes = await sizeOf(path);
      if (foundBytes === file.sizeBytes && (await holds(path, file.digest))) {
        await unlinkIfThere(temporary);
        this.#quota.give(file.sizeBytes);
      } else {
        await rename(temporary, path);
        this.#quota.give(foundBytes ?? 0);
      }
      // Also when it was there: whoever placed it may have died before this line.
      await syncFolder(dirname(path));
    });
  }

  async #inTurn(path: string, job: () => Promise<void>): Promise<void> {
    const namespace = namespaceFolder(this.#folder, path);
    await (namespace === undefined ? job() : this.#turns.take(namespace, job));
  }

  #temporary(): string {
    return join(this.#folder, "tmp", `${randomUUID()}.part`);
  }

  /** Returns a path below the real data folder; a path elsewhere is a bug of ours. */
  #inside(path: string): string {
    for (const base of [this.#given, this.#folder]) {
      const below = relative(base, path);
      if (below !== "" && below.split(sep)[0] !== "..") return join(this.#folder, below);
    }
    throw new Error(`expected a path inside the data folder, got ${path}`);
  }
}
