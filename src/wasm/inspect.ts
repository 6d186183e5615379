/**
 * What can be known of a module without running it: what it asks for, what it offers, how large it is.
 *
 * Reads every section down to its entries, but no instructions: whether function bodies are valid is established when
 * the engine compiles them. What the engine accepts is accepted here, up to the limits below. One pass, linear in time
 * and memory; the bytes may be hostile.
 */
import { invalidModule, type Reader } from "./binary.ts";
import {
  type GlobalType,
  type ImportedEntry,
  type Limits,
  readBody,
  readDataSegment,
  readElementSegment,
  readExport,
  readGlobal,
  readImport,
  readMemoryLimits,
  readTable,
  readTag,
} from "./entries.ts";
import { hold, type ModuleLimits } from "./limits.ts";
import { type SectionName, sectionsOf } from "./sections.ts";
import { type DefinedType, type FunctionType, readTypes } from "./value-types.ts";

export { defaultModuleLimits, type ModuleLimits } from "./limits.ts";

/** A memory of a module, in pages of 64 KiB. */
export type MemoryInfo = {
  readonly minPages: number;
  /** Absent when the module leaves growth to the host. */
  readonly maxPages?: number;
  readonly shared: boolean;
  /** Addressed by i64. */
  readonly is64: boolean;
  readonly imported: boolean;
};

/** Something that passes between a module and its host. */
export type External =
  | { readonly kind: "function"; readonly type: FunctionType }
  | { readonly kind: "memory"; readonly memory: MemoryInfo }
  | ({ readonly kind: "global" } & GlobalType)
  | { readonly kind: "table" }
  | { readonly kind: "tag" };

export type ImportInfo = { readonly module: string; readonly name: string } & External;
export type ExportInfo = { readonly name: string } & External;

/** Facts about a module. */
export type ModuleInfo = {
  readonly imports: readonly ImportInfo[];
  readonly exports: readonly ExportInfo[];
  /** Imported ones first, as the module counts them. */
  readonly memories: readonly MemoryInfo[];
  /** Functions that the module defines. */
  readonly functionCount: number;
  /** A start function runs at every instantiation. */
  readonly hasStart: boolean;
  /** Data and element segments that instructions can still read after instantiation. */
  readonly passiveSegmentCount: number;
  /** It can make garbage-collected arrays, of any size. */
  readonly hasArrays: boolean;
  /** Names of the custom sections in their order; the same name may come several times. */
  readonly customSections: readonly string[];
};

type Draft = {
  readonly types: DefinedType[];
  readonly imports: ImportInfo[];
  readonly exports: ExportInfo[];
  /** By function index: imported ones first, then the defined ones. */
  readonly functions: FunctionType[];
  readonly memories: MemoryInfo[];
  readonly globals: GlobalType[];
  readonly customSections: string[];
  functionCount: number;
  bodyCount: number;
  tableElements: number;
  passiveSegmentCount: number;
  hasStart: boolean;
};

/** Reads one section's content into the draft. */
type ReadSection = (body: Reader, draft: Draft, limits: ModuleLimits) => void;

const sectionReaders: Readonly<Record<SectionName, ReadSection>> = {
  custom: (body, draft) => void draft.customSections.push(body.name("the name of a custom section")),
  type: (body, { types }, limits) => {
    for (let left = countOf(body, "types", limits.types); left > 0; left -= 1) {
      readTypes(body, types);
      hold("types", types.length, limits.types);
    }
  },
  import: (body, draft, limits) => eachOf(body, "imports", limits.imports, () => addImport(body, draft)),
  function: (body, draft, limits) =>
    eachOf(body, "functions", limits.functions, () => {
      draft.functions.push(readTypeUse(body, draft));
      draft.functionCount += 1;
    }),
  table: (body, draft, limits) =>
    eachOf(body, "tables", limits.tables, () => {
      draft.tableElements += readTable(body).limits.min;
      hold("table elements", draft.tableElements, limits.tableElements);
    }),
  memory: (body, { memories }, limits) =>
    eachOf(body, "memories", limits.memories, () => memories.push(memoryInfo(readMemoryLimits(body), false))),
  tag: (body, _draft, limits) => eachOf(body, "tags", limits.types, () => readTag(body)),
  global: (body, { globals }, limits) => eachOf(body, "globals", limits.globals, () => globals.push(readGlobal(body))),
  export: (body, draft, limits) => eachOf(body, "exports", limits.exports, () => addExport(body, draft)),
  start: (body, draft) => {
    body.u32("the index of the start function");
    draft.hasStart = true;
  },
  element: (body, draft, limits) =>
    eachOf(body, "element segments", limits.segments, () => {
      if (readElementSegment(body) === "passive") draft.passiveSegmentCount += 1;
    }),
  dataCount: (body) => void body.u32("the number of data segments"),
  code: (body, draft, limits) =>
    eachOf(body, "function bodies", limits.functions, () => {
      const { sizeBytes, localCount } = readBody(body);
      hold(`bytes in the body of function ${draft.bodyCount}`, sizeBytes, limits.bodyBytes);
      hold(`locals in function ${draft.bodyCount}`, localCount, limits.localsPerFunction);
      draft.bodyCount += 1;
    }),
  data: (body, draft, limits) =>
    eachOf(body, "data segments", limits.segments, () => {
      if (readDataSegment(body) === "passive") draft.passiveSegmentCount += 1;
    }),
};

