/**
 * A listener: one port, one dialect, the system routes.
 *
 *   node:http -+- hot routes (exact method and target) -----------------+-> Exchanges -> Reply
 *              +- everything else -> Express: route, 405, or 404 -------+
 *
 * Express costs half of what a bare server answers (reference/recycling.md, "The way to the thread"), so what must be
 * fast does not enter it; both ways end in the same Exchanges, so nobody can tell them apart.
 */
import express, { type Express } from "express";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as NetServer, type AddressInfo, type Socket } from "node:net";
import type { Access } from "../access/access.ts";
import { siteCheck } from "../access/site.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Dialect, Route } from "./answer.ts";
import { Bodies } from "./body.ts";
import { Failures, withHeaders } from "./errors.ts";
import { Exchanges, lingerMs } from "./exchange.ts";
import { systemRoutes } from "./system.ts";

/** Bounds on clients; times are what an honest client on a slow line needs. */
export type ListenerBounds = {
  readonly maxBodyBytes: number;
  readonly maxBodyBytesTogether: number;
  readonly maxConnections: number;
  readonly headersTimeoutMs: number;
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly sendTimeoutMs: number;
  /** How often the two timeouts of requests are looked at. */
  readonly checkEveryMs: number;
};

const defaultBounds: Omit<ListenerBounds, "maxBodyBytes" | "maxBodyBytesTogether"> = {
  maxConnections: 4096,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 120_000,
  // Longer than the 60 s of usual reverse proxies, so that they close an idle connection and never race with us.
  keepAliveTimeoutMs: 75_000,
  sendTimeoutMs: 60_000,
  checkEveryMs: 2000,
};

/** What a listener is made of. */
export type ListenerOptions = {
  readonly dialect: Dialect;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Further names that a Host header may carry. */
  readonly allowedHosts: readonly string[];
  readonly bounds: Partial<ListenerBounds> & Pick<ListenerBounds, "maxBodyBytes">;
  readonly access: Pick<Access, "permit">;
  readonly metrics: Pick<Metrics, "countRequest" | "scrape">;
  readonly log: Pick<Log, "error" | "debug">;
  /** Why the gateway cannot take calls, for /readyz; empty means that it can. */
  readonly notReady: () => readonly string[];
};

