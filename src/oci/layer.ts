/**
 * From a layer's bytes to the one module file in it, staged where the store keeps its files.
 *
 *   source --> gzip, zstd or neither --> counted, hashed --> module ----------------------------> staged file
 *              (by its first bytes)                     \--> tar --> guard --> tar-stream --> the chosen entry
 *
 * One pass, nothing held in memory but chunks, everything read to the end: what was staged counts only when the source's
 * digest, the diffID and the end of the archive were right. The media type plays no part.
 */
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { extract } from "tar-stream";
import { GatewayError } from "../errors.ts";
import { Candidates, normal, type Rank } from "./candidates.ts";
import { codeOf } from "./failure.ts";
import type { PullLimits } from "./limits.ts";
import { componentRefusal } from "./module-layer.ts";
import { peek } from "./peek.ts";
import type { Image } from "./registry.ts";
import { describe, formatOf, headBytes } from "./sniff.ts";
import { Bench, counter, type Stage, type StagedFile } from "./staging.ts";
import { tarGuard } from "./tar-guard.ts";

export type { Stage, StagedFile } from "./staging.ts";

/** Where a module goes and what it must fulfil. */
export type Extraction<F extends StagedFile> = {
  readonly image: Pick<Image, "reference" | "config" | "annotations" | "module" | "diffId">;
  readonly stage: Stage<F>;
  readonly limits: PullLimits;
  readonly signal?: AbortSignal | undefined;
};

/** A module that was written to its end; the caller commits or discards the file. */
export type Extracted<F extends StagedFile> = {
  readonly file: F;
  /** Its path in the archive, or an artifact's title; a name without meaning to us. */
  readonly name: string | undefined;
};

/**
 * Finds the module in a layer and writes it to a staged file. The source is read to its end or destroyed; on failure
 * no staged file is left.
 * @throws {GatewayError} IMAGE_INVALID IMAGE_UNSUPPORTED IMAGE_TOO_LARGE DIGEST_MISMATCH, and what source and stage throw
 */
export async function extractModule<F extends StagedFile>(
  source: Readable,
  extraction: Extraction<F>,
): Promise<Extracted<F>> {
  // A stream that waits for the source only ends when the source does, so whatever fails ends that first.
  const stop = (): void => void source.destroy();
  const what = `${extraction.image.reference.text}: its module`;
  const bench = new Bench({ ...extraction, limitBytes: extraction.limits.moduleBytes, what, stop });
  extraction.signal?.addEventListener("abort", stop, { once: true });
  try {
    extraction.signal?.throwIfAborted();
    const { head, body } = await peek(source, headBytes);
    const plain = decompressed(body, head, extraction);
    return await together(unpacked(plain.readable, bench, extraction), plain.done, () => {
      stop();
      plain.readable.destroy();
    });
  } catch (error) {
    stop();
    await bench.clear();
    throw worded(error, extraction);
  } finally {
    extraction.signal?.removeEventListener("abort", stop);
  }
}

/** Waits for a consumer and its producer; stops the producer when the consumer fails, and throws what came first. */
async function together<T>(consumer: Promise<T>, producer: Promise<void>, stop: () => void): Promise<T> {
  consumer.catch(stop);
  const [consumed, produced] = await Promise.allSettled([consumer, producer]);
  const failures = [consumed, produced].flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  if (consumed.status === "fulfilled" && produced.status === "fulfilled") return consumed.value;
  // The side that did not fail first only heard that the other went away.
  throw failures.find((reason) => codeOf(reason) !== "ERR_STREAM_PREMATURE_CLOSE") ?? failures[0];
}

/** Undoes one level of compression; `done` settles when all of it was read and is what the image says. */
function decompressed(
  body: Readable,
  head: Uint8Array,
  { image, limits, signal }: Extraction<StagedFile>,
): { readable: Readable; done: Promise<void> } {
  const measure = counter(limits.decompressedBytes, `${image.reference.text}: its decompressed layer`, image.diffId);
  const format = formatOf(head);
  const options = { ...(signal && { signal }) };
  if (format === "gzip") return { readable: measure, done: pipeline(body, createGunzip(), measure, options) };
  if (format === "zstd") {
    const params = { [constants.ZSTD_d_windowLogMax]: limits.zstdWindowLog };
    return { readable: measure, done: pipeline(body, createZstdDecompress({ params }), measure, options) };
  }
  return { readable: measure, done: pipeline(body, measure, options) };
}

