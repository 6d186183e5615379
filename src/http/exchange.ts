/**
 * One request and its answer, the same for both ways through a listener.
 *
 *   site (control routes) -> right -> body -> route.answer -> send          whatever throws -> Failures -> send
 *
 * Rights are decided before a body is read, so that a stranger cannot make us hold one. Nothing escapes: a request ends
 * in an answer, or in a closed connection when its client has gone.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Access } from "../access/access.ts";
import type { SiteCheck } from "../access/site.ts";
import type { Metrics } from "../metrics.ts";
import { GatewayError } from "../errors.ts";
import type { Dialect, Reply, Route } from "./answer.ts";
import { ClientGoneError, hasBody, type Bodies } from "./body.ts";
import type { Failures } from "./errors.ts";

/** What exchanges need. */
export type ExchangesOptions = {
  readonly dialect: Dialect;
  readonly access: Pick<Access, "permit">;
  readonly checkSite: SiteCheck;
  readonly bodies: Pick<Bodies, "read" | "release">;
  readonly failures: Pick<Failures, "reply">;
  readonly metrics: Pick<Metrics, "countRequest">;
  /** How long an answer may wait for a client that does not read it. */
  readonly sendTimeoutMs: number;
};

/** A body that is not worth reading is still read up to this, to keep the connection; past it the connection closes. */
const skippedAtMostBytes = 65_536;

/**
 * A short body leaves as a string of its bytes: node joins it with the head into one write, where a buffer makes a
 * writev of two pieces. An invoke costs the ingress about 14 us of CPU so and 17 us with writev, a bare server 12.7 us
 * (medians of four alternating rounds, 32 connections, 120 bytes of result).
 */
const oneWriteAtMostBytes = 16_384;

/** How long a refused body is thrown away before the connection closes: a reset would take the answer with it. */
export const lingerMs = 1000;

/** A request that is being answered. */
type Open = { readonly incoming: IncomingMessage; readonly response: ServerResponse; readonly gone: AbortSignal };

/** The requests of one listener that are being answered. */
export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #open = new Set<ServerResponse>();
  #drained: (() => void) | undefined;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** Answers a request. Never throws. */
  serve(route: Route, incoming: IncomingMessage, response: ServerResponse): void {
    const startMs = performance.now();
    const gone = new AbortController();
    this.#open.add(response);
    // Node closes every response, also those of requests that queue behind another on a connection that is lost.
    response.once("close", () => {
      this.#open.delete(response);
      const status = response.writableFinished ? response.statusCode : 499;
      if (!response.writableFinished) gone.abort();
      const labels = { dialect: this.#options.dialect.name, route: route.path, status };
      this.#options.metrics.countRequest(labels, (performance.now() - startMs) / 1000);
      if (this.#open.size === 0) this.#drained?.();
    });
    this.#answer(route, { incoming, response, gone: gone.signal })
      .catch((error: unknown) => {
        if (error instanceof ClientGoneError) throw error;
        return this.#options.failures.reply(error, route, incoming.headers);
      })
      .then((reply) => this.send(reply, incoming, response))
      .catch(() => response.destroy());
  }

  /** Finds the answers that are not yet out on a connection. */
  on(socket: Socket): ServerResponse[] {
    return [...this.#open].filter((response) => response.req.socket === socket);
  }

  /** Refuses new requests and closes each connection after its answer from now on; resolves when no answer is missing. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  /** Writes a reply. */
  send(reply: Reply, incoming: IncomingMessage, response: ServerResponse): void {
    if (response.destroyed || response.headersSent || incoming.socket.destroyed) return;
    const closing = this.#drained !== undefined;
    const unread = !incoming.complete && (closing ? hasBody(incoming) : bodyIsLong(incoming));
    const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
    const headers = ["content-type", reply.contentType, "content-length", String(body.byteLength)];
    headers.push("x-content-type-options", "nosniff");
    for (const name in reply.headers) headers.push(name, reply.headers[name] ?? "");
    if (unread || closing) headers.push("connection", "close");
    response.writeHead(reply.status, headers);
    if (unread) linger(body, incoming, response);
    else if (incoming.method === "HEAD") response.end();
    else if (body.byteLength > oneWriteAtMostBytes) response.end(body);
    else response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1"), "latin1");
    const { socket } = incoming;
    // Node sets the idle timeout of the kept connection when the answer is out, so this one needs no reset.
    if (socket.writableLength > 0) socket.setTimeout(this.#options.sendTimeoutMs);
  }

  async #answer(route: Route, { incoming, response, gone }: Open): Promise<Reply> {
    const { access, bodies, checkSite } = this.#options;
    if (this.#drained !== undefined && !route.whileClosing) {
      throw new GatewayError("SHUTTING_DOWN", "the gateway is stopping");
    }
    const { headers, method = "", url = "" } = incoming;
    if (route.control) checkSite(headers);
    if (route.right !== "open") {
      const address = incoming.socket.remoteAddress ?? "";
      const verifying = access.permit(route.right, { authorization: headers.authorization, address });
      if (verifying !== undefined) await verifying;
    }
    const body = route.takesBody ? await bodies.read(incoming, response) : Buffer.alloc(0);
    try {
      return await route.answer({ method, url, headers, body, gone });
    } finally {
      bodies.release(body);
    }
  }
}

function bodyIsLong(incoming: IncomingMessage): boolean {
  const length = incoming.headers["content-length"];
  return hasBody(incoming) && (length === undefined || Number(length) > skippedAtMostBytes);
}

/** Writes an answer to a client that is still sending, and throws away what it sends until it stops or the time is up. */
function linger(body: Uint8Array, incoming: IncomingMessage, response: ServerResponse): void {
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  response.write(body);
  incoming.on("error", () => undefined);
  incoming.once("end", end).once("close", end).resume();
}