/** One port that answers requests. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #exchanges: Exchanges;
  readonly #server: Server;
  #draining = false;

  constructor(options: ListenerOptions) {
    const maxBodyBytesTogether = Math.max(64 * 2 ** 20, 16 * options.bounds.maxBodyBytes);
    const bounds = { ...defaultBounds, maxBodyBytesTogether, ...options.bounds };
    this.#options = options;
    this.#exchanges = new Exchanges({
      ...options,
      checkSite: siteCheck(options),
      bodies: new Bodies({ maxBytes: bounds.maxBodyBytes, maxBytesTogether: bounds.maxBodyBytesTogether }),
      failures: new Failures(options),
      sendTimeoutMs: bounds.sendTimeoutMs,
    });
    const notReady = (): string[] => [...(this.#draining ? ["draining"] : []), ...options.notReady()];
    this.#server = this.#makeServer([...options.dialect.routes, ...systemRoutes({ ...options, notReady })], bounds);
  }

  /** Starts to listen; rejects with node's error when it cannot. Resolves with the address it got. */
  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host: this.#options.host, port: this.#options.port }, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        if (address === null || typeof address === "string") reject(new Error("the listener has no port"));
        else resolve(address);
      });
    });
  }

  /**
   * Stops accepting, lets requests that have come end within `graceMs`, then drops what is left. Until then connections
   * that are open stay so, and who asks there is told that we stop. Calls it makes into the core are not waited for
   * beyond that.
   */
  async close(graceMs: number): Promise<void> {
    this.#draining = true;
    // Only the socket that listens: node:http's own close() would also close idle connections, on which /readyz is asked.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.#server, () => resolve()));
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([this.#exchanges.drain(), grace]);
    clearTimeout(timer);
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #makeServer(routes: readonly Route[], bounds: ListenerBounds): Server {
    const hot = new Map(routes.filter((route) => route.hot).map((route) => [`${route.method} ${route.path}`, route]));
    const app = this.#makeApp(routes);
    const hostless = this.#hostless();
    const serve = (incoming: IncomingMessage, response: ServerResponse): void => {
      if (incoming.headers.host === undefined && incoming.httpVersion === "1.1") {
        this.#exchanges.serve(hostless, incoming, response);
        return;
      }
      const route = hot.get(`${incoming.method} ${incoming.url}`);
      if (route === undefined) app(incoming, response);
      else this.#exchanges.serve(route, incoming, response);
    };
    const server = createServer({
      headersTimeout: bounds.headersTimeoutMs,
      requestTimeout: bounds.requestTimeoutMs,
      keepAliveTimeout: bounds.keepAliveTimeoutMs,
      connectionsCheckingInterval: bounds.checkEveryMs,
      noDelay: true,
      // Node would refuse in no dialect's words.
      requireHostHeader: false,
    });
    server.maxConnections = bounds.maxConnections;
    // The second event brings requests that wait for "100 Continue", which Bodies writes when it wants the body.
    server.on("request", serve).on("checkContinue", serve);
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => this.#refuseBytes(error, socket));
    return server;
  }

  /** Everything that is not hot. */
  #makeApp(routes: readonly Route[]): Express {
    const app = express();
    app.disable("x-powered-by").disable("etag").set("query parser", false);
    app.enable("case sensitive routing").enable("strict routing");
    // Only in production does Express keep the stack of an error of its own from the client.
    app.set("env", "production");
    const serve = (route: Route) => (incoming: IncomingMessage, response: ServerResponse) =>
      this.#exchanges.serve(route, incoming, response);
    for (const route of routes) app[methodOf(route)](route.path, serve(route));
    for (const path of new Set(routes.map((route) => route.path)))
      app.all(path, serve(this.#wrongMethod(path, routes)));
    app.use(serve(this.#refusal("other", { status: 404, message: `no such path here, ${this.#paths()}` })));
    return app;
  }

  #paths(): string {
    const { routes } = this.#options.dialect;
    return `expected one of ${routes.map(({ method, path }) => `${method} ${path}`).join(", ")}`;
  }

  #wrongMethod(path: string, routes: readonly Route[]): Route {
    const methods = routes.filter((route) => route.path === path).map((route) => route.method);
    const allow = methods.flatMap((method) => (method === "GET" ? [method, "HEAD"] : [method])).join(", ");
    return this.#refusal(path, { status: 405, message: `expected ${allow} on ${path}` }, { allow });
  }

  /** For HTTP/1.1 requests without Host: RFC 9112, section 3.2. */
  #hostless(): Route {
    const message = "expected a Host header, as every HTTP/1.1 request has";
    return this.#refusal("other", { status: 400, message }, { connection: "close" });
  }

  /** A route that refuses whatever comes. */
  #refusal(
    path: string,
    refusal: { status: number; message: string },
    headers: Readonly<Record<string, string>> = {},
  ): Route {
    const { dialect } = this.#options;
    const answer: Route["answer"] = (request) => withHeaders(dialect.refuse(refusal, request.headers), headers);
    return { method: "GET", path, right: "open", control: false, takesBody: false, answer };
  }

  /** Answers bytes that are no HTTP request, or one that came too slowly. */
  #refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
    const [pending, ...more] = this.#exchanges.on(socket);
    const status = statusOfParseError(error);
    if (status === undefined || !socket.writable || more.length > 0) {
      socket.destroy(error);
      return;
    }
    const message =
      status === 408 ? "the request did not come in time" : `expected a HTTP/1.1 request: ${error.message}`;
    const reply = this.#options.dialect.refuse({ status, message }, pending?.req.headers);
    if (pending === undefined) {
      // The socket is half open after its end, and a client that never closes would keep it so.
      socket.setTimeout(lingerMs, () => socket.destroy());
      socket.end(
        `HTTP/1.1 ${status} ${reasons[status]}\r\ncontent-type: ${reply.contentType}\r\n` +
          `content-length: ${Buffer.byteLength(reply.body)}\r\nconnection: close\r\n\r\n${reply.body.toString()}`,
      );
    } else if (pending.headersSent || pending.req.complete) socket.destroy(error);
    else this.#exchanges.send(withHeaders(reply, { connection: "close" }), pending.req, pending);
  }
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
};

/** The status for what node's parser found wrong; undefined when there is nobody to tell. */
function statusOfParseError({ code }: NodeJS.ErrnoException): number | undefined {
  if (code === "ECONNRESET" || code === "EPIPE") return undefined;
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return 408;
  if (code === "HPE_HEADER_OVERFLOW") return 431;
  return code === "HPE_CHUNK_EXTENSIONS_OVERFLOW" ? 413 : 400;
}

function methodOf({ method }: Route) {
  return ({ GET: "get", POST: "post", PUT: "put", DELETE: "delete" } as const)[method];
}
