/**
 * Takes a module apart as far as the rewriter needs it: each section's content as it is, and the facts about the index
 * spaces to whose ends it adds. Function bodies are not read here. Linear; bounded by the default limits.
 */
import { invalidModule, type Reader } from "./binary.ts";
import { type ImportedEntry, type Limits, readExport, readGlobal, readImport, readMemoryLimits } from "./entries.ts";
import { defaultModuleLimits as limits } from "./limits.ts";
import { type SectionName, sectionsOf } from "./sections.ts";
import { type DefinedType, readTypes } from "./value-types.ts";

/** How many values a function takes and gives. */
export type Arity = { readonly params: number; readonly results: number };

/** A memory that the module defines, and the bytes that say so. */
export type DefinedMemory = { readonly limits: Limits; readonly encoded: Uint8Array };

/** A mutable global that the module defines: its type and initial value as they were written. */
export type MutableGlobal = { readonly index: number; readonly encoded: Uint8Array };

/** A module taken apart. Counts are of whole index spaces, what is imported included. */
export type ModuleParts = {
  /** The content of each section but the custom ones. */
  readonly sections: Map<SectionName, Uint8Array>;
  readonly types: DefinedType[];
  readonly imports: { readonly module: string; readonly entry: ImportedEntry }[];
  /** By function index, the index of its type. */
  readonly functions: number[];
  readonly memories: DefinedMemory[];
  readonly globals: { count: number; readonly mutable: MutableGlobal[] };
  readonly exportNames: Set<string>;
  start: number | undefined;
  /** Stands before the number of function bodies. */
  code: Reader | undefined;
};

type ReadSection = (body: Reader, parts: ModuleParts) => void;

const readers: Readonly<Partial<Record<SectionName, ReadSection>>> = {
  type: (body, { types }) => each(body, "types", limits.types, () => readTypes(body, (type) => types.push(type))),
  import: (body, parts) => each(body, "imports", limits.imports, () => addImport(body, parts)),
  function: (body, { functions }) =>
    each(body, "functions", limits.functions, () => functions.push(body.u32("a type index"))),
  memory: (body, { memories }) =>
    each(body, "memories", limits.memories, () => {
      const start = body.offset;
      memories.push({ limits: readMemoryLimits(body), encoded: body.since(start) });
    }),
  global: (body, { globals }) =>
    each(body, "globals", limits.globals, () => {
      const start = body.offset;
      if (readGlobal(body).mutable) globals.mutable.push({ index: globals.count, encoded: body.since(start) });
      globals.count += 1;
    }),
  export: (body, { exportNames }) =>
    each(body, "exports", limits.exports, () => exportNames.add(readExport(body).name)),
  start: (body, parts) => {
    parts.start = body.u32("the index of the start function");
  },
};

/**
 * Takes a module apart.
 * @throws {GatewayError} MODULE_INVALID, IMAGE_UNSUPPORTED (a component)
 */
export function takeApart(bytes: Uint8Array): ModuleParts {
  const parts: ModuleParts = {
    sections: new Map(),
    types: [],
    imports: [],
    functions: [],
    memories: [],
    globals: { count: 0, mutable: [] },
    exportNames: new Set(),
    start: undefined,
    code: undefined,
  };
  for (const { name, body } of sectionsOf(bytes)) {
    if (name === "custom") continue;
    parts.sections.set(name, body.rest());
    if (name === "code") parts.code = body;
    readers[name]?.(body, parts);
  }
  return parts;
}

/** Returns the arity of a function by its index. */
export function arityOf(parts: ModuleParts, functionIndex: number): Arity {
  return arityOfType(parts, parts.functions[functionIndex]);
}

function arityOfType({ types }: ModuleParts, index: number | undefined): Arity {
  const type = index === undefined ? undefined : types[index];
  if (typeof type !== "object") throw invalidModule(0, "the index of a function type", String(index));
  return { params: type.params.length, results: type.results.length };
}

function addImport(body: Reader, parts: ModuleParts): void {
  const { module, entry } = readImport(body);
  parts.imports.push({ module, entry });
  if (entry.kind === "function") parts.functions.push(entry.typeIndex);
  if (entry.kind === "global") parts.globals.count += 1;
}

function each(body: Reader, what: string, limit: number, read: () => void): void {
  for (let left = body.count(what, limit); left > 0; left -= 1) read();
  body.end(`the ${what}`);
}
