/**
 * The entries of each section: one function reads one import, one table, one export, one function body.
 * https://webassembly.github.io/spec/core/binary/modules.html (3.0)
 *
 * Flags and kinds are those that Node 26 accepts; custom page sizes, compact imports and shared globals, which it
 * refuses, are refused here as well. Indices are read, not resolved.
 */
import { invalidModule, type Reader } from "./binary.ts";
import { passConstantExpression } from "./constant-expression.ts";
import { readMutability, readReferenceType, readValueType } from "./value-types.ts";

/** How large a memory (in pages of 64 KiB) or a table (in elements) is and may become. */
export type Limits = {
  readonly min: number;
  /** Absent when only the engine bounds it. Of a 64-bit table it is exact up to 2^53. */
  readonly max?: number;
  readonly shared: boolean;
  /** Addressed by i64. */
  readonly is64: boolean;
};

/** What an import asks for, its type by index where the format does so. */
export type ImportedEntry =
  | { readonly kind: "function"; readonly typeIndex: number }
  | { readonly kind: "table"; readonly limits: Limits }
  | { readonly kind: "memory"; readonly limits: Limits }
  | ({ readonly kind: "global" } & GlobalType)
  | { readonly kind: "tag" };

export type ExternalKind = ImportedEntry["kind"];
export type GlobalType = { readonly valueType: string; readonly mutable: boolean };

/** How a segment reaches its memory or table: at instantiation, by an instruction, or never (declared for ref.func). */
export type SegmentMode = "active" | "passive" | "declarative";

const externalKinds: readonly ExternalKind[] = ["function", "table", "memory", "global", "tag"];

export function readImport(reader: Reader): { module: string; name: string; entry: ImportedEntry } {
  const module = reader.name("an import's module name");
  const name = reader.name("an import's name");
  return { module, name, entry: readImportedEntry(reader) };
}

function readImportedEntry(reader: Reader): ImportedEntry {
  const kind = readExternalKind(reader);
  switch (kind) {
    case "function":
      return { kind, typeIndex: reader.u32("a type index") };
    case "table":
      readReferenceType(reader);
      return { kind, limits: readTableLimits(reader) };
    case "memory":
      return { kind, limits: readMemoryLimits(reader) };
    case "global":
      return { kind, ...readGlobalType(reader) };
    case "tag":
      readTag(reader);
      return { kind };
  }
}

export function readExport(reader: Reader): { name: string; kind: ExternalKind; index: number } {
  const name = reader.name("an export's name");
  return { name, kind: readExternalKind(reader), index: reader.u32("an index") };
}

function readExternalKind(reader: Reader): ExternalKind {
  const start = reader.offset;
  const byte = reader.byte("the kind of an import or export");
  const kind = externalKinds[byte];
  if (kind === undefined) throw invalidModule(start, "a kind from 0 to 4 (function … tag)", String(byte));
  return kind;
}

/** A table that a module defines. */
export type DefinedTable = {
  readonly limits: Limits;
  /** What the section writes before the limits and behind them: the type of the elements, and what they start as. */
  readonly before: Uint8Array;
  readonly behind: Uint8Array;
};

/** Reads a defined table. */
export function readTable(reader: Reader): DefinedTable {
  const start = reader.offset;
  const filled = reader.peek("a table") === 0x40;
  if (filled) {
    reader.byte("a table");
    const reserved = reader.byte("a reserved 0");
    if (reserved !== 0) throw invalidModule(start + 1, "a reserved 0", String(reserved));
  }
  readReferenceType(reader);
  const before = reader.since(start);
  const limits = readTableLimits(reader);
  const limitsEnd = reader.offset;
  if (filled) passConstantExpression(reader);
  return { limits, before, behind: reader.since(limitsEnd) };
}

function readTableLimits(reader: Reader): Limits {
  return readLimits(reader, "a table", [0, 1, 4, 5]);
}

