/**
 * Reads request bodies within bounds: one body's length, declared or not, and what all bodies hold together, on their
 * way and until they are answered, so that neither many slow uploads nor many calls in line can fill the memory. A short
 * body passes the second bound, or who holds long ones would lock out everyone: connections bound those. Time is bounded
 * by the listener's requestTimeout.
 *
 * A refusal comes before the body where the length is declared: a client that sent `Expect: 100-continue` is told to go
 * on only here, so it never sends what would be refused.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { GatewayError } from "../errors.ts";

/** The client went away before its request was whole; there is nobody to answer. */
export class ClientGoneError extends Error {
  constructor() {
    super("the client closed the connection");
    this.name = "ClientGoneError";
  }
}

/** Bodies up to this are read even when long ones take all the room. */
const shortBytes = 16_384;

const nothing = Buffer.alloc(0);

/** Reads bodies; one for each listener. */
export class Bodies {
  readonly #maxBytes: number;
  readonly #maxBytesTogether: number;
  #heldBytes = 0;

  constructor(options: { readonly maxBytes: number; readonly maxBytesTogether: number }) {
    this.#maxBytes = options.maxBytes;
    this.#maxBytesTogether = options.maxBytesTogether;
  }

  /**
   * Reads a request's body to its end; release() it once the request is answered.
   * @throws {GatewayError} REQUEST_TOO_LARGE, QUEUE_FULL, INVALID_REQUEST
   * @throws {ClientGoneError}
   */
  read(incoming: IncomingMessage, response: ServerResponse): Promise<Buffer> {
    const { headers } = incoming;
    if (!hasBody(incoming)) return Promise.resolve(nothing);
    if (Number(headers["content-length"] ?? 0) > this.#maxBytes) throw this.#tooLarge();
    const encoding = headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      throw new GatewayError(
        "INVALID_REQUEST",
        `expected a body without Content-Encoding, got ${encoding.slice(0, 60)}`,
      );
    }
    if (headers.expect !== undefined && incoming.httpVersion === "1.1") response.writeContinue();
    return this.#collect(incoming, response);
  }

  /** Frees the room that a body took. */
  release(body: Buffer): void {
    this.#heldBytes -= body.length;
  }

  #collect(incoming: IncomingMessage, response: ServerResponse): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let seenBytes = 0;
      const settle = (): void => {
        incoming.off("data", take).off("end", finish).off("close", abandon);
        response.off("close", abandon);
      };
      const fail = (error: Error): void => {
        settle();
        this.#heldBytes -= seenBytes;
        reject(error);
      };
      const take = (chunk: Buffer): void => {
        seenBytes += chunk.length;
        this.#heldBytes += chunk.length;
        chunks.push(chunk);
        if (seenBytes > this.#maxBytes) fail(this.#tooLarge());
        else if (seenBytes > shortBytes && this.#heldBytes > this.#maxBytesTogether) fail(tooManyBodies());
      };
      const finish = (): void => {
        settle();
        const [only = nothing] = chunks;
        resolve(chunks.length <= 1 ? only : Buffer.concat(chunks, seenBytes));
      };
      const abandon = (): void => fail(new ClientGoneError());
      // Without a listener the error of an aborted request would end the process; "close" follows it.
      incoming.on("error", () => undefined);
      incoming.on("data", take).on("end", finish).on("close", abandon);
      // A request that was refused by others while its body was on the way (too slow, malformed) never closes.
      response.on("close", abandon);
    });
  }

  #tooLarge(): GatewayError {
    return new GatewayError("REQUEST_TOO_LARGE", `expected a body of at most ${this.#maxBytes} bytes, got more`);
  }
}

/** Tells whether a request announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function tooManyBodies(): GatewayError {
  const message = "too many large request bodies are on their way, try again";
  return new GatewayError("QUEUE_FULL", message, { retryAfterSeconds: 1 });
}
