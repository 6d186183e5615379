/**
 * Content digests as the OCI image specification writes them: "sha256:<64 hex>" or "sha512:<128 hex>", lower case.
 * https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md#digests
 *
 * A Digest has been parsed or computed here; a string that merely looks like one has not.
 */
import { createHash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import { GatewayError } from "./errors.ts";

declare const brand: unique symbol;

/** A digest whose algorithm and length have been checked, such as "sha256:9f86d0…". */
export type Digest = string & { readonly [brand]: "Digest" };

/** Digest algorithms that we accept, in the order in which we prefer them. */
export type DigestAlgorithm = "sha256" | "sha512";

const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Tells whether a string is a digest of an algorithm that we accept. */
export function isDigest(text: string): text is Digest {
  return digestPattern.test(text);
}

/**
 * Reads a digest.
 * @throws {GatewayError} INVALID_REFERENCE
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new GatewayError(
    "INVALID_REFERENCE",
    `expected a digest such as sha256:<64 hex> or sha512:<128 hex> in lower case, got ${JSON.stringify(text.slice(0, 150))}`,
  );
}

/** Returns a digest's algorithm. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** Returns a digest's hexadecimal part. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** Computes the digest of bytes that are whole in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`);
}

/**
 * Makes a stream that passes bytes on and errors unless they are what was promised.
 * Errors as soon as one byte more than `sizeBytes` comes; the digest is compared when the source ends, so a consumer
 * must not trust what it read before the stream has ended well.
 * @throws {GatewayError} DIGEST_MISMATCH through the stream's error event
 */
export function verify(promised: { readonly digest: Digest; readonly sizeBytes?: number }): Transform {
  const hash = createHash(algorithmOf(promised.digest));
  let seenBytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
      seenBytes += chunk.byteLength;
      if (promised.sizeBytes !== undefined && seenBytes > promised.sizeBytes) {
        done(
          new GatewayError("DIGEST_MISMATCH", `expected ${promised.sizeBytes} bytes of ${promised.digest}, got more`),
        );
        return;
      }
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done: TransformCallback): void {
      if (promised.sizeBytes !== undefined && seenBytes !== promised.sizeBytes) {
        done(
          new GatewayError(
            "DIGEST_MISMATCH",
            `expected ${promised.sizeBytes} bytes of ${promised.digest}, got ${seenBytes}`,
          ),
        );
        return;
      }
      const found = `${algorithmOf(promised.digest)}:${hash.digest("hex")}`;
      done(
        found === promised.digest
          ? null
          : new GatewayError("DIGEST_MISMATCH", `expected ${promised.digest}, got ${found}`),
      );
    },
  });
}
