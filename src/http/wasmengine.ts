/**
 * The API of openEuler WasmEngine, byte for byte where it answers: five routes under /function, JSON in, a line of text
 * out (`status code: 200, message: …`), whatever Content-Type says.
 *
 * What differs is deliberate: honest statuses in the same shape instead of 500 for all, 404 for unknown paths, the same
 * facts as JSON for a client that takes no text, and members WasmEngine does not know: namespace, limits, env, labels,
 * export, update.
 */
import type { IncomingHttpHeaders } from "node:http";
import { readArguments } from "../arguments.ts";
import { GatewayError, type ErrorCode } from "../errors.ts";
import type { FunctionRecord, Functions } from "../functions.ts";
import { parseReference } from "../oci/reference.ts";
import { wantsJson } from "./accept.ts";
import { answer, validate, type Dialect, type Reply, type Request, type Route } from "./answer.ts";
import { deployRequest, invokeRequest, listRequest, nameRequest } from "./wasmengine-requests.ts";

/** The part of the core that this dialect speaks to. */
export type WasmEngineCore = Pick<Functions, "deploy" | "get" | "list" | "localPath" | "remove" | "invoke">;

/** Makes the dialect over a core. */
export function wasmEngine(core: WasmEngineCore): Dialect {
  return { name: "wasmengine", routes: routes(core), statuses, refuse };
}

const statuses: Readonly<Record<ErrorCode, number>> = {
  INVALID_REQUEST: 400,
  INVALID_REFERENCE: 400,
  REQUEST_TOO_LARGE: 413,
  FUNCTION_NOT_FOUND: 404,
  FUNCTION_EXISTS: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  TOO_MANY_ATTEMPTS: 429,
  IMAGE_NOT_FOUND: 404,
  REGISTRY_NOT_ALLOWED: 403,
  // Never 401, which a client would take for its own login.
  REGISTRY_DENIED: 502,
  REGISTRY_RATE_LIMITED: 503,
  REGISTRY_UNAVAILABLE: 502,
  DIGEST_MISMATCH: 502,
  IMAGE_INVALID: 422,
  IMAGE_UNSUPPORTED: 422,
  IMAGE_TOO_LARGE: 422,
  MODULE_INVALID: 422,
  MODULE_UNSUPPORTED: 422,
  MODULE_UNAVAILABLE: 503,
  GUEST_TRAP: 502,
  GUEST_EXIT: 502,
  GUEST_TIMEOUT: 504,
  GUEST_OUTPUT_TOO_LARGE: 502,
  GUEST_CONTRACT_BROKEN: 502,
  QUEUE_FULL: 429,
  QUEUE_TIMEOUT: 503,
  // Nobody reads it; the number is what others log for this.
  CALLER_GONE: 499,
  SHUTTING_DOWN: 503,
  STORAGE_FULL: 507,
};

function routes(core: WasmEngineCore): Route[] {
  const control = { method: "POST", control: true, takesBody: true } as const;
  return [
    { ...control, path: "/function/deploy", right: "deploy", answer: deploy(core) },
    { ...control, path: "/function/delete", right: "deploy", answer: remove(core) },
    { ...control, path: "/function/query", right: "read", answer: query(core) },
    {
      ...control,
      method: "GET",
      path: "/function/list",
      right: "read",
      takesBody: false,
      answer: (request) => list(core, request),
    },
    { ...control, path: "/function/invoke", right: "invoke", control: false, hot: true, answer: invoke(core) },
  ];
}

function deploy(core: WasmEngineCore): Route["answer"] {
  return answer(deployRequest, async (input, { request }) => {
    const {
      namespace,
      function_name: name,
      wasi_cap: wasiCap,
      export: exportName,
      limits,
      env,
      labels,
      update,
    } = input;
    const image = parseReference(input.function_image);
    const wish = { namespace, name, image, wasiCap, limits, env, labels, update };
    const record = await core.deploy(exportName === undefined ? wish : { ...wish, exportName });
    return done(request, `deploy function ${name} successfully!`, { function: entry(core, record) });
  });
}

