/**
 * Every way Wasmgate can refuse or fail on purpose, in one closed set.
 *
 * The core throws a GatewayError; it knows no HTTP. Each dialect owns a Record from every code to its own status and
 * words, so a new code does not compile until every dialect has said what it means there. Anything thrown that is not
 * a GatewayError is a bug: the client sees a 500 without its message, the log sees all of it.
 *
 *   caller's fault      image's or its registry's fault      guest's fault      ours
 */

/** One sentence each: what the code means, for whoever reads a log or writes a dialect's table. */
export const errorCodes = {
  INVALID_REQUEST: "The request's body, parameters or arguments are not of the documented form.",
  INVALID_REFERENCE: "The image reference does not follow the grammar of OCI references.",
  REQUEST_TOO_LARGE: "The request's body is longer than the setting allows.",
  FUNCTION_NOT_FOUND: "No function of that name is deployed in that namespace.",
  FUNCTION_EXISTS: "A function of that name is deployed and the request did not ask for an update.",
  UNAUTHENTICATED: "The request needs a user and password, or those it brought are wrong.",
  FORBIDDEN: "The caller is known but lacks the right, or the request comes from a foreign site.",
  TOO_MANY_ATTEMPTS: "Too many wrong passwords came from this address; it has to wait.",

  IMAGE_NOT_FOUND: "The registry answers, but has no such repository, tag or digest.",
  REGISTRY_NOT_ALLOWED: "Policy forbids talking to that registry or to the address it points at.",
  REGISTRY_DENIED: "The registry refuses the credentials that we have, or asks for some when we have none.",
  REGISTRY_RATE_LIMITED: "The registry tells us to slow down for longer than we are willing to wait.",
  REGISTRY_UNAVAILABLE: "The registry cannot be reached, answers nonsense, or takes longer than the limit.",
  DIGEST_MISMATCH: "Bytes that came are not those that were promised.",
  IMAGE_INVALID: "A manifest, index, config, or layer is malformed.",
  IMAGE_UNSUPPORTED: "The image is well formed but holds something other than exactly one module for us.",
  IMAGE_TOO_LARGE: "A part of the image exceeds a limit of the pull settings.",
  MODULE_INVALID: "The bytes are not a valid WebAssembly module, or exceed what a module may hold.",
  MODULE_UNSUPPORTED: "The module is valid but fits no contract by which we can call it.",
  MODULE_UNAVAILABLE: "A deployed module's file is missing or damaged and could not be pulled again.",

  GUEST_TRAP: "The guest trapped: unreachable, out of bounds, stack overflow, division, …",
  GUEST_EXIT: "The guest ended itself with an exit code other than 0.",
  GUEST_TIMEOUT: "The guest ran longer than its deadline.",
  GUEST_OUTPUT_TOO_LARGE: "The guest wrote more than it may.",
  GUEST_CONTRACT_BROKEN: "The guest returned something its contract does not allow.",

  QUEUE_FULL: "As many calls are waiting as may wait.",
  QUEUE_TIMEOUT: "The call waited for a free thread longer than it may.",
  CALLER_GONE: "Whoever asked has gone away, and the work was given up.",
  SHUTTING_DOWN: "The gateway is stopping and takes no new work.",
  STORAGE_FULL: "The data folder's disk or quota is exhausted.",
} as const;

/** A name out of the closed set of failures; for programs, never changes its meaning. */
export type ErrorCode = keyof typeof errorCodes;

/** What a GatewayError may carry beside its code and message. */
export type ErrorDetails = {
  /** What made this fail; logged, never shown to a client. */
  readonly cause?: unknown;
  /** How long the caller should wait before it tries again, in seconds. */
  readonly retryAfterSeconds?: number;
};

/** A failure that was foreseen. `message` is for people: what was expected and what came. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "GatewayError";
    this.code = code;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
