/**
 * One instance of a rewritten module and the state it goes back to.
 *
 *   cold --instantiate, start, initializers, save--> warm --begin--> used --restore--> warm
 *                                                                     \--> retired, never run again
 *
 * The state after `save` is the snapshot: its globals lie in the instance itself, its memory as an image in the arena,
 * shared with every other instance of the module. Real memory is a fixed headroom larger than the guest believes, so
 * that growing, which cannot be undone, is a change of a number. A call that grows the real memory retires the
 * instance: no later call may be able to tell what an earlier one did.
 */
import { exportedFunction, type Guest } from "./guest.ts";
import { GuestMemory, type VirtualMemory } from "./guest-memory.ts";
import type { Image, Variant } from "./protocol.ts";
import { readState, type State } from "./state.ts";
import type { WasiHost } from "./wasi/host.ts";

/** What an instance needs of its thread. */
export type Surroundings = {
  /** The thread's words, the first of which the guest reads at its loop heads. */
  readonly flag: WebAssembly.Memory;
  /** Dirty pages of the call that runs; one for the thread, since one call runs at a time. */
  readonly marks: WebAssembly.Memory;
  readonly arena: WebAssembly.Memory;
  /** The most that any guest's memory may grow to. */
  readonly memoryPages: number;
  readonly host: WasiHost;
  /** What the guest imports as WASI. */
  readonly wasiImports: WebAssembly.ModuleImports;
};

/** What an instance is made of. */
export type Making = {
  readonly variant: Variant;
  /** Absent for a module without memory, and for an instance that is used once. */
  readonly image?: Image;
  /** Writes into the memory are marked; otherwise all of it is restored. */
  readonly tracked: boolean;
  /** It imports WASI. */
  readonly wasi: boolean;
  readonly headroomPages: number;
};

type Setup = (imageAt: number, imagePages: number) => void;

const wasiModule = "wasi_snapshot_preview1";
const pageBytes = 65_536;

/** A rewritten instance that can be used again. */
export class Instance {
  readonly guest: Guest;
  /** Pages that the guest has before a call. */
  readonly startPages: number;
  /** Calls that it may still serve; random, so that nobody can count on a neighbour's. */
  #callsLeft = 1000 + Math.floor(Math.random() * 1000);
  readonly #memory: WebAssembly.Memory | undefined;
  readonly #virtual: VirtualMemory | undefined;
  readonly #realBytes: number;
  readonly #begin: (limitPages: number) => unknown;
  readonly #save: () => unknown;
  readonly #restore: () => unknown;
  readonly #start: (() => unknown) | undefined;
  readonly #names: Variant["state"];
  #limitPages = -1;

