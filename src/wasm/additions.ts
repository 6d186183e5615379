/** What the rewriter adds to a module's sections, entry by entry, and the module made of them again. */
import { Reader, Writer } from "./binary.ts";
import type { Injected, Layout } from "./injected.ts";
import type { ModuleParts } from "./module-parts.ts";
import { boundedTables } from "./prepare.ts";
import type { Rewritten } from "./rewritten.ts";
import { beginModule, sectionIds, type SectionName, sectionOrder } from "./sections.ts";

/** Entries to add at the end of a section. */
export type Entries = { readonly count: number; readonly content: Uint8Array };

const i32Type = 0x7f;
const functionForm = 0x60;
const kinds = { function: 0, memory: 2, global: 3 } as const;
/** Limits of what a host brings: the flag, one shared page; marks, a page or more; the arena, shared, of any size. */
const flagLimits = [3, 1, 1];
const marksLimits = [0, 1];
const arenaLimits = [3, 0, 0x80, 0x80, 4];

/** The content of a module's sections by name, in pieces that are put together only at the end. */
export class Sections {
  readonly #pieces = new Map<SectionName, readonly Uint8Array[]>();

  constructor(contents: ReadonlyMap<SectionName, Uint8Array>) {
    for (const [name, content] of contents) this.set(name, content);
  }

  set(name: SectionName, ...pieces: Uint8Array[]): void {
    this.#pieces.set(name, pieces);
  }

  drop(name: SectionName): void {
    this.#pieces.delete(name);
  }

  /** Adds entries to a section that is in one piece; makes it when the module has none. */
  append(name: SectionName, { count, content }: Entries): void {
    const [whole = new Uint8Array([0])] = this.#pieces.get(name) ?? [];
    const reader = new Reader(whole);
    const total = reader.u32("the number of entries") + count;
    this.set(name, new Writer().u32(total).finish(), reader.rest(), content);
  }

  /** Gives every table a maximum. */
  boundTables(): void {
    const [tables] = this.#pieces.get("table") ?? [];
    if (tables !== undefined) this.set("table", boundedTables(new Reader(tables)));
  }

  finish(): Uint8Array<ArrayBuffer> {
    const sizes = [...this.#pieces.values()].map(sizeOf);
    const writer = beginModule(sizes.reduce((sum, size) => sum + size, headerBytes * (1 + sizes.length)));
    for (const name of sectionOrder) {
      const pieces = this.#pieces.get(name);
      if (pieces === undefined) continue;
      writer.byte(sectionIds[name]).u32(sizeOf(pieces));
      for (const piece of pieces) writer.bytes(piece);
    }
    return writer.finish();
  }
}

/** As many bytes as a module's header has, or a section's at most. */
const headerBytes = 8;

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** Makes one new type for each shape of an injected function, and the type of each of them. */
export function typesOf(injected: readonly Injected[], firstType: number): { entries: Entries; uses: Entries } {
  const shapes = new Map<string, number>();
  const types = new Writer();
  const uses = new Writer();
  for (const { params, results } of injected) {
    const shape = `${params} ${results}`;
    const type = shapes.get(shape) ?? firstType + shapes.size;
    if (!shapes.has(shape)) types.byte(functionForm).bytes(values(params)).bytes(values(results));
    shapes.set(shape, type);
    uses.u32(type);
  }
  return {
    entries: { count: shapes.size, content: types.finish() },
    uses: { count: injected.length, content: uses.finish() },
  };
}

function values(count: number): number[] {
  return [count, ...Array<number>(count).fill(i32Type)];
}

/** Writes the imported memories in the order of their indices; the guest's has the type that it was defined with. */
export function importEntries(
  { memories }: ModuleParts,
  { module, memory, flag, marks, arena }: Rewritten["imports"],
): Entries {
  const wanted: (readonly [name: string | undefined, limits: ArrayLike<number>])[] = [
    [memory?.name, memories[0]?.encoded ?? []],
    [flag, flagLimits],
    [marks, marksLimits],
    [arena, arenaLimits],
  ];
  const writer = new Writer();
  let count = 0;
  for (const [name, limits] of wanted) {
    if (name === undefined) continue;
    writer.name(module).name(name).byte(kinds.memory).bytes(limits);
    count += 1;
  }
  return { count, content: writer.finish() };
}

type Targets = {
  readonly layout: Layout;
  readonly host: { readonly setup: number; readonly begin: number; readonly save: number; readonly restore: number };
  readonly start: number | undefined;
};

/** Writes the exports for the host. */
export function exportEntries(names: Rewritten["exports"], { layout, host, start }: Targets): Entries {
  const wanted: (readonly [name: string | undefined, kind: number, index: number | undefined])[] = [
    [names.setup, kinds.function, host.setup],
    [names.begin, kinds.function, host.begin],
    [names.save, kinds.function, host.save],
    [names.restore, kinds.function, host.restore],
    [names.start, kinds.function, start],
    [names.size, kinds.global, layout.memory?.size],
  ];
  const writer = new Writer();
  let count = 0;
  for (const [name, kind, index] of wanted) {
    if (name === undefined || index === undefined) continue;
    writer.name(name).byte(kind).u32(index);
    count += 1;
  }
  return { count, content: writer.finish() };
}