/** Reads the type of a memory. */
export function readMemoryLimits(reader: Reader): Limits {
  return readLimits(reader, "a memory", [0, 1, 3, 4, 5, 7]); // a shared one (2) needs a maximum (1)
}

function readLimits(reader: Reader, what: string, allowed: readonly number[]): Limits {
  const start = reader.offset;
  const flags = reader.byte(`the limits of ${what}`);
  if (!allowed.includes(flags)) {
    throw invalidModule(start, `limits of ${what} with flags ${allowed.join(", ")}`, `flags ${flags}`);
  }
  const is64 = (flags & 4) !== 0;
  const read = (which: string): number => (is64 ? reader.u64(which) : reader.u32(which));
  const min = read(`the minimum of ${what}`);
  const shape = { min, shared: (flags & 2) !== 0, is64 };
  return (flags & 1) === 0 ? shape : { ...shape, max: read(`the maximum of ${what}`) };
}

export function readTag(reader: Reader): void {
  const start = reader.offset;
  const attribute = reader.byte("a tag");
  if (attribute !== 0) throw invalidModule(start, "a tag with attribute 0 (exception)", String(attribute));
  reader.u32("a type index");
}

/** Reads a defined global and passes over what it starts with. */
export function readGlobal(reader: Reader): GlobalType {
  const type = readGlobalType(reader);
  passConstantExpression(reader);
  return type;
}

function readGlobalType(reader: Reader): GlobalType {
  const valueType = readValueType(reader);
  return { valueType, mutable: readMutability(reader) };
}

/** Reads an element segment and passes over its elements, which it counts. */
export function readElementSegment(reader: Reader): { readonly mode: SegmentMode; readonly elementCount: number } {
  const start = reader.offset;
  const flags = reader.u32("the flags of an element segment");
  if (flags > 7) throw invalidModule(start, "an element segment with flags 0 to 7", String(flags));
  const active = (flags & 1) === 0;
  const explicit = (flags & 2) !== 0; // of an active segment: it names its table; of another: it is declarative
  const expressions = (flags & 4) !== 0;
  if (active) {
    if (explicit) reader.u32("a table index");
    passConstantExpression(reader);
  }
  if (!active || explicit) readElementType(reader, expressions);
  const elementCount = reader.count("elements");
  for (let left = elementCount; left > 0; left -= 1) {
    if (expressions) passConstantExpression(reader);
    else reader.u32("a function index");
  }
  if (active) return { mode: "active", elementCount };
  return { mode: explicit ? "declarative" : "passive", elementCount };
}

function readElementType(reader: Reader, expressions: boolean): void {
  if (expressions) {
    readReferenceType(reader);
    return;
  }
  const start = reader.offset;
  const kind = reader.byte("an element kind");
  if (kind !== 0) throw invalidModule(start, "element kind 0 (function)", String(kind));
}

/** Reads a data segment and passes over its bytes. */
export function readDataSegment(reader: Reader): SegmentMode {
  const start = reader.offset;
  const flags = reader.u32("the flags of a data segment");
  if (flags > 2) throw invalidModule(start, "a data segment with flags 0, 1 or 2", String(flags));
  if (flags === 2) reader.u32("a memory index");
  if (flags !== 1) passConstantExpression(reader);
  reader.skip(reader.u32("the size of a data segment"), "a data segment");
  return flags === 1 ? "passive" : "active";
}

/** One function's code. */
export type Body = {
  readonly sizeBytes: number;
  /** Declared locals, parameters not among them; exact up to 2^53, which is more than any engine takes. */
  readonly localCount: number;
  /** The instructions, up to and with the last `end`. */
  readonly instructions: Reader;
};

/** Reads a function body as far as its instructions. */
export function readBody(reader: Reader): Body {
  const body = reader.window(reader.u32("the size of a function body"), "a function body");
  const sizeBytes = body.remaining;
  let localCount = 0;
  for (let left = body.count("groups of locals"); left > 0; left -= 1) {
    localCount += body.u32("a number of locals");
    readValueType(body);
  }
  return { sizeBytes, localCount, instructions: body };
}
