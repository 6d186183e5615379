/** Reads bodies that are small enough to be held in memory, and no more of them than that. */
import { GatewayError } from "../errors.ts";
import { breakdown, type Refused } from "./failure.ts";
import { retryAfterMs } from "./retry.ts";
import { discard, type Answer } from "./transport.ts";

/** How much of which body to read. */
export type BodyOptions = {
  readonly limitBytes: number;
  /** What is thrown when the body is longer. */
  readonly tooLong: "IMAGE_TOO_LARGE" | "DIGEST_MISMATCH" | "REGISTRY_UNAVAILABLE";
  /** Names the body in errors. */
  readonly what: string;
  readonly signal: AbortSignal;
};

/**
 * Reads a whole body, as it was sent.
 * @throws {GatewayError} `tooLong` when it is longer than the limit, REGISTRY_UNAVAILABLE when it breaks off or is
 *   encoded otherwise than we asked for
 */
export async function bodyOf(answer: Answer, options: BodyOptions): Promise<Uint8Array> {
  const { limitBytes, what } = options;
  const encoding = answer.header("content-encoding") ?? "identity";
  const promised = Number(answer.header("content-length") ?? 0);
  if (encoding !== "identity" || promised > limitBytes) {
    discard(answer.body);
    if (promised > limitBytes) throw tooLong(options);
    throw new GatewayError(
      "REGISTRY_UNAVAILABLE",
      `${what} came with a Content-Encoding although the bytes themselves were asked for`,
    );
  }
  const { bytes, complete } = await upTo(answer, limitBytes, options.signal);
  if (!complete) throw tooLong(options);
  return bytes;
}

/** Reads what there is to an answer that is an error, however it ends. */
export async function refusedBy(answer: Answer, limitBytes: number): Promise<Refused> {
  const signal = AbortSignal.timeout(5000);
  const onAbort = (): void => discard(answer.body);
  signal.addEventListener("abort", onAbort, { once: true });
  let body: Uint8Array = new Uint8Array();
  try {
    body = (await upTo(answer, limitBytes, signal)).bytes;
  } catch {
    // The status says enough.
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return { status: answer.status, body, retryAfterMs: retryAfterMs(answer.header("retry-after")) };
}

async function upTo(
  answer: Answer,
  limitBytes: number,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; complete: boolean }> {
  const chunks: Uint8Array[] = [];
  let seenBytes = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      seenBytes += chunk.byteLength;
      if (seenBytes > limitBytes) return { bytes: Buffer.concat(chunks), complete: false };
      chunks.push(chunk);
    }
    return { bytes: Buffer.concat(chunks), complete: true };
  } catch (error) {
    throw breakdown(error, answer.url.host, signal);
  } finally {
    discard(answer.body);
  }
}

function tooLong({ what, limitBytes, tooLong: code }: BodyOptions): GatewayError {
  return new GatewayError(code, `${what} is longer than the ${limitBytes} bytes that are read of one`);
}
