/** Looks at the beginning of a stream before deciding what to do with the whole of it. */
import { Readable } from "node:stream";

/** A stream's first bytes, and a stream of all of its bytes, these included. */
export type Peeked = { readonly head: Buffer; readonly body: Readable };

/**
 * Reads at least `bytes` bytes, fewer only where the stream ends before; `body` takes the place of the source, which
 * ends with it. Nobody needs to listen for errors of a body that nobody reads.
 */
export async function peek(source: AsyncIterable<Uint8Array>, bytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let seenBytes = 0;
  let ended = false;
  while (!ended && seenBytes < bytes) {
    const step = await iterator.next();
    ended = step.done === true;
    if (step.done !== true) {
      chunks.push(step.value);
      seenBytes += step.value.byteLength;
    }
  }
  const start = Buffer.concat(chunks);
  const body = Readable.from(rest(start, iterator), { objectMode: false });
  body.on("error", () => undefined);
  return { head: start.subarray(0, bytes), body };
}

async function* rest(start: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (start.byteLength > 0) yield start;
    for (;;) {
      const step = await iterator.next();
      if (step.done === true) return;
      if (step.value.byteLength > 0) yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}
