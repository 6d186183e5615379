/**
 * One module in three forms, for comparing what the same calls do to each: as it was deployed, rewritten and fresh for
 * each call, rewritten and restored after each. All of their state is visible.
 */
import { Instance, type Surroundings } from "../../src/runtime/instance.ts";
import { markPagesFor } from "../../src/runtime/instance.ts";
import type { Image, Variant } from "../../src/runtime/protocol.ts";
import { takeSnapshot } from "../../src/runtime/snapshot.ts";
import { readState, type State } from "../../src/runtime/state.ts";
import { WasiHost } from "../../src/runtime/wasi/host.ts";
import { exportState, type StateNames } from "../../src/wasm/exported-state.ts";
import { defaultModuleLimits, inspect, type ModuleInfo } from "../../src/wasm/inspect.ts";
import { prepare, rewrite } from "../../src/wasm/rewrite.ts";

/** The most pages that any memory of a twin may have. */
export const memoryPages = 20;

/** A thread's surroundings, one call at a time; the image of the module at hand lies at its second page. */
export class Stage {
  readonly around: Surroundings;
  readonly flag: Int32Array;
  readonly marks: Uint8Array;
  readonly #arena: Uint8Array;

  constructor() {
    const host = new WasiHost();
    const pages = markPagesFor(memoryPages);
    const marks = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const flag = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const arena = new WebAssembly.Memory({ initial: 2 + memoryPages, maximum: 2 + memoryPages, shared: true });
    this.around = { flag, marks, arena, memoryPages, host, wasiImports: host.imports };
    this.flag = new Int32Array(flag.buffer, 0, 1);
    this.marks = new Uint8Array(marks.buffer);
    this.#arena = new Uint8Array(arena.buffer).fill(0xa5);
  }

  /** Puts an image where instances of a module will find it. */
  show(image: Uint8Array | undefined): Image | undefined {
    if (image === undefined) return undefined;
    this.#arena.fill(0xa5);
    this.#arena.set(image, 65_536);
    return { at: 65_536, pages: image.byteLength / 65_536 };
  }
}

/** A rewritten module from which instances are made in the state of its snapshot. */
export class Twin {
  readonly info: ModuleInfo;
  readonly #stage: Stage;
  readonly #tracked: boolean;
  readonly #variant: Variant;
  readonly #names: StateNames;
  readonly #snapshot: ReturnType<typeof takeSnapshot>;
  readonly #image: Image | undefined;

  private constructor(bytes: Uint8Array<ArrayBuffer>, variant: Variant, names: StateNames, options: TwinOptions) {
    this.info = inspect(bytes, defaultModuleLimits);
    this.#stage = options.stage;
    this.#tracked = options.tracked;
    this.#variant = variant;
    this.#names = names;
    this.#snapshot = takeSnapshot(variant, this.info, options.stage.around);
    this.#image = options.stage.show(this.#snapshot.image);
  }

  /** Rewrites a module; says why not where it is not recyclable. */
  static of(bytes: Uint8Array<ArrayBuffer>, options: TwinOptions): Twin | string {
    const made = rewrite(bytes, { tracked: options.tracked });
    if (!made.rewritten) return made.reason;
    const { bytes: visible, names } = exportState(made.bytes);
    const variant = { module: new WebAssembly.Module(visible), imports: made.imports, exports: made.exports };
    if (made.recyclable !== true) return made.recyclable;
    return new Twin(bytes, variant, names, options);
  }

  /** Whether the start function runs with each call, since it did not end well or was not pure. */
  get startsEachTime(): boolean {
    return this.#snapshot.initialized === undefined;
  }

  /** Pages that every call finds; no limit may be lower. */
  get startPages(): number {
    return Math.max(0, ...this.info.memories.map(({ minPages }) => minPages), this.#image?.pages ?? 0);
  }

  make(headroomPages: number): Instance {
    const { around } = this.#stage;
    const image = this.#image === undefined ? {} : { image: this.#image };
    const making = { variant: this.#variant, ...image, tracked: this.#tracked, wasi: false, headroomPages };
    const made = new Instance(making, around);
    if (this.#snapshot.initialized !== undefined) made.initialize(this.#snapshot.initialized);
    made.save();
    return made;
  }

  /** Virtual size and everything else that the instance keeps; a copy. */
  state(instance: Instance): State & { readonly sizeBytes: number } {
    instance.limit(memoryPages); // the next call's concern
    const { values, memories } = readState(instance.guest.exports, this.#names);
    const sizeBytes = instance.guest.memory?.sizeBytes ?? 0;
    return { values, memories: memories.map((memory) => memory.slice()), sizeBytes };
  }
}

type TwinOptions = { readonly stage: Stage; readonly tracked: boolean };

/** The module as it was deployed, but for its memory's limit and its exports; instances run their start function at once. */
export class Original {
  readonly #module: WebAssembly.Module;
  readonly #names: StateNames;
  readonly #memories: ReturnType<typeof prepare>["memories"];

  readonly #limitPages: number;

  constructor(bytes: Uint8Array<ArrayBuffer>, limitPages: number) {
    this.#limitPages = limitPages;
    const prepared = prepare(bytes);
    const { bytes: visible, names } = exportState(prepared.bytes);
    this.#module = new WebAssembly.Module(visible);
    this.#names = names;
    this.#memories = prepared.memories;
  }

  /** @throws what the start function throws */
  make(): WebAssembly.Exports {
    const imports: WebAssembly.Imports = {};
    for (const { module, name, minPages, maxPages = this.#limitPages } of this.#memories) {
      const maximum = Math.max(minPages, Math.min(maxPages, this.#limitPages));
      imports[module] = { ...imports[module], [name]: new WebAssembly.Memory({ initial: minPages, maximum }) };
    }
    return new WebAssembly.Instance(this.#module, imports).exports;
  }

  state(exports: WebAssembly.Exports): State {
    return readState(exports, this.#names);
  }
}
