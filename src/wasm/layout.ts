/**
 * Decides where everything new goes in a module's index spaces, and whether the module can be rewritten and recycled.
 *
 *   memories   guest's  flag  marks (tracked)  arena          without a memory: flag
 *   globals    the module's  $size $limit $imageAt $imagePages  shadow of $size  shadows of the mutable ones
 */
import { Writer } from "./binary.ts";
import type { ImportedEntry } from "./entries.ts";
import type { Layout, MemoryLayout } from "./injected.ts";
import type { ModuleParts } from "./module-parts.ts";

const i32Type = 0x7f;
const mostRestorablePages = 65535;

/** Says why a module cannot be rewritten; undefined when it can, as far as can be told without its code. */
export function unfit({ imports, memories }: ModuleParts): string | undefined {
  if (imports.some(({ entry }) => entry.kind === "memory")) return "imports a memory";
  if (memories.length > 1) return `has ${memories.length} memories`;
  const [memory] = memories;
  if (memory?.limits.shared) return "has a shared memory";
  if (memory?.limits.is64) return "has a 64-bit memory";
  return undefined;
}

/** Says why a rewritten module must not be used twice; undefined when it may. */
export function singleUse(parts: ModuleParts, lasting: ReadonlySet<string>): string | undefined {
  const imported = parts.imports.map(({ entry }) => stateOf(entry)).find((state) => state !== undefined);
  if (imported !== undefined) return `imports ${imported}`;
  // What a global or a table refers to would change without them.
  if (parts.types.some((type) => typeof type === "string")) return "defines struct or array types";
  const [instruction] = lasting;
  if (instruction !== undefined) return `uses ${instruction}`;
  if ((parts.memories[0]?.limits.min ?? 0) > mostRestorablePages) return "has a memory of 4 GiB";
  return undefined;
}

/** Names what an import shares with others, so that no restore of ours would reach it. */
function stateOf(entry: ImportedEntry): string | undefined {
  switch (entry.kind) {
    case "table":
      return "a table";
    case "memory":
      return "a memory";
    case "tag":
      return "a tag";
    case "global":
      return entry.mutable ? "a mutable global" : undefined;
    case "function":
      return undefined;
  }
}

/** Gives everything new its index. */
export function layOut({ memories, globals }: ModuleParts, tracked: boolean): Layout {
  const [defined] = memories;
  const flag = memories.length;
  let next = globals.count;
  let memory: MemoryLayout | undefined;
  if (defined !== undefined) {
    const marks = tracked ? flag + 1 : undefined;
    const arena = flag + (tracked ? 2 : 1);
    const [size, limit, imageAt, imagePages] = [next, next + 1, next + 2, next + 3];
    next += 4;
    memory = { maxPages: defined.limits.max, marks, arena, size, limit, imageAt, imagePages };
  }
  const changing = [...(memory === undefined ? [] : [memory.size]), ...globals.mutable.map(({ index }) => index)];
  return { flag, memory, shadows: changing.map((global, place) => ({ global, shadow: next + place })) };
}

/** Writes the new globals, in the order of their indices. Shadows start as what they shadow does. */
export function newGlobals({ memories, globals }: ModuleParts): {
  readonly count: number;
  readonly content: Uint8Array;
} {
  const [memory] = memories;
  const writer = new Writer();
  // $size and $limit are the same at first: nothing grows before begin() has said how far.
  const minPages = memory?.limits.min ?? 0;
  const numbers = memory === undefined ? [] : [minPages, minPages, 0, 0, minPages];
  for (const number of numbers) writer.bytes([i32Type, 1, 0x41]).i32(number).byte(0x0b);
  for (const { encoded } of globals.mutable) writer.bytes(encoded);
  return { count: numbers.length + globals.mutable.length, content: writer.finish() };
}
