/**
 * Makes all that a module keeps between calls readable from outside, so that two instances can be compared: what changes
 * of the module are its exports alone.
 *
 *   mutable global of numbers     a new function that returns its bits: exact for NaN and for v128
 *   mutable global of references  exported as it is
 *   memories, tables              exported as they are
 *
 * Types, functions and exports are appended, so no index of anything moves. Which segments were dropped stays hidden, for
 * no instruction tells.
 */
import { type Code, functionBody, getGlobal } from "./assembler.ts";
import { Reader, Writer } from "./binary.ts";
import { passConstantExpression } from "./constant-expression.ts";
import { type ExternalKind, readExport, readImport, readMemoryLimits, readTable } from "./entries.ts";
import { beginModule, sectionIds, type SectionName, sectionOrder, sectionsOf } from "./sections.ts";
import { readMutability, readTypes, readValueType } from "./value-types.ts";

/** Names under which a module's state is exported. */
export type StateNames = {
  /** Functions, one for each mutable global of numbers. */
  readonly numbers: readonly string[];
  /** Mutable globals that hold references. */
  readonly references: readonly string[];
  readonly tables: readonly string[];
  readonly memories: readonly string[];
};

type Sections = Map<SectionName, Uint8Array>;
type Global = { readonly type: string; readonly index: number };
type Exported = { readonly name: string; readonly kind: ExternalKind; readonly index: number };

/** How many entries each index space has, and what of them concerns us. */
type Contents = {
  readonly counts: Record<ExternalKind | "type", number>;
  readonly mutable: Global[];
  readonly exportNames: Set<string>;
};

const kindBytes: Record<ExternalKind, number> = { function: 0, table: 1, memory: 2, global: 3, tag: 4 };
const i32 = 0x7f;
const i64 = 0x7e;
const lane = (global: number, number: number): Code => [getGlobal(global), 0xfd, 0x1d, number]; // i64x2.extract_lane

/** By type of a global: the type of its bits, how many there are of it, and the code that makes them. */
const bitsOf: Readonly<Record<string, readonly [type: number, count: number, code: (global: number) => Code]>> = {
  i32: [i32, 1, getGlobal],
  i64: [i64, 1, getGlobal],
  f32: [i32, 1, (global) => [getGlobal(global), 0xbc]], // i32.reinterpret_f32
  f64: [i64, 1, (global) => [getGlobal(global), 0xbd]], // i64.reinterpret_f64
  v128: [i64, 2, (global) => [lane(global, 0), lane(global, 1)]],
};

/**
 * Exports a module's state. The start function, if there is one, stays.
 * @throws {GatewayError} MODULE_INVALID, IMAGE_UNSUPPORTED (a component)
 */
export function exportState(bytes: Uint8Array): { bytes: Uint8Array<ArrayBuffer>; names: StateNames } {
  const sections: Sections = new Map();
  for (const { name, body } of sectionsOf(bytes)) if (name !== "custom") sections.set(name, body.rest());
  const { counts, mutable, exportNames } = read(sections);
  let prefix = "state";
  while ([...exportNames].some((name) => name.startsWith(prefix))) prefix += "'";
  const numbers = mutable.filter(({ type }) => bitsOf[type] !== undefined);
  const references = mutable.filter(({ type }) => bitsOf[type] === undefined);
  const entry = (kind: ExternalKind, index: number): Exported => ({ name: `${prefix} ${kind} ${index}`, kind, index });
  const names = {
    numbers: numbers.map(({ index }, place): Exported => {
      return { ...entry("global", index), kind: "function", index: counts.function + place };
    }),
    references: references.map(({ index }) => entry("global", index)),
    tables: [...Array(counts.table).keys()].map((index) => entry("table", index)),
    memories: [...Array(counts.memory).keys()].map((index) => entry("memory", index)),
  };
  append(sections, "type", numbers.map(getterType)); // prettier-ignore
  append(sections, "function", numbers.map((_, place) => new Writer().u32(counts.type + place))); // prettier-ignore
  append(sections, "code", numbers.map(getterCode)); // prettier-ignore
  append(sections, "export", Object.values(names).flat().map(exportEntry)); // prettier-ignore
  return { bytes: write(sections), names: mapValues(names) };
}

function mapValues(entries: Record<keyof StateNames, readonly Exported[]>): StateNames {
  const named = (key: keyof StateNames): string[] => entries[key].map(({ name }) => name);
  return {
    numbers: named("numbers"),
    references: named("references"),
    tables: named("tables"),
    memories: named("memories"),
  };
}

function read(sections: Sections): Contents {
  const counts = { function: 0, table: 0, memory: 0, global: 0, tag: 0, type: 0 };
  const mutable: Global[] = [];
  const exportNames = new Set<string>();
  const each = (section: SectionName, readOne: (reader: Reader) => void): void => {
    new Reader(sections.get(section) ?? new Uint8Array(1)).vector(section, Infinity, readOne);
  };
  const count = (kind: keyof typeof counts): void => void (counts[kind] += 1);
  each("type", (reader) => readTypes(reader, () => count("type")));
  each("import", (reader) => count(readImport(reader).entry.kind));
  each("function", (reader) => [reader.u32("a type index"), count("function")]);
  each("table", (reader) => [readTable(reader), count("table")]);
  each("memory", (reader) => [readMemoryLimits(reader), count("memory")]);
  each("global", (reader) => {
    const type = readValueType(reader);
    if (readMutability(reader)) mutable.push({ type, index: counts.global });
    passConstantExpression(reader);
    count("global");
  });
  each("export", (reader) => exportNames.add(readExport(reader).name));
  return { counts, mutable, exportNames };
}

function getterType({ type }: Global): Writer {
  const [bits = i32, count = 0] = bitsOf[type] ?? [];
  return new Writer().bytes([0x60, 0, count]).bytes(Array<number>(count).fill(bits));
}

function getterCode({ type, index }: Global): Writer {
  const body = functionBody([], bitsOf[type]?.[2](index) ?? []);
  return new Writer().u32(body.length).bytes(body);
}

function exportEntry({ name, kind, index }: Exported): Writer {
  return new Writer().name(name).byte(kindBytes[kind]).u32(index);
}

/** Puts entries behind those of a section. */
function append(sections: Sections, section: SectionName, entries: readonly Writer[]): void {
  if (entries.length === 0) return;
  const before = new Reader(sections.get(section) ?? new Uint8Array(1));
  const writer = new Writer().u32(before.count(section) + entries.length).bytes(before.rest());
  for (const entry of entries) writer.bytes(entry.view());
  sections.set(section, writer.finish());
}

function write(sections: Sections): Uint8Array<ArrayBuffer> {
  const writer = beginModule();
  for (const name of sectionOrder) {
    const content = sections.get(name);
    if (content !== undefined) writer.section(sectionIds[name], content);
  }
  return writer.finish();
}
