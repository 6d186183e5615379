/** The smallest host that a rewritten module can have: brings its memories, takes its image, restores it. */
import { rewrite, type Rewritten } from "../../src/wasm/rewrite.ts";

const pageBytes = 65536;

/** Calls an export by name; a trap comes back as its message, so that outcomes compare. */
export type Outcome = { readonly result: unknown } | { readonly trap: string };

/** What a host decides. */
export type HostOptions = {
  readonly tracked: boolean;
  /** Real pages beyond those that the guest declares. */
  readonly headroomPages?: number;
  readonly limitPages?: number;
  readonly imports?: WebAssembly.Imports;
};

/** An instance of a rewritten module, saved and ready. */
export type Recycled = {
  readonly rewritten: Rewritten;
  readonly exports: WebAssembly.Exports;
  readonly memory: WebAssembly.Memory | undefined;
  readonly marks: Uint8Array | undefined;
  readonly flag: Int32Array;
  call(name: string, ...args: unknown[]): Outcome;
  restore(): void;
  /** The pages that the guest believes to have. */
  sizePages(): unknown;
  /** All of the real memory. */
  bytes(): Uint8Array;
};

/** Calls an export and catches what WebAssembly and the engine throw. */
export function outcomeOf(exports: WebAssembly.Exports, name: string, ...args: unknown[]): Outcome {
  const callee = exports[name];
  if (typeof callee !== "function") throw new Error(`no function ${name}`);
  try {
    return { result: Reflect.apply(callee, undefined, args) };
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) return { trap: error.message };
    if (error instanceof WebAssembly.Exception) return { trap: "exception" };
    throw error;
  }
}

/** Rewrites a module; fails the test when that is not possible. */
export function rewriteOf(bytes: Uint8Array<ArrayBuffer>, tracked: boolean): Rewritten {
  const rewritten = rewrite(bytes, { tracked });
  if (!rewritten.rewritten) throw new Error(`not rewritten: ${rewritten.reason}`);
  return rewritten;
}

/** Rewrites, instantiates, starts and saves a module. */
export function recycled(bytes: Uint8Array<ArrayBuffer>, options: HostOptions): Recycled {
  const { tracked, headroomPages = 0, limitPages = 100, imports: own = {} } = options;
  const rewritten = rewriteOf(bytes, tracked);
  const { imports, exports: names } = rewritten;
  const flag = sharedMemory(1, 1);
  const arena = sharedMemory(0, 1000);
  const given: WebAssembly.ModuleImports = { [imports.flag]: flag };
  const realPages = (imports.memory?.minPages ?? 0) + headroomPages;
  const maximum = Math.min(Math.max(limitPages, realPages), imports.memory?.maxPages ?? 65536);
  const memory = imports.memory && new WebAssembly.Memory({ initial: Math.min(realPages, maximum), maximum });
  if (imports.memory !== undefined && memory !== undefined) given[imports.memory.name] = memory;
  const marks = imports.marks === undefined ? undefined : new WebAssembly.Memory({ initial: 1 });
  if (imports.marks !== undefined && marks !== undefined) given[imports.marks] = marks;
  if (imports.arena !== undefined) given[imports.arena] = arena;
  const module = new WebAssembly.Module(rewritten.bytes);
  const { exports } = new WebAssembly.Instance(module, { ...own, [imports.module]: given });
  const enter = (name: string, ...args: unknown[]): void => {
    const callee = exports[name];
    if (typeof callee !== "function") throw new Error(`no function ${name}`);
    Reflect.apply(callee, undefined, args);
  };
  const bytesNow = (): Uint8Array => new Uint8Array(memory?.buffer ?? new ArrayBuffer(0));
  enter(names.setup, 0, 0);
  enter(names.begin, limitPages);
  if (names.start !== undefined) enter(names.start);
  enter(names.save);
  enter(names.setup, ...takeImage(bytesNow(), arena));
  if (marks !== undefined) new Uint8Array(marks.buffer).fill(0);
  return {
    rewritten,
    exports,
    memory,
    marks: marks && new Uint8Array(marks.buffer),
    flag: new Int32Array(flag.buffer),
    call: (name, ...args) => outcomeOf(exports, name, ...args),
    restore: () => {
      enter(names.restore);
      enter(names.begin, limitPages);
    },
    sizePages: () => {
      const size = names.size === undefined ? undefined : exports[names.size];
      return size instanceof WebAssembly.Global ? size.value : undefined;
    },
    bytes: bytesNow,
  };
}

/** Puts the memory up to its last page that is not zero into the arena, behind a page of something else. */
function takeImage(bytes: Uint8Array, arena: WebAssembly.Memory): [at: number, pages: number] {
  const pages = Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / pageBytes);
  arena.grow(pages + 2);
  const image = new Uint8Array(arena.buffer);
  image.fill(0xaa);
  image.set(bytes.subarray(0, pages * pageBytes), pageBytes);
  return [pageBytes, pages];
}

function sharedMemory(initial: number, maximum: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial, maximum, shared: true });
}
