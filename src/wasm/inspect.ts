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
import type { ExportInfo, External, ImportInfo, MemoryInfo, ModuleInfo } from "./module-info.ts";
import { type SectionName, sectionsOf } from "./sections.ts";
import { type DefinedType, type FunctionType, readTypes } from "./value-types.ts";

export { defaultModuleLimits, type ModuleLimits } from "./limits.ts";
export type { ModuleInfo } from "./module-info.ts";

type Draft = {
  readonly types: DefinedType[];
  readonly imports: ImportInfo[];
  readonly exports: ExportInfo[];
  /** By function index: imported ones first, then the defined ones. */
  readonly functions: FunctionType[];
  readonly memories: MemoryInfo[];
  readonly globals: GlobalType[];
  readonly customSections: string[];
  typeValues: number;
  nameCharacters: number;
  functionCount: number;
  bodyCount: number;
  tableElements: number;
  segmentElements: number;
  passiveSegmentCount: number;
  hasStart: boolean;
};

/** Reads one section's content into the draft. */
type ReadSection = (body: Reader, draft: Draft, limits: ModuleLimits) => void;

const sectionReaders: Readonly<Record<SectionName, ReadSection>> = {
  custom: (body, draft, limits) => {
    const name = body.name("the name of a custom section");
    draft.customSections.push(name);
    countNames(draft, limits, name);
  },
  type: (body, draft, limits) =>
    eachOf(body, "types", limits.types, () => readTypes(body, (type) => addType(type, draft, limits))),
  import: (body, draft, limits) => eachOf(body, "imports", limits.imports, () => addImport(body, draft, limits)),
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
  export: (body, draft, limits) => eachOf(body, "exports", limits.exports, () => addExport(body, draft, limits)),
  start: (body, draft) => {
    body.u32("the index of the start function");
    draft.hasStart = true;
  },
  element: (body, draft, limits) =>
    eachOf(body, "element segments", limits.segments, () => {
      const { mode, elementCount } = readElementSegment(body);
      if (mode === "passive") draft.passiveSegmentCount += 1;
      draft.segmentElements += elementCount;
      hold("elements in its segments", draft.segmentElements, limits.segmentElements);
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
    typeValues: 0,
    nameCharacters: 0,
    functionCount: 0,
    bodyCount: 0,
    tableElements: 0,
    segmentElements: 0,
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
  const hasStructs = draft.types.includes("struct");
  const heap = { hasArrays, hasStructs };
  return { imports, exports, memories, functionCount, hasStart, passiveSegmentCount, ...heap, customSections };
}

function addType(type: DefinedType, draft: Draft, limits: ModuleLimits): void {
  draft.types.push(type);
  hold("types", draft.types.length, limits.types);
  if (typeof type === "string") return;
  draft.typeValues += type.params.length + type.results.length;
  hold("parameters and results in its types", draft.typeValues, limits.typeValues);
}

function countNames(draft: Draft, limits: ModuleLimits, ...names: string[]): void {
  for (const name of names) draft.nameCharacters += name.length;
  hold("characters in its names", draft.nameCharacters, limits.nameCharacters);
}

function addImport(body: Reader, draft: Draft, limits: ModuleLimits): void {
  const { module, name, entry } = readImport(body);
  countNames(draft, limits, module, name);
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

function addExport(body: Reader, draft: Draft, limits: ModuleLimits): void {
  const start = body.offset;
  const { name, kind, index } = readExport(body);
  countNames(draft, limits, name);
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

function eachOf(body: Reader, what: string, limit: number, read: () => void): void {
  for (let left = body.count(what, limit); left > 0; left -= 1) read();
}