/**
 * Reads the facts about a module.
 * @throws {GatewayError} MODULE_INVALID, IMAGE_UNSUPPORTED when the bytes are a component
 */
export function inspect(bytes: Uint8Array, limits: ModuleLimits): ModuleInfo {
  const draft: Draft = {
    types: [],
    imports: [],
    exports: [],
    functions: [],
    memories: [],
    globals: [],
    customSections: [],
    functionCount: 0,
    bodyCount: 0,
    tableElements: 0,
    passiveSegmentCount: 0,
    hasStart: false,
  };
  let sectionCount = 0;
  for (const { name, body } of sectionsOf(bytes)) {
    hold("sections", (sectionCount += 1), limits.sections);
    sectionReaders[name](body, draft, limits);
    if (name !== "custom") body.end(`the ${name} section`);
  }
  if (draft.bodyCount !== draft.functionCount) {
    throw invalidModule(bytes.length, `${draft.functionCount} function bodies`, String(draft.bodyCount));
  }
  hold("memories", draft.memories.length, limits.memories);
  const { imports, exports, memories, functionCount, hasStart, passiveSegmentCount, customSections } = draft;
  const hasArrays = draft.types.includes("array");
  return { imports, exports, memories, functionCount, hasStart, passiveSegmentCount, hasArrays, customSections };
}

function addImport(body: Reader, draft: Draft): void {
  const { module, name, entry } = readImport(body);
  draft.imports.push({ module, name, ...importedExternal(entry, body, draft) });
}

/** Gives an import its place in the index spaces. */
function importedExternal(entry: ImportedEntry, body: Reader, draft: Draft): External {
  switch (entry.kind) {
    case "function": {
      const type = functionType(entry.typeIndex, body, draft);
      draft.functions.push(type);
      return { kind: entry.kind, type };
    }
    case "memory": {
      const memory = memoryInfo(entry.limits, true);
      draft.memories.push(memory);
      return { kind: entry.kind, memory };
    }
    case "global":
      draft.globals.push(entry);
      return entry;
    case "table":
    case "tag":
      return { kind: entry.kind };
  }
}

function addExport(body: Reader, draft: Draft): void {
  const start = body.offset;
  const { name, kind, index } = readExport(body);
  const external = exported(kind, index, draft);
  if (external === undefined) throw invalidModule(start, `the index of a ${kind}`, String(index));
  draft.exports.push({ name, ...external });
}

function exported(kind: External["kind"], index: number, draft: Draft): External | undefined {
  switch (kind) {
    case "function": {
      const type = draft.functions[index];
      return type && { kind, type };
    }
    case "memory": {
      const memory = draft.memories[index];
      return memory && { kind, memory };
    }
    case "global": {
      const global = draft.globals[index];
      return global && { kind, valueType: global.valueType, mutable: global.mutable };
    }
    case "table":
    case "tag":
      return { kind };
  }
}

function memoryInfo({ min, max, shared, is64 }: Limits, imported: boolean): MemoryInfo {
  return { minPages: min, ...(max === undefined ? {} : { maxPages: max }), shared, is64, imported };
}

function readTypeUse(body: Reader, draft: Draft): FunctionType {
  return functionType(body.u32("a type index"), body, draft);
}

function functionType(index: number, body: Reader, { types }: Draft): FunctionType {
  const type = types[index];
  if (typeof type === "object") return type;
  throw invalidModule(body.offset, "the index of a function type", `${index} (${type ?? "undefined"})`);
}

function countOf(body: Reader, what: string, limit: number): number {
  const count = body.count(what);
  hold(what, count, limit);
  return count;
}

function eachOf(body: Reader, what: string, limit: number, read: () => void): void {
  for (let left = countOf(body, what, limit); left > 0; left -= 1) read();
}
