/**
 * What an instance keeps between calls, read in full: for WASMGATE_VERIFY_RESTORE, where each restore is followed by a
 * comparison with a fresh instance, and for tests.
 *
 * Memory and tables are always seen; globals where the module was compiled with its state exported
 * (wasm/exported-state.ts). Of a reference only its kind is comparable, and the index of a function.
 */
import type { StateNames } from "../wasm/exported-state.ts";

/** A state, by the names of its parts; memories apart. */
export type State = {
  readonly values: ReadonlyMap<string, string>;
  readonly memories: readonly Uint8Array[];
};

/** Reads a state; memories are views, valid until the guest runs again. `memories` is how many of them, from the first. */
export function readState(exports: WebAssembly.Exports, names: StateNames, memories = 1): State {
  const values = new Map<string, string>();
  for (const name of [...names.numbers, ...names.references]) values.set(name, readValue(exports[name]));
  for (const name of names.tables) values.set(name, readTable(exports[name]));
  return { values, memories: names.memories.slice(0, memories).map((name) => readMemory(exports[name])) };
}

/** Says what differs between two states, or undefined: a memory that is shorter counts as if zeros followed. */
export function difference(expected: State, found: State): string | undefined {
  for (const [name, value] of expected.values) {
    const other = found.values.get(name);
    if (other !== value) return `${name} is ${String(other)}, expected ${value}`;
  }
  for (const [index, memory] of expected.memories.entries()) {
    const at = firstDifference(memory, found.memories[index] ?? new Uint8Array(0));
    if (at !== undefined) return `byte ${at} of memory ${index} is not ${memory[at] ?? 0}`;
  }
  return undefined;
}

function readValue(exported: unknown): string {
  if (isGetter(exported)) return exported().toString(); // of v128 both halves
  try {
    return exported instanceof WebAssembly.Global ? describeReference(exported.value) : "absent";
  } catch {
    return "not readable from JavaScript"; // an exception reference
  }
}

function readTable(table: unknown): string {
  if (!(table instanceof WebAssembly.Table)) return "absent";
  const slots: string[] = [];
  try {
    for (let index = 0; index < table.length; index += 1) slots.push(describeReference(table.get(index)));
  } catch {
    return `${table.length} elements`; // of exception references, or addressed by i64
  }
  return slots.join();
}

function readMemory(memory: unknown): Uint8Array {
  return memory instanceof WebAssembly.Memory ? new Uint8Array(memory.buffer) : new Uint8Array(0);
}

function describeReference(value: unknown): string {
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "object") return value === null ? "null" : "object";
  return typeof value;
}

function isGetter(exported: unknown): exported is () => number | bigint | readonly bigint[] {
  return typeof exported === "function";
}

function firstDifference(one: Uint8Array, other: Uint8Array): number | undefined {
  const shorter = Math.min(one.length, other.length);
  const tail = one.length > other.length ? one : other;
  if (Buffer.compare(one.subarray(0, shorter), other.subarray(0, shorter)) !== 0) {
    for (let at = 0; at < shorter; at += 1) if (one[at] !== other[at]) return at;
  }
  const at = tail.subarray(shorter).findIndex((byte) => byte !== 0);
  return at === -1 ? undefined : shorter + at;
}
