/**
 * What becomes of a failed exchange: a GatewayError that names the image and says no more of what the registry said
 * than errors[].code and errors[].message, printable, at most 200 characters, without queries and without secrets.
 *
 * Also the table that tells which failures may pass by themselves.
 */
import { GatewayError, type ErrorCode } from "../errors.ts";

/** What a registry answered when it did not give what was asked for. */
export type Refused = {
  readonly status: number;
  /** Its body, as much as was read. */
  readonly body: Uint8Array;
  readonly retryAfterMs: number | undefined;
};

/** Who refused what to whom. */
export type Attempted = {
  /** The image's reference as given. */
  readonly image: string;
  /** Host and port. */
  readonly registry: string;
  /** What was asked for, such as "the manifest latest". */
  readonly what: string;
  /** Never to be repeated, whatever the registry echoes. */
  readonly secrets: readonly string[];
};

const longestSaying = 200;
const transientStatuses: ReadonlySet<unknown> = new Set([408, 429, 500, 502, 503, 504]);
const transientCodes: ReadonlySet<unknown> = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "HPE_INVALID_EOF_STATE",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_SOCKET",
]);

/** Makes the error for an answer whose status was not expected. */
export function refusal(refused: Refused, attempted: Attempted): GatewayError {
  const { image, registry, what, secrets } = attempted;
  const said = saying(refused.body, secrets);
  const words = said === "" ? "" : `: ${said}`;
  return new GatewayError(
    codeFor(refused.status),
    `${image}: ${registry} ${verbFor(refused.status)} ${what} (status ${refused.status})${words}`,
    {
      cause: { status: refused.status },
      ...(refused.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(refused.retryAfterMs / 1000) }),
    },
  );
}

/** Makes the error for an exchange that broke; a GatewayError and an abort by the caller pass as they are. */
export function breakdown(error: unknown, host: string, signal: AbortSignal): unknown {
  const foreseen = causes(error).find((cause) => cause instanceof GatewayError);
  if (foreseen !== undefined) return foreseen;
  if (signal.aborted) return interruption(signal, host);
  const code = causes(error).map(codeOf).find(Boolean);
  return new GatewayError("REGISTRY_UNAVAILABLE", `${host} cannot be talked to: ${meaningOf(code)}`, { cause: error });
}

/** Returns what an aborted signal means: our own timeout becomes an error of ours, any other reason stays. */
export function interruption(signal: AbortSignal, host: string): unknown {
  const reason: unknown = signal.reason;
  return nameOf(reason) === "TimeoutError"
    ? new GatewayError("REGISTRY_UNAVAILABLE", `${host} took longer than a pull may take`, { cause: reason })
    : reason;
}

/** Tells whether the same request may succeed a little later. */
export function isTransient(error: unknown): boolean {
  return causes(error).some(
    (cause) => transientCodes.has(codeOf(cause)) || (hasStatus(cause) && transientStatuses.has(cause.status)),
  );
}

/** Returns the `code` of a system's or library's error. */
export function codeOf(error: unknown): string | undefined {
  return isObject(error) && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Makes foreign text safe to show: one line, printable, no queries and user parts of URLs, at most 200 characters. */
export function printable(text: string): string {
  const line = text
    .slice(0, 20 * longestSaying)
    .replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S}]+/gu, " ")
    .replace(/\/\/[^\s/@]*@/g, "//")
    .replace(/[?#][^\s"'<>]*/g, "")
    .trim();
  const characters = [...line];
  return characters.length > longestSaying ? `${characters.slice(0, longestSaying - 1).join("")}…` : line;
}

/** What a body in the registry's error format says. https://github.com/opencontainers/distribution-spec v1.1 #error-codes */
function saying(body: Uint8Array, secrets: readonly string[]): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return "";
  }
  if (!isObject(parsed) || !("errors" in parsed) || !Array.isArray(parsed.errors)) return "";
  const entries: unknown[] = parsed.errors.slice(0, 5);
  const words = entries.filter(isObject).map((entry) => [textAt(entry, "code"), textAt(entry, "message")]);
  let said = words.map((pair) => pair.filter(Boolean).join(" ")).join("; ");
  for (const secret of secrets) if (secret !== "") said = said.replaceAll(secret, "…");
  return printable(said);
}

function codeFor(status: number): ErrorCode {
  if (status === 401 || status === 403 || status === 451) return "REGISTRY_DENIED";
  if (status === 404 || status === 410) return "IMAGE_NOT_FOUND";
  return status === 429 ? "REGISTRY_RATE_LIMITED" : "REGISTRY_UNAVAILABLE";
}

function verbFor(status: number): string {
  const verbs: Partial<Record<ErrorCode, string>> = {
    REGISTRY_DENIED: "denies, or does not have,",
    IMAGE_NOT_FOUND: "does not have",
    REGISTRY_RATE_LIMITED: "tells us to slow down when asked for",
  };
  return verbs[codeFor(status)] ?? "failed when asked for";
}

const meanings: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "its certificate is self-signed; put its CA into WASMGATE_REGISTRY_CERTS_DIR or list it in WASMGATE_SKIP_TLS_VERIFY",
  ECONNREFUSED: "it refuses connections",
  ECONNRESET: "it closed the connection",
  ENOTFOUND: "no such host",
  EPROTO: "it does not speak TLS; list it in WASMGATE_INSECURE_REGISTRIES if it speaks plain http",
  ERR_SSL_PACKET_LENGTH_TOO_LONG:
    "it does not speak TLS; list it in WASMGATE_INSECURE_REGISTRIES if it speaks plain http",
  ERR_SSL_WRONG_VERSION_NUMBER:
    "it does not speak TLS; list it in WASMGATE_INSECURE_REGISTRIES if it speaks plain http",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate's CA is not known; put it into WASMGATE_REGISTRY_CERTS_DIR",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate's CA is not known; put it into WASMGATE_REGISTRY_CERTS_DIR",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate's CA is not known; put it into WASMGATE_REGISTRY_CERTS_DIR",
  UND_ERR_BODY_TIMEOUT: "it fell silent in the middle of an answer",
  UND_ERR_CONNECT_TIMEOUT: "it did not accept the connection in time",
  UND_ERR_HEADERS_OVERFLOW: "its answer's headers are too long",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_SOCKET: "it closed the connection",
};

function meaningOf(code: string | undefined): string {
  return meanings[code ?? ""] ?? (code === undefined ? "the exchange broke" : `the exchange broke with ${code}`);
}

/** An error, its causes, and the parts of an AggregateError (one per address that was tried). */
function causes(error: unknown, depth = 0): unknown[] {
  if (!isObject(error) || depth > 4) return [error];
  const cause = "cause" in error ? causes(error.cause, depth + 1) : [];
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
  return [error, ...cause, ...parts.flatMap((part: unknown) => causes(part, depth + 1))];
}

function hasStatus(value: unknown): value is { status: unknown } {
  return isObject(value) && "status" in value;
}

function nameOf(value: unknown): unknown {
  return isObject(value) && "name" in value ? value.name : undefined;
}

function textAt(value: object, key: "code" | "message"): string {
  const found: unknown = key in value ? Reflect.get(value, key) : undefined;
  return typeof found === "string" ? found : "";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
