/**
 * Turns what was thrown into a refusal: a GatewayError by its dialect's table, anything else into a 500 that says
 * nothing but the number under which the log has it.
 */
import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { GatewayError, type ErrorCode } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Dialect, Reply, Route } from "./answer.ts";

/** Waits that are told to a client when the failure itself knows none. */
const defaultRetryAfterSeconds: Partial<Record<ErrorCode, number>> = {
  QUEUE_FULL: 1,
  QUEUE_TIMEOUT: 1,
  SHUTTING_DOWN: 5,
  REGISTRY_RATE_LIMITED: 30,
  TOO_MANY_ATTEMPTS: 10,
};

/** Makes replies of failures; one for each listener. */
export class Failures {
  readonly #dialect: Dialect;
  readonly #log: Pick<Log, "error" | "debug">;
  readonly #process = randomBytes(4).toString("hex");
  #count = 0;

  constructor(options: { readonly dialect: Dialect; readonly log: Pick<Log, "error" | "debug"> }) {
    this.#dialect = options.dialect;
    this.#log = options.log;
  }

  /** Makes the reply of a request that failed on a route. */
  reply(error: unknown, route: Route, headers: IncomingHttpHeaders): Reply {
    if (!(error instanceof GatewayError)) return this.#unforeseen(error, route, headers);
    const { code, message } = error;
    const status = this.#dialect.statuses[code];
    const fields = { code, route: route.path, reason: message, cause: error.cause };
    // Failures of guests may come by the thousand, and are counted; those of deploys and deletes the core has logged.
    this.#log.debug("a request was refused", fields);
    return withHeaders(this.#dialect.refuse({ status, message }, headers), headersOf(error));
  }

  #unforeseen(error: unknown, route: Route, headers: IncomingHttpHeaders): Reply {
    const requestId = `${this.#process}-${++this.#count}`;
    this.#log.error("a request failed for an unforeseen reason", { requestId, route: route.path, error });
    const message = `internal error, request id ${requestId}`;
    return withHeaders(this.#dialect.refuse({ status: 500, message }, headers), { "x-request-id": requestId });
  }
}

/** Adds headers to a reply. */
export function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

function headersOf({ code, retryAfterSeconds }: GatewayError): Record<string, string> {
  const wait = retryAfterSeconds ?? defaultRetryAfterSeconds[code];
  return {
    ...(wait === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(wait))) }),
    ...(code === "UNAUTHENTICATED" ? { "www-authenticate": 'Basic realm="wasmgate", charset="UTF-8"' } : {}),
  };
}
