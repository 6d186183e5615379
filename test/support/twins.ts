/**
 * One module in three forms, for comparing what the same calls do to each: as it was deployed, rewritten and fresh for
 * each call, rewritten and restored after each. All of their state is visible.
 */
import { Instance, markPagesFor, type Surroundings } from "../../src/runtime/instance.ts";
import { GuestMemory } from "../../src/runtime/guest-memory.ts";
import type { Image, Variant } from "../../src/runtime/protocol.ts";
import { type Snapshot, takeSnapshot } from "../../src/runtime/snapshot.ts";
import { readState, type State } from "../../src/runtime/state.ts";
import { Quota } from "../../src/runtime/wasi/files.ts";
import { MemoryFolder } from "../../src/runtime/wasi/folders.ts";
import { WasiHost } from "../../src/runtime/wasi/host.ts";
import { exportState, type StateNames } from "../../src/wasm/exported-state.ts";
import { defaultModuleLimits, inspect, type ModuleInfo } from "../../src/wasm/inspect.ts";
import { prepare, rewrite } from "../../src/wasm/rewrite.ts";

const wasiLimits = { outputBytes: 65_536, stderrBytes: 65_536, timeoutMs: 1000 };

/** A thread's surroundings, one call at a time; the image of the module at hand lies at its second page. */
export class Stage {
  readonly around: Surroundings;
  readonly flag: Int32Array;
  readonly marks: Uint8Array;
  readonly #arena: Uint8Array;
  #bound: GuestMemory | undefined;

  /**
   * @param memoryPages the most that any guest's memory may grow to
   * @param entropy whether guests that ask for randomness or the time are all told the same
   */
  constructor(memoryPages = 20, entropy: "same" | "real" = "same") {
    const host = new WasiHost();
    const pages = markPagesFor(memoryPages);
    const marks = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const flag = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const arenaPages = 2 + Math.max(memoryPages, 100);
    const arena = new WebAssembly.Memory({ initial: arenaPages, maximum: arenaPages, shared: true });
    const wasiImports = { ...host.imports, ...(entropy === "same" ? this.#sameForAll() : {}) };
    this.around = { flag, marks, arena, memoryPages, host, wasiImports };
    this.flag = new Int32Array(flag.buffer, 0, 1);
    this.marks = new Uint8Array(marks.buffer);
    this.#arena = new Uint8Array(arena.buffer).fill(0xa5);
  }

  /** Puts an image where instances of a module will find it. */
  show(image: Uint8Array | undefined): Image | undefined {
    if (image === undefined) return undefined;
    this.#arena.fill(0xa5, 65_536, 131_072 + image.byteLength);
    this.#arena.set(image, 65_536);
    return { at: 65_536, pages: image.byteLength / 65_536 };
  }

  /** Begins a call of a guest that may import WASI. */
  begin(memory: GuestMemory | undefined): void {
    this.around.host.begin({
      args: ["guest"],
      env: [],
      stdin: new Uint8Array(0),
      stdout: "output",
      limits: wasiLimits,
      mounts: [{ path: "/", folder: new MemoryFolder({ quota: new Quota({ sizeBytes: 65_536, names: 4 }) }) }],
    });
    this.#bound = memory;
    if (memory !== undefined) this.around.host.bind(memory);
  }

  /** Randomness and time, which are to be the same for all that are compared. */
  #sameForAll(): WebAssembly.ModuleImports {
    return {
      random_get: (pointer: number, length: number) => {
        this.#bound?.claim(pointer, length).fill(7);
        return 0;
      },
      clock_time_get: (_clock: number, _precision: bigint, pointer: number) => {
        this.#bound?.writeU64(pointer, 1_000_000_000_000_000_000n);
        return 0;
      },
    };
  }
}

/** A rewritten module from which instances are made in the state of its snapshot. */
export class Twin {
  readonly info: ModuleInfo;
  readonly #stage: Stage;
  readonly #tracked: boolean;
  readonly #variant: Variant;
  readonly #names: StateNames;
  /** Absent where the module is not recyclable. */
  readonly #snapshot: Snapshot | undefined;
  readonly #image: Image | undefined;

  private constructor(
    bytes: Uint8Array<ArrayBuffer>,
    variant: Variant,
    names: StateNames,
    options: TwinOptions & { readonly recyclable: boolean },
  ) {
    this.info = inspect(bytes, defaultModuleLimits);
    this.#stage = options.stage;
    this.#tracked = options.tracked;
    this.#variant = variant;
    this.#names = names;
    if (!options.recyclable) return;
    this.#snapshot = takeSnapshot(variant, this.info, options.stage.around);
    this.#image = options.stage.show(this.#snapshot?.image);
  }

  /** Rewrites a module; a text says why that cannot be. */
  static of(bytes: Uint8Array<ArrayBuffer>, options: TwinOptions): Twin | string {
    const made = rewrite(bytes, { tracked: options.tracked });
    if (!made.rewritten) return made.reason;
    const { bytes: visible, names } = exportState(made.bytes);
    const variant = { module: new WebAssembly.Module(visible), imports: made.imports, exports: made.exports };
    return new Twin(bytes, variant, names, { ...options, recyclable: made.recyclable === true });
  }

  get isRecyclable(): boolean {
    return this.#snapshot !== undefined;
  }

  /** The initializers that run with each call, since they did not end well or are not pure. */
  get startsEachTime(): boolean {
    return this.#snapshot?.initialized === undefined;
  }

  /** Pages that every call finds; no limit may be lower. */
  get startPages(): number {
    return Math.max(0, ...this.info.memories.map(({ minPages }) => minPages), this.#image?.pages ?? 0);
  }

  make(headroomPages: number): Instance {
    const { around } = this.#stage;
    const image = this.#image === undefined ? {} : { image: this.#image };
    const making = { variant: this.#variant, ...image, tracked: this.#tracked, wasi: true, headroomPages };
    const made = new Instance(making, around);
    this.#stage.begin(made.guest.memory);
    if (this.#snapshot?.initialized !== undefined) made.initialize(this.#snapshot.initialized);
    if (this.#snapshot !== undefined) made.save();
    return made;
  }

  /** Begins a call. */
  begin(instance: Instance): void {
    this.#stage.begin(instance.guest.memory);
  }

  /** Virtual size and everything else that the instance keeps; a copy. */
  state(instance: Instance): State & { readonly sizeBytes: number } {
    instance.limit(this.#stage.around.memoryPages); // the next call's concern
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
  readonly #stage: Stage;

  constructor(bytes: Uint8Array<ArrayBuffer>, stage: Stage, limitPages: number) {
    this.#stage = stage;
    this.#limitPages = limitPages;
    const prepared = prepare(bytes);
    const { bytes: visible, names } = exportState(prepared.bytes);
    this.#module = new WebAssembly.Module(visible);
    this.#names = names;
    this.#memories = prepared.memories;
  }

  /** @throws what the start function throws */
  make(): WebAssembly.Exports {
    const imports: WebAssembly.Imports = { wasi_snapshot_preview1: this.#stage.around.wasiImports };
    this.#stage.begin(undefined);
    for (const { module, name, minPages, maxPages = this.#limitPages } of this.#memories) {
      const maximum = Math.max(minPages, Math.min(maxPages, this.#limitPages));
      const memory = new WebAssembly.Memory({ initial: minPages, maximum });
      imports[module] = { ...imports[module], [name]: memory };
      this.#stage.begin(new GuestMemory(memory));
    }
    return new WebAssembly.Instance(this.#module, imports).exports;
  }

  state(exports: WebAssembly.Exports): State {
    return readState(exports, this.#names);
  }
}
