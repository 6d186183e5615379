/**
 * Where an extracted module is written: files that the store keeps or throws away, of which there is one at a time.
 */
import { createHash } from "node:crypto";
import { Transform, type Readable, type TransformCallback, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { algorithmOf, type Digest } from "../digest.ts";
import { GatewayError } from "../errors.ts";

/** A file that is being written and not yet kept; the store's Ingest is one. */
export interface StagedFile {
  readonly writable: Writable;
  discard(): Promise<void>;
}

/** Makes a new staged file. */
export type Stage<F extends StagedFile> = () => Promise<F>;

/** What a bench works with. */
export type BenchOptions<F extends StagedFile> = {
  readonly stage: Stage<F>;
  readonly limitBytes: number;
  /** Names the file in errors. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Ends the source of everything. */
  readonly stop: () => void;
};

/** Holds the staged file there is, if any, so that none is forgotten. */
export class Bench<F extends StagedFile> {
  readonly stop: () => void;
  readonly #options: BenchOptions<F>;
  #file: F | undefined;

  constructor(options: BenchOptions<F>) {
    this.#options = options;
    this.stop = options.stop;
  }

  /** Writes a file in place of the one before. */
  async write(contents: Readable): Promise<F> {
    await this.clear();
    const { stage, limitBytes, what, signal, stop } = this.#options;
    const file = await stage();
    this.#file = file;
    const counted = counter(limitBytes, what);
    for (const stream of [counted, file.writable]) stream.once("error", stop);
    await pipeline(contents, counted, file.writable, { ...(signal && { signal }) });
    return file;
  }

  /** Discards the file there is. */
  async clear(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.discard();
  }
}

/**
 * Makes a stream that passes bytes on, so many at most, and errors at the end unless their digest is the one given.
 * @throws {GatewayError} IMAGE_TOO_LARGE DIGEST_MISMATCH through the stream
 */
export function counter(limitBytes: number, what: string, digest?: Digest): Transform {
  const hash = digest === undefined ? undefined : createHash(algorithmOf(digest));
  let seenBytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
      seenBytes += chunk.byteLength;
      hash?.update(chunk);
      if (seenBytes <= limitBytes) done(null, chunk);
      else done(new GatewayError("IMAGE_TOO_LARGE", `${what} is longer than ${limitBytes} bytes`));
    },
    flush(done: TransformCallback): void {
      const found = hash && `${digest?.split(":")[0]}:${hash.digest("hex")}`;
      if (found === digest) done();
      else done(new GatewayError("DIGEST_MISMATCH", `${what}: expected ${digest}, got ${found}`));
    },
  });
}
