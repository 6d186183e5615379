/**
 * The injected functions of one module, and their indices behind its own: those that a host calls from the start, those
 * that take the place of instructions as the first such instruction is met.
 */
import {
  begin,
  grow,
  type Injected,
  type Layout,
  type MemoryLayout,
  restore,
  restoreRange,
  save,
  setup,
} from "./injected.ts";
import { copy, fill, init } from "./injected-bulk.ts";

/** An instruction that becomes a call. */
export type Replaced = "grow" | "fill" | "copy" | "init";

export class InjectedFunctions {
  readonly #layout: Layout;
  readonly #first: number;
  readonly #functions: Injected[] = [];
  readonly #replacements = new Map<string, number>();
  /** Indices of what a host calls. */
  readonly host: { readonly setup: number; readonly begin: number; readonly save: number; readonly restore: number };

  /** @param first the index of the first injected function */
  constructor(layout: Layout, first: number) {
    this.#layout = layout;
    this.#first = first;
    const range = layout.memory === undefined ? -1 : this.#add(restoreRange(layout.memory));
    this.host = {
      setup: this.#add(setup(layout)),
      begin: this.#add(begin(layout)),
      save: this.#add(save(layout)),
      restore: this.#add(restore(layout, range)),
    };
  }

  /** In the order of their indices. */
  get functions(): readonly Injected[] {
    return this.#functions;
  }

  /** Returns the index of the function that takes the place of an instruction, of memory.init for one segment. */
  replacing(name: Replaced, segment = 0): number {
    const key = `${name} ${segment}`;
    const known = this.#replacements.get(key);
    if (known !== undefined) return known;
    const { memory } = this.#layout;
    // Validated code without a memory has no such instruction.
    if (memory === undefined) throw new Error(`memory.${name} without a memory`);
    const index = this.#add(this.#make(name, memory, segment));
    this.#replacements.set(key, index);
    return index;
  }

  #make(name: Replaced, memory: MemoryLayout, segment: number): Injected {
    const bulk = { layout: this.#layout, memory };
    switch (name) {
      case "grow":
        return grow(memory);
      case "fill":
        return fill(bulk);
      case "copy":
        return copy(bulk);
      case "init":
        return init(bulk, segment);
    }
  }

  #add(injected: Injected): number {
    this.#functions.push(injected);
    return this.#first + this.#functions.length - 1;
  }
}
