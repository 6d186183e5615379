/**
 * A blob as one stream that errors unless it is exactly what its descriptor promises, however often the connection
 * breaks on the way.
 *
 *   GET --- cut after n bytes ---> GET Range: bytes=n- --- 206 n-/size --> goes on
 *                                                      --- 200 ----------> the first n bytes are skipped
 *                                                      --- 416 ----------> GET without Range, the same
 *
 * Every request goes to the registry again, since what a redirect pointed at may have expired. Skipping is safe:
 * blobs are content-addressed, and the digest is of what was passed on.
 */
import { pipeline, Readable } from "node:stream";
import { verify } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import type { Exchange, Wish } from "./exchange.ts";
import { breakdown, isTransient } from "./failure.ts";
import type { Descriptor } from "./manifest.ts";
import { discard, type Answer } from "./transport.ts";

/** Which blob, and how hard to try. */
export type BlobWish = {
  readonly exchange: Pick<Exchange, "get">;
  /** Without headers and expected statuses. */
  readonly wish: Omit<Wish, "headers" | "expected">;
  readonly descriptor: Descriptor;
  /** How often to go on after a cut. */
  readonly resumes: number;
};

/**
 * Opens a blob; resolves when the registry has begun to send it. Destroying the stream ends the request.
 * @throws {GatewayError} IMAGE_NOT_FOUND REGISTRY_DENIED REGISTRY_UNAVAILABLE, DIGEST_MISMATCH also through the stream
 */
export async function streamBlob(options: BlobWish): Promise<Readable> {
  const gone = new AbortController();
  const signal = AbortSignal.any([options.wish.signal, gone.signal]);
  const blob: BlobWish = { ...options, wish: { ...options.wish, signal } };
  const first = await begin(blob, 0);
  const { digest, size } = blob.descriptor;
  const checked = verify({ digest, sizeBytes: size });
  pipeline(Readable.from(chunks(first, blob), { objectMode: false }), checked, () => gone.abort());
  return checked;
}

type Part = {
  readonly answer: Answer;
  /** Bytes at its beginning that were passed on before. */ readonly skipBytes: number;
};

async function* chunks(first: Part, blob: BlobWish): AsyncGenerator<Uint8Array> {
  let seenBytes = 0;
  let part = first;
  try {
    for (let resumed = 0; ; resumed++) {
      const cut = yield* bytesOf(part, blob, (count) => (seenBytes += count));
      if (cut === undefined || seenBytes === blob.descriptor.size) return;
      if (!isTransient(cut.problem) || resumed === blob.resumes) throw cut.problem;
      discard(part.answer.body);
      part = await begin(blob, seenBytes);
    }
  } finally {
    discard(part.answer.body);
  }
}

/** Yields a body's bytes; returns why it broke off, or undefined at its end. What fails at a `yield` is not caught. */
async function* bytesOf(
  { answer, skipBytes }: Part,
  { wish }: BlobWish,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array, { readonly problem: unknown } | undefined> {
  const iterator = (answer.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  for (let skip = skipBytes; ;) {
    let step: IteratorResult<Uint8Array>;
    try {
      step = await iterator.next();
    } catch (error) {
      return { problem: breakdown(error, answer.url.host, wish.signal) };
    }
    if (step.done) return undefined;
    const fresh = step.value.subarray(Math.min(skip, step.value.byteLength));
    skip -= step.value.byteLength - fresh.byteLength;
    count(fresh.byteLength);
    if (fresh.byteLength > 0) yield fresh;
  }
}

/** Asks for the blob from some byte on. */
async function begin(blob: BlobWish, fromByte: number): Promise<Part> {
  const { exchange, wish, descriptor } = blob;
  const whole = { ...wish, expected: [200] };
  if (fromByte === 0) return { answer: await exchange.get(whole, (answer) => measured(answer, blob, 0)), skipBytes: 0 };
  const rest = { ...wish, expected: [200, 206, 416], headers: { range: `bytes=${fromByte}-` } };
  const answer = await exchange.get(rest, (came) => came);
  if (answer.status === 200) return { answer: measured(answer, blob, 0), skipBytes: fromByte };
  if (answer.status === 416) {
    discard(answer.body);
    return { answer: await exchange.get(whole, (came) => measured(came, blob, 0)), skipBytes: fromByte };
  }
  const range = answer.header("content-range") ?? "";
  if (range !== `bytes ${fromByte}-${descriptor.size - 1}/${descriptor.size}`) {
    discard(answer.body);
    throw new GatewayError(
      "REGISTRY_UNAVAILABLE",
      `${wish.route.image}: ${wish.route.registry} was asked for the rest of a blob and sent another part of it`,
    );
  }
  return { answer: measured(answer, blob, fromByte), skipBytes: 0 };
}

/** Refuses at once a body whose announced length cannot be right. */
function measured(answer: Answer, { wish, descriptor }: BlobWish, fromByte: number): Answer {
  const announced = answer.header("content-length");
  const expected = descriptor.size - fromByte;
  if (announced === undefined || Number(announced) === expected) return answer;
  discard(answer.body);
  throw new GatewayError(
    "DIGEST_MISMATCH",
    `${wish.route.image}: expected ${expected} bytes of ${descriptor.digest}, ${wish.route.registry} announces ${Number(announced)}`,
  );
}
