/**
 * Turns the bytes that were deployed into the bytes that run.
 *
 * - Custom sections go: names, debug data, a producer's notes. They are most of many modules and nothing at run time.
 * - Every memory that the module defines becomes an import, so that the host makes it and decides its maximum anew for
 *   each instance: `new WebAssembly.Memory({ initial, maximum })`. The guest's growth past that answers -1.
 * - Every table that the module defines gets a maximum, its own or its share of what all may hold together. Growth past
 *   it answers -1. Tables live in the thread's heap: growing some without bound ended the process, not the thread.
 *
 *   import   a.f  b.g                     import   a.f  b.g  wasmgate.memory0  wasmgate.memory1
 *   memory   (1 2)  (0)          ->       -
 *   export   "memory" = memory 0          export   "memory" = memory 0
 *
 * Memories are numbered imported ones first and the new imports stand last, so no index of anything changes; exports,
 * data segments and the start function keep their meaning. All else is copied byte for byte.
 */
import { GatewayError } from "../errors.ts";
import { type Reader, Writer } from "./binary.ts";
import { type DefinedTable, type Limits, readImport, readMemoryLimits, readTable } from "./entries.ts";
import { defaultModuleLimits as limits } from "./limits.ts";
import { beginModule, sectionIds, type SectionName, sectionOrder, sectionsOf } from "./sections.ts";

/** A memory that the host must bring to an instance. */
export type MemoryImport = {
  readonly module: string;
  readonly name: string;
  /** Pages of 64 KiB that it starts with. */
  readonly minPages: number;
  /** The module's own maximum, which the host's must not exceed; absent when it sets none. The host's must be set. */
  readonly maxPages?: number;
  /** Addressed by i64: to be made with `address: "i64"` and bigints. */
  readonly is64: boolean;
};

/** A module that is ready to be compiled and run. */
export type Prepared = {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One for each memory that the module defined, in their order. */
  readonly memories: readonly MemoryImport[];
};

type KeptSection = { readonly name: SectionName; readonly content: Uint8Array };
type Imports = { readonly count: number; readonly encoded: Uint8Array; readonly modules: ReadonlySet<string> };
type DefinedMemory = { readonly limits: Limits; readonly encoded: Uint8Array };
type MovedMemory = { readonly asks: MemoryImport; readonly encoded: Uint8Array };

const memoryKind = 2;

/**
 * Rewrites a module to run under a host's bounds. The bytes need not have been inspected; the default limits hold for
 * what is rewritten.
 * @throws {GatewayError} MODULE_INVALID, IMAGE_UNSUPPORTED (a component), MODULE_UNSUPPORTED (a shared memory: the host
 * cannot give it a maximum of its own, and no guest of ours has a second thread)
 */
export function prepare(bytes: Uint8Array): Prepared {
  const kept: KeptSection[] = [];
  let imports: Imports = { count: 0, encoded: new Uint8Array(0), modules: new Set() };
  let defined: DefinedMemory[] = [];
  for (const { name, body } of sectionsOf(bytes)) {
    if (name === "import") imports = readImports(body);
    else if (name === "memory") defined = readMemories(body);
    else if (name === "table") kept.push({ name, content: boundedTables(body) });
    else if (name !== "custom") kept.push({ name, content: body.rest() });
  }
  const module = unusedName("wasmgate", imports.modules);
  const moved = defined.map(({ limits: { min, max, is64 }, encoded }, index): MovedMemory => {
    const maximum = max === undefined ? {} : { maxPages: max };
    return { encoded, asks: { module, name: `memory${index}`, minPages: min, ...maximum, is64 } };
  });
  kept.push({ name: "import", content: importSection(imports, moved) });
  kept.sort((left, right) => sectionOrder.indexOf(left.name) - sectionOrder.indexOf(right.name));
  const writer = beginModule();
  for (const { name, content } of kept) writer.section(sectionIds[name], content);
  return { bytes: writer.finish(), memories: moved.map(({ asks }) => asks) };
}

function readImports(body: Reader): Imports {
  const modules = new Set<string>();
  const count = body.count("imports", limits.imports);
  const start = body.offset;
  for (let left = count; left > 0; left -= 1) modules.add(readImport(body).module);
  body.end("the import section");
  return { count, encoded: body.since(start), modules };
}

function readMemories(body: Reader): DefinedMemory[] {
  const memories = body.vector("memories", limits.memories, () => {
    const start = body.offset;
    const memory = readMemoryLimits(body);
    if (memory.shared) {
      throw new GatewayError("MODULE_UNSUPPORTED", "the module defines a shared memory; build it without threads");
    }
    return { limits: memory, encoded: body.since(start) };
  });
  body.end("the memory section");
  return memories;
}

/** Writes the tables as they were, except that each has a maximum. */
export function boundedTables(body: Reader): Uint8Array {
  const tables = body.vector("tables", limits.tables, readTable);
  body.end("the table section");
  const growing = tables.filter(({ limits: { min, max = Infinity } }) => max > min).length;
  const spare = tables.reduce((left, table) => left - table.limits.min, limits.tableElements);
  const share = Math.max(0, Math.floor(spare / Math.max(1, growing)));
  const writer = new Writer().u32(tables.length);
  for (const table of tables) writeTable(writer, table, table.limits.min + share);
  return writer.finish();
}

function writeTable(writer: Writer, table: DefinedTable, mostElements: number): void {
  const { min, max = Infinity, is64 } = table.limits;
  writer.bytes(table.before).byte(is64 ? 5 : 1);
  writer.u32(min).u32(Math.min(max, mostElements)).bytes(table.behind);
}

/** Writes the imports as they were, then one for each memory, whose type is copied as it was written. */
function importSection(imports: Imports, moved: readonly MovedMemory[]): Uint8Array {
  const writer = new Writer().u32(imports.count + moved.length).bytes(imports.encoded);
  for (const { asks, encoded } of moved) writer.name(asks.module).name(asks.name).byte(memoryKind).bytes(encoded);
  return writer.finish();
}

/** Returns a name, or it with a number behind it, that is not taken. */
export function unusedName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let number = 1; taken.has(name); number += 1) name = `${wanted}${number}`;
  return name;
}