function remove(core: WasmEngineCore): Route["answer"] {
  return answer(nameRequest, async ({ function_name: name, namespace }, { request }) => {
    await core.remove(name, namespace);
    return done(request, `delete function ${name} successfully!`, {});
  });
}

function query(core: WasmEngineCore): Route["answer"] {
  return answer(nameRequest, ({ function_name: name, namespace }, { request }) => {
    const found = entry(core, core.get(name, namespace));
    if (wantsJson(request.headers.accept)) return done(request, "queried function info", { function: found });
    const members = `func_name: ${debug(found.func_name)}, func_image_name: ${debug(found.func_image_name)}, `;
    const rest = `func_local_path: ${debug(found.func_local_path)}, wasi_cap: ${found.wasi_cap}`;
    return done(request, `queried function info: FunctionEntry { ${members}${rest} }`, {});
  });
}

function list(core: WasmEngineCore, request: Request): Reply {
  const question = request.url.indexOf("?");
  const parameters = Object.fromEntries(new URLSearchParams(question < 0 ? "" : request.url.slice(question)));
  const { namespace } = validate(listRequest, parameters);
  const records = core.list(namespace);
  if (wantsJson(request.headers.accept)) {
    const functions = records.map(({ name, image, wasiCap }) => {
      return { func_name: name, func_image_name: image, wasi_cap: wasiCap };
    });
    return done(request, "all deployed function info", { functions });
  }
  const entries = records.map(({ name, image, wasiCap }) => {
    return `{func_name: ${name}, func_image_name: ${image}, wasi_cap: ${wasiCap}}`;
  });
  return done(request, `all deployed function info: [${entries.join(", ")}]`, {});
}

const resultPrefix = Buffer.from("status code: 200, message: ");

function invoke(core: WasmEngineCore): Route["answer"] {
  return answer(invokeRequest, async ({ function_name: name, namespace, limits }, { request, json }) => {
    const args = readArguments(json, "args");
    const { output } = await core.invoke({ namespace, name, limits, args, signal: request.gone });
    if (!wantsJson(request.headers.accept)) {
      return { status: 200, contentType: text, body: Buffer.concat([resultPrefix, output]) };
    }
    return done(request, `invoke function ${name} successfully!`, { result: textOf(output) });
  });
}

function textOf(output: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(output);
  } catch (error) {
    const message = "the function's result is not UTF-8, so it cannot be part of JSON; ask for text/plain";
    throw new GatewayError("GUEST_CONTRACT_BROKEN", message, { cause: error });
  }
}

const text = "text/plain; charset=utf-8";
const json = "application/json";

/** Says that something was done, in text, or in JSON together with the facts. */
function done(request: Request, message: string, facts: Readonly<Record<string, unknown>>): Reply {
  if (wantsJson(request.headers.accept)) {
    return { status: 200, contentType: json, body: JSON.stringify({ status: 200, message, ...facts }) };
  }
  return { status: 200, contentType: text, body: `status code: 200, message: ${message}\n` };
}

function refuse(
  { status, message }: { status: number; message: string },
  headers: IncomingHttpHeaders | undefined,
): Reply {
  if (wantsJson(headers?.accept)) return { status, contentType: json, body: JSON.stringify({ status, message }) };
  return { status, contentType: text, body: `status code: ${status}, message: ${message}\n` };
}

function entry(core: WasmEngineCore, record: FunctionRecord) {
  return {
    func_name: record.name,
    func_image_name: record.image,
    func_local_path: core.localPath(record),
    wasi_cap: record.wasiCap,
  };
}

/** Quotes a string as Rust's Debug does; https://doc.rust-lang.org/std/primitive.char.html#method.escape_debug */
function debug(value: string): string {
  const named: Readonly<Record<string, string>> = { "\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  const escaped = value.replace(/["\\\u0000-\u001f\u007f]/g, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    return named[character] ?? `\\u{${character.charCodeAt(0).toString(16)}}`;
  });
  return `"${escaped}"`;
}
