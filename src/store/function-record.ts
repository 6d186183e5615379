/**
 * FunctionRecord, and how it lies in a row: digests and times as text, everything that is nested as JSON.
 *
 * What comes out of the database was written by some version of this program on some disk, so each column is checked
 * by hand before it is believed. Unknown fields of nested values are dropped, not kept unread.
 */
import { isDigest, type Digest } from "../digest.ts";
import type { Contract, ValueType } from "../wasm/contract.ts";
import type { Row, SqlValue } from "./committer.ts";
import { errorMessage } from "./files.ts";

/** A function: a name bound to an image, with everything that calling it needs to know. */
export type FunctionRecord = {
  readonly namespace: string;
  readonly name: string;
  /** The reference as it was given at deploy. */
  readonly image: string;
  /** What the reference resolved to; pulling by it gives the same image again. */
  readonly imageDigest: Digest;
  readonly moduleDigest: Digest;
  readonly moduleSizeBytes: number;
  readonly wasiCap: boolean;
  readonly contract: Contract;
  /** Only those that the deploy asked for; the gateway's own hold for the others. */
  readonly limits: { readonly memoryBytes?: number; readonly timeoutMs?: number };
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** ISO 8601 as toISOString() writes it, so that text order is time order. */
  readonly createdAt: string;
  readonly updatedAt: string;
};

/** The columns of the table, in the order of toValues(). */
export const columns = [
  "namespace",
  "name",
  "image",
  "image_digest",
  "module_digest",
  "module_size_bytes",
  "wasi_cap",
  "contract",
  "limits",
  "env",
  "labels",
  "created_at",
  "updated_at",
] as const;

type Column = (typeof columns)[number];

/** Lays a record out as one row's values. */
export function toValues(record: FunctionRecord): readonly SqlValue[] {
  const row: Record<Column, SqlValue> = {
    namespace: record.namespace,
    name: record.name,
    image: record.image,
    image_digest: record.imageDigest,
    module_digest: record.moduleDigest,
    module_size_bytes: record.moduleSizeBytes,
    wasi_cap: record.wasiCap ? 1 : 0,
    contract: JSON.stringify(record.contract),
    limits: JSON.stringify(record.limits),
    env: JSON.stringify(record.env),
    labels: JSON.stringify(record.labels),
    created_at: record.createdAt,
    updated_at: record.updatedAt,
  };
  return columns.map((column) => row[column]);
}

/**
 * Reads a row; the record is frozen, all of it.
 * @throws {Error} naming the column that holds something else than it should
 */
export function fromRow(row: Row): FunctionRecord {
  const cell = <T>(column: Column, read: (value: unknown) => T): T => {
    try {
      return read(row[column]);
    } catch (error) {
      throw new Error(`column ${column}: ${errorMessage(error)}`, { cause: error });
    }
  };
  const limits = cell("limits", (value) => fieldsOf(parsed(value)));
  return Object.freeze({
    namespace: cell("namespace", text),
    name: cell("name", text),
    image: cell("image", text),
    imageDigest: cell("image_digest", digest),
    moduleDigest: cell("module_digest", digest),
    moduleSizeBytes: cell("module_size_bytes", count),
    wasiCap: cell("wasi_cap", (value) => oneOf(value, [0, 1]) === 1),
    contract: cell("contract", (value) => Object.freeze(contract(parsed(value)))),
    limits: cell("limits", () =>
      Object.freeze({
        ...(limits["memoryBytes"] === undefined ? {} : { memoryBytes: count(limits["memoryBytes"]) }),
        ...(limits["timeoutMs"] === undefined ? {} : { timeoutMs: count(limits["timeoutMs"]) }),
      }),
    ),
    env: cell("env", (value) => texts(parsed(value))),
    labels: cell("labels", (value) => texts(parsed(value))),
    createdAt: cell("created_at", time),
    updatedAt: cell("updated_at", time),
  });
}

/** Returns the module digest of a row that fromRow() refuses, if that column at least is sound. */
export function moduleDigestOf(row: Row): Digest | undefined {
  const value = row["module_digest"];
  return typeof value === "string" && isDigest(value) ? value : undefined;
}

function contract(value: unknown): Contract {
  const fields = fieldsOf(value);
  const base = {
    wasi: oneOf(fields["wasi"], [true, false]),
    ...(fields["initialize"] === undefined ? {} : { initialize: list(fields["initialize"], text) }),
  };
  const kind = oneOf(fields["kind"], ["json-pointer", "wasi-command", "scalars"]);
  switch (kind) {
    case "json-pointer":
      return { ...base, kind, export: text(fields["export"]), returns: oneOf(fields["returns"], ["pair", "packed"]) };
    case "wasi-command":
      return { ...base, kind, export: oneOf(fields["export"], ["_start"]) };
    case "scalars":
      return {
        ...base,
        kind,
        export: text(fields["export"]),
        params: list(fields["params"], valueType),
        results: list(fields["results"], valueType),
      };
  }
}

function parsed(value: unknown): unknown {
  return JSON.parse(text(value));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : refuse("text", value);
}

function digest(value: unknown): Digest {
  return typeof value === "string" && isDigest(value) ? value : refuse("a digest", value);
}

function count(value: unknown): number {
  const whole = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  return whole ? value : refuse("a whole number", value);
}

function time(value: unknown): string {
  const date = new Date(text(value));
  const same = !Number.isNaN(date.getTime()) && date.toISOString() === value;
  return same ? value : refuse("a time such as 2026-01-31T12:00:00.000Z", value);
}

function valueType(value: unknown): ValueType {
  return oneOf(value, ["i32", "i64", "f32", "f64"]);
}

function oneOf<const T>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  return found === undefined ? refuse(allowed.join(" or "), value) : found;
}

function list<T>(value: unknown, read: (item: unknown) => T): readonly T[] {
  return Array.isArray(value) ? Object.freeze(value.map((item) => read(item))) : refuse("a list", value);
}

function texts(value: unknown): Readonly<Record<string, string>> {
  return Object.freeze(Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, item]) => [key, text(item)])));
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? Object.fromEntries(Object.entries(value)) : refuse("an object", value);
}

function refuse(expected: string, value: unknown): never {
  throw new Error(`expected ${expected}, got ${String(JSON.stringify(value)).slice(0, 80)}`);
}