async function unpacked<F extends StagedFile>(
  plain: Readable,
  bench: Bench<F>,
  extraction: Extraction<F>,
): Promise<Extracted<F>> {
  const { image } = extraction;
  const { head, body } = await peek(plain, headBytes);
  const format = formatOf(head);
  if (format === "tar") return fromTar(body, bench, extraction);
  if (format === "module") {
    return { file: await bench.write(body), name: image.module.annotations?.["org.opencontainers.image.title"] };
  }
  body.destroy();
  if (format === "component") throw componentRefusal(image.reference.text);
  const twice = format === "gzip" || format === "zstd" ? " even when decompressed once" : "";
  throw new GatewayError(
    "IMAGE_UNSUPPORTED",
    `${image.reference.text}: its layer is ${describe(head)}${twice}; a tar with one .wasm file or the file itself works, ` +
      "plain or compressed once by gzip or zstd",
  );
}

type Archive = ReturnType<typeof extract>;
type Entry = Archive extends AsyncIterable<infer E> ? E : never;

/** Its types do not know this option; formatOf() has verified the checksum of what has no "ustar" in it. */
const oldTarsToo: Parameters<typeof extract>[0] & { readonly allowUnknownFormat: true } = { allowUnknownFormat: true };

async function fromTar<F extends StagedFile>(
  body: Readable,
  bench: Bench<F>,
  extraction: Extraction<F>,
): Promise<Extracted<F>> {
  const { image, limits, signal } = extraction;
  const archive = extract(oldTarsToo);
  const read = pipeline(body, tarGuard(image.reference.text, limits), archive, { ...(signal && { signal }) });
  return together(choose(archive, bench, extraction), read, bench.stop);
}

/** Walks an archive to its end and keeps the best module in it. */
async function choose<F extends StagedFile>(
  archive: Archive,
  bench: Bench<F>,
  extraction: Extraction<F>,
): Promise<Extracted<F>> {
  const candidates = new Candidates(extraction.image);
  let best: { rank: Rank; name: string; file: F | GatewayError } | undefined;
  for await (const entry of archive) {
    const { name, type } = entry.header;
    const isFile = type === "file" || type === "contiguous-file";
    const rank = type === "directory" ? undefined : candidates.rank(name, isFile);
    if (rank !== undefined && rank < (best?.rank ?? Infinity)) {
      best = { rank, name: normal(name), file: await attempt(entry, bench, extraction) };
    } else {
      entry.resume();
    }
  }
  candidates.settle(best?.rank);
  if (best === undefined) throw new Error("a choice was settled without a file");
  if (best.file instanceof GatewayError) throw best.file;
  return { file: best.file, name: best.name };
}

/** Stages an entry, or says why it cannot be the module; that counts only if nothing better comes. */
async function attempt<F extends StagedFile>(
  entry: Entry,
  bench: Bench<F>,
  { image, limits }: Extraction<F>,
): Promise<F | GatewayError> {
  await bench.clear();
  const { text } = image.reference;
  const name = normal(entry.header.name);
  if ((entry.header.size ?? 0) > limits.moduleBytes) {
    entry.resume();
    const sizes = `has ${entry.header.size} bytes, a module may have ${limits.moduleBytes}`;
    return new GatewayError("IMAGE_TOO_LARGE", `${text}: ${JSON.stringify(name)} ${sizes}`);
  }
  const { head, body } = await peek(entry as AsyncIterable<Uint8Array>, headBytes);
  const format = formatOf(head);
  if (format === "module") return bench.write(body);
  body.resume();
  if (format === "component") return componentRefusal(text);
  const works = "a core WebAssembly module works";
  return new GatewayError("IMAGE_UNSUPPORTED", `${text}: ${JSON.stringify(name)} is ${describe(head)}; ${works}`);
}

/** What zlib and tar-stream say, in our words. */
function worded(error: unknown, { image, signal }: Extraction<StagedFile>): unknown {
  if (signal?.aborted) return signal.reason;
  const { text } = image.reference;
  const code = codeOf(error) ?? "";
  if (/^(?:Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD)/.test(code)) {
    return new GatewayError("IMAGE_INVALID", `${text}: its layer cannot be decompressed (${code})`, { cause: error });
  }
  if (tarComplaint.test(messageOf(error))) {
    return new GatewayError("IMAGE_INVALID", `${text}: its layer is no tar archive that can be read`, { cause: error });
  }
  return error;
}

const tarComplaint = /^(?:Invalid tar header|Invalid header|Unexpected end of data|Header exceeds max size)/;

function messageOf(error: unknown): string {
  const known = typeof error === "object" && error !== null && "message" in error ? error.message : "";
  return typeof known === "string" ? known : "";
}
