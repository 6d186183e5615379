/**
 * Manifests, indexes and configs: small bodies that are held in memory, bounded in size and time, and hashed before
 * anybody reads them. Knows nothing of what is in them.
 */
import { algorithmOf, digestOf, isDigest, type Digest } from "../digest.ts";
import { GatewayError } from "../errors.ts";
import { bodyOf } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import type { PullLimits } from "./limits.ts";
import { manifestTypes, type Descriptor } from "./manifest.ts";
import type { Route } from "./registry-policy.ts";
import { discard, type Answer } from "./transport.ts";

/** For which image, and until when. */
export type Task = { readonly route: Route; readonly signal: AbortSignal };

/** A document as it was sent. */
export type Document = {
  readonly bytes: Uint8Array;
  /** Absent where it does not matter or did not come. */
  readonly contentType: string | undefined;
};

type Promised = { readonly digest: Digest; readonly size?: number };

const accept = Object.values(manifestTypes).join(", ");

/** Fetches documents and checks them. */
export class Documents {
  readonly #exchange: Pick<Exchange, "get">;
  readonly #limits: PullLimits;

  constructor(options: { readonly exchange: Pick<Exchange, "get">; readonly limits: PullLimits }) {
    this.#exchange = options.exchange;
    this.#limits = options.limits;
  }

  /** Gets a document that a descriptor promises, out of the descriptor itself where it is there. */
  async promised(task: Task, descriptor: Descriptor, kind: "manifest" | "config"): Promise<Document> {
    const limitBytes = kind === "manifest" ? this.#limits.manifestBytes : this.#limits.configBytes;
    const { image } = task.route;
    if (descriptor.size > limitBytes) {
      throw new GatewayError(
        "IMAGE_TOO_LARGE",
        `${image}: its ${kind} has ${descriptor.size} bytes, at most ${limitBytes} are read`,
      );
    }
    const inline = this.inline(descriptor, image);
    if (inline !== undefined) return { bytes: inline, contentType: undefined };
    const what = `the ${kind} ${descriptor.digest}`;
    const path = `${kind === "manifest" ? "manifests" : "blobs"}/${descriptor.digest}`;
    const document = await this.fetch(task, { path, what, limitBytes, promised: descriptor });
    return kind === "manifest" ? document : { ...document, contentType: undefined };
  }

  /**
   * Gets a document below /v2/REPOSITORY/, within the time of a document, all tries included. Where nobody promised
   * anything, the digest that the registry itself announces must be right.
   */
  async fetch(
    { route, signal: whole }: Task,
    wanted: {
      readonly path: string;
      readonly what: string;
      readonly limitBytes: number;
      readonly promised: Promised | undefined;
    },
  ): Promise<Document> {
    const { path, what, promised } = wanted;
    const { documentTimeoutMs } = this.#limits;
    const signal = AbortSignal.any([whole, AbortSignal.timeout(documentTimeoutMs)]);
    const untilMs = performance.now() + documentTimeoutMs;
    const headers = path.startsWith("manifests/") ? { accept } : {};
    const wish = { route, path, what, headers, expected: [200], signal, untilMs };
    const name = `${route.image}: ${what}`;
    return this.#exchange.get(wish, async (answer) => {
      checkLength(answer, promised?.size, name);
      const bytes = await bodyOf(answer, {
        limitBytes: promised?.size ?? wanted.limitBytes,
        tooLong: promised?.size === undefined ? "IMAGE_TOO_LARGE" : "DIGEST_MISMATCH",
        what: name,
        signal,
      });
      check(bytes, promised ?? announced(answer), name);
      return { bytes, contentType: answer.header("content-type") };
    });
  }

  /** Returns the bytes that a descriptor brings along, which must be what it promises; undefined when it has none. */
  inline(descriptor: Descriptor, image: string): Uint8Array | undefined {
    const { data } = descriptor;
    if (data === undefined || data === null) return undefined;
    const bytes = Buffer.from(data.slice(0, 2 * this.#limits.inlineDataBytes), "base64");
    if (bytes.byteLength > this.#limits.inlineDataBytes) {
      throw new GatewayError("IMAGE_TOO_LARGE", `${image}: the data inside of a descriptor is too long`);
    }
    check(bytes, descriptor, `${image}: the data inside of a descriptor`);
    return bytes;
  }
}

/** What the registry says of an answer whose digest nobody promised. */
function announced(answer: Answer): Promised | undefined {
  const digest = answer.header("docker-content-digest");
  return digest !== undefined && isDigest(digest) ? { digest } : undefined;
}

function checkLength(answer: Answer, size: number | undefined, what: string): void {
  const length = answer.header("content-length");
  if (size === undefined || length === undefined || Number(length) === size) return;
  discard(answer.body);
  throw new GatewayError("DIGEST_MISMATCH", `${what}: expected ${size} bytes, ${Number(length)} are announced`);
}

function check(bytes: Uint8Array, promised: Promised | undefined, what: string): void {
  if (promised === undefined) return;
  const { digest, size } = promised;
  if (size !== undefined && bytes.byteLength !== size) {
    throw new GatewayError("DIGEST_MISMATCH", `${what}: expected ${size} bytes, got ${bytes.byteLength}`);
  }
  const found = digestOf(bytes, algorithmOf(digest));
  if (found !== digest) throw new GatewayError("DIGEST_MISMATCH", `${what}: expected ${digest}, got ${found}`);
}