  /**
   * Instantiates; nothing of the guest has run yet, not even its start function.
   * @throws {RangeError} when there is no address space left
   */
  constructor({ variant, image, tracked, wasi, headroomPages }: Making, around: Surroundings) {
    const { imports, exports: names } = variant;
    this.#memory = imports.memory && makeMemory(imports.memory, headroomPages, around.memoryPages);
    this.#realBytes = this.#memory?.buffer.byteLength ?? 0;
    const instance = new WebAssembly.Instance(variant.module, importsOf(variant, this.#memory, around));
    const raw: Guest = { exports: instance.exports };
    (exportedFunction(raw, names.setup) as Setup)(image?.at ?? 0, image?.pages ?? 0);
    this.#begin = exportedFunction(raw, names.begin);
    this.#save = exportedFunction(raw, names.save);
    this.#restore = exportedFunction(raw, names.restore);
    this.#start = names.start === undefined ? undefined : exportedFunction(raw, names.start);
    this.#virtual = virtualOf(raw, names.size, tracked ? new Uint8Array(around.marks.buffer) : undefined);
    const memory = this.#memory && { memory: new GuestMemory(this.#memory, this.#virtual) };
    this.guest = { exports: instance.exports, ...memory, ...(wasi ? { host: around.host } : {}) };
    this.startPages = Math.max(imports.memory?.minPages ?? 0, image?.pages ?? 0);
    this.#names = variant.state;
    this.limit(around.memoryPages);
  }

  /** Bytes of real memory. */
  get sizeBytes(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** Tells whether there is anything in the real memory beyond what the guest believes to have. */
  hasDataBeyond(): boolean {
    if (this.#memory === undefined || this.guest.memory === undefined) return false;
    return new Uint8Array(this.#memory.buffer).subarray(this.guest.memory.sizeBytes).some((byte) => byte !== 0);
  }

  /** Pages by which the guest's memory exceeds what it was made with; what the next instance's headroom should cover. */
  get grownPages(): number {
    return Math.max(0, (this.sizeBytes - this.#realBytes) / pageBytes);
  }

  /**
   * Everything that it keeps between calls; memories are views, valid until the guest runs again.
   * @throws {Error} when its module was not compiled for being looked into
   */
  state(): State {
    if (this.#names === undefined) throw new Error("the state of this instance cannot be read");
    return readState(this.guest.exports, this.#names);
  }

  /** Sets what the guest's memory may grow to in the coming call. */
  limit(pages: number): void {
    if (this.#limitPages === pages) return;
    this.#limitPages = pages;
    this.#begin(pages);
    if (this.#virtual !== undefined) this.#virtual.limitPages = pages;
  }

  /** Runs the start function, if there is one, and initializers. Throws what the guest throws. */
  initialize(names: readonly string[]): void {
    this.#start?.();
    for (const name of names) exportedFunction(this.guest, name)();
  }

  /**
   * Takes the snapshot of the globals; the memory's is in the arena. What initializers stored beyond the memory that the
   * guest has goes, so that a first call finds what every later one does.
   */
  save(): void {
    this.#save();
    this.#restore();
    this.guest.memory?.begin();
  }

  /** Clears what the thread's other instances must not inherit of one that is not restored. */
  retire(): void {
    this.#virtual?.marks?.fill(0);
  }

  /** Goes back to the snapshot; false when the instance must not be used again. */
  restore(): boolean {
    this.#callsLeft -= 1;
    if (this.#callsLeft <= 0 || this.sizeBytes !== this.#realBytes) return false;
    this.#restore();
    this.guest.memory?.begin();
    return true;
  }
}

function makeMemory(
  asks: NonNullable<Variant["imports"]["memory"]>,
  headroomPages: number,
  limitPages: number,
): WebAssembly.Memory {
  const maximum = Math.max(asks.minPages, Math.min(limitPages, asks.maxPages ?? limitPages));
  const initial = Math.min(asks.minPages + headroomPages, maximum);
  return new WebAssembly.Memory({ initial, maximum });
}

function importsOf(
  { imports }: Variant,
  memory: WebAssembly.Memory | undefined,
  around: Surroundings,
): WebAssembly.Imports {
  const ours: WebAssembly.ModuleImports = { [imports.flag]: around.flag };
  if (imports.memory !== undefined && memory !== undefined) ours[imports.memory.name] = memory;
  if (imports.marks !== undefined) ours[imports.marks] = around.marks;
  if (imports.arena !== undefined) ours[imports.arena] = around.arena;
  return { [wasiModule]: around.wasiImports, [imports.module]: ours };
}

function virtualOf(
  guest: Guest,
  sizeName: string | undefined,
  marks: Uint8Array | undefined,
): VirtualMemory | undefined {
  const size = sizeName === undefined ? undefined : guest.exports[sizeName];
  if (!(size instanceof WebAssembly.Global)) return undefined;
  return marks === undefined ? { size, limitPages: 0 } : { size, limitPages: 0, marks };
}

/** Pages of marks for a guest's memory of so many pages: a byte for each 4 KiB. */
export function markPagesFor(memoryPages: number): number {
  const marksPerPage = 65_536 / 4096;
  return Math.max(1, Math.ceil((memoryPages * marksPerPage) / 65_536));
}
