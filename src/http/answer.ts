/**
 * What a dialect is made of: routes that turn a Request into a Reply, and its way of refusing. Both ways through a
 * listener, node:http and Express, carry the same values, so a route cannot tell which one it was reached by.
 *
 *   bytes -> JSON -> validated input -> the dialect's handler -> Reply          anything wrong -> INVALID_REQUEST
 */
import type { IncomingHttpHeaders } from "node:http";
import type { z } from "zod";
import type { Right } from "../access/users.ts";
import type { ParsedJson } from "../arguments.ts";
import { GatewayError, type ErrorCode } from "../errors.ts";
import { parseJson } from "./json.ts";
import { sentenceOf } from "./sentence.ts";

/** A request whose body has come whole; empty where the route takes none. */
export type Request = {
  readonly method: string;
  /** The request target as it came: a path, with its query if there is one. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Aborted when the client has gone without waiting for its answer. */
  readonly gone: AbortSignal;
};

/** An answer, bytes not yet written. Content-Length and what the connection needs are added when it is sent. */
export type Reply = {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};

/** One method on one path. */
export type Route = {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Exact, without parameters; also the route's name in metrics. */
  readonly path: string;
  /** What a caller must be permitted to do; "open" asks nobody. */
  readonly right: Right | "open";
  /** Control routes are closed to foreign web pages and Host names. */
  readonly control: boolean;
  /** Hot routes are answered before Express. */
  readonly hot?: boolean;
  readonly takesBody: boolean;
  /** Answered also while the listener closes, on connections that are still open; others are refused then. */
  readonly whileClosing?: boolean;
  readonly answer: (request: Request) => Reply | Promise<Reply>;
};

/** One HTTP API over the core. */
export type Dialect = {
  readonly name: string;
  readonly routes: readonly Route[];
  /** What each failure of the core is in this dialect. */
  readonly statuses: Readonly<Record<ErrorCode, number>>;
  /** Puts a refusal in the dialect's words; `headers` are the request's, undefined when it could not be parsed. */
  readonly refuse: (refusal: { status: number; message: string }, headers: IncomingHttpHeaders | undefined) => Reply;
};

/** What a handler gets beside its validated input. */
export type Context = { readonly request: Request; readonly json: ParsedJson };

/** Makes a route's answer out of a schema for its JSON body and a handler for what the schema lets pass. */
export function answer<Input>(
  schema: z.ZodType<Input>,
  handler: (input: Input, context: Context) => Reply | Promise<Reply>,
): Route["answer"] {
  return (request) => {
    const json = parseJson(request.body);
    return handler(validate(schema, json.value), { request, json });
  };
}

/** Checks foreign data. @throws {GatewayError} INVALID_REQUEST with one sentence about the first thing that is wrong */
export function validate<Input>(schema: z.ZodType<Input>, value: unknown): Input {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new GatewayError("INVALID_REQUEST", sentenceOf(read.error, value));
}
