/**
 * How a module can be called: which contract its exports fit, decided once at deploy from facts about the bytes.
 *
 *   type of the export                            contract
 *   _start ()->()                                 wasi-command
 *   (i32,i32)->(i32,i32), module exports memory   json-pointer, "pair"
 *   (i32,i32)->i64,       module exports memory   json-pointer, "packed"
 *   any numbers -> any numbers                    scalars; so (i32,i32)->i64 without an exported memory is scalars
 *
 * Which export, the first that applies: the deploy's `export`, refused when it does not fit; `_start` of a module that
 * is granted WASI; the one named like the function, refused when it does not fit; the only one that fits, runtime
 * housekeeping and functions without results apart.
 *
 * WasmEngine's documentation names the function's own name before `export`. They differ only where a module has both,
 * and there what was asked for in so many words must not be ignored. `_start` stands before the name because every
 * Rust and C command also exports `main`, which is no entry of its own.
 */
import { GatewayError } from "../errors.ts";
import { checkImports, shown } from "./imports.ts";
import type { ModuleInfo } from "./module-info.ts";
import type { FunctionType } from "./value-types.ts";

/** The four number types of WebAssembly 1.0. */
export type ValueType = "i32" | "i64" | "f32" | "f64";

/** What every contract says. */
type Base = {
  /** The module imports wasi_snapshot_preview1 and gets the preview 1 host. */
  readonly wasi: boolean;
  /**
   * The exports ()->() to run once on a fresh instance before the call, in this order: "_initialize", then
   * "wizer.initialize", as Wizer runs them. Absent when there is none.
   */
  readonly initialize?: readonly string[];
};

/** The way in and out. */
type Way =
  | {
      readonly kind: "json-pointer";
      readonly export: string;
      /** "pair": two i32 results (pointer, length). "packed": one i64, pointer in the high half, length in the low. */
      readonly returns: "pair" | "packed";
    }
  | { readonly kind: "wasi-command"; readonly export: "_start" }
  | {
      readonly kind: "scalars";
      readonly export: string;
      readonly params: readonly ValueType[];
      readonly results: readonly ValueType[];
    };

/** One of the ways in and out of a guest. */
export type Contract = Base & Way;

/** What a deploy says about how its module is to be called. */
export type Wish = {
  readonly functionName: string;
  readonly exportName?: string;
  /** Whether the module may use WASI, should it want to. */
  readonly wasiCap: boolean;
};

/**
 * Exports that a compiler or its runtime adds for its own sake. They are no candidates for "the only one that fits";
 * named by the deploy or by the function's name they can be called like any other.
 */
const housekeeping = [
  /^_/, // reserved to C implementations and linkers: _initialize, __wasm_call_ctors, __errno_location; AssemblyScript's __new, __pin
  /^(malloc|calloc|realloc|free|aligned_alloc|memalign|posix_memalign|alloc|dealloc|allocate|deallocate)$/,
  /^(cabi_|canonical_abi_|asyncify_|emscripten_|stackSave$|stackRestore$|stackAlloc$|dynCall_|wizer\.|go_scheduler$)/,
];

const shownCandidates = 20;

/**
 * Decides how a module is called.
 * @throws {GatewayError} MODULE_UNSUPPORTED, with the reason and what could be called instead
 */
export function chooseContract(info: ModuleInfo, wish: Wish): Contract {
  refuseUnbounded(info);
  const wasi = checkImports(info.imports, wish.wasiCap);
  if (wasi && !exportsMemory(info)) throw refusal(`the module imports WASI but exports no memory named "memory"`);
  const way = chooseWay(info, wish);
  const initialize = initializersOf(info, way);
  return { wasi, ...(initialize.length === 0 ? {} : { initialize }), ...way };
}

/** Refuses what could not be kept within a limit, or addressed by a contract. */
function refuseUnbounded({ memories, hasArrays, hasStructs }: ModuleInfo): void {
  if (memories.some(({ shared }) => shared)) {
    throw refusal("the module has a shared memory, and guests have one thread: build it without threads");
  }
  if (memories.some(({ is64 }) => is64)) throw refusal("the module has a 64-bit memory: build it for wasm32");
  // V8 14.6 ends the whole process, not the thread, when one allocation is past the thread's heap limit by some 16 MB;
  // only arrays and tables (see rewrite.ts) can be so large. Measured 2026-11-20: array.new_default of 80 MB, kept twice.
  if (hasArrays) {
    throw refusal("the module has garbage-collected arrays, whose size cannot be limited: build it for linear memory");
  }
  // One struct.new_default of 9000 fields is 9000 stores of machine code: 80 kB of them filled the optimizing compiler's
  // buffer, which V8 14.6 answers by ending the process. Measured 2026-11-20.
  if (hasStructs) {
    throw refusal("the module has garbage-collected structs, whose code cannot be limited: build it for linear memory");
  }
}

function chooseWay(info: ModuleInfo, { functionName, exportName, wasiCap }: Wish): Way {
  const functions = functionsOf(info);
  if (exportName !== undefined) return demand(info, exportName, functions.get(exportName));
  const start = functions.get("_start");
  if (wasiCap && start !== undefined && isPlain(start)) return { kind: "wasi-command", export: "_start" };
  const namesake = functions.get(functionName);
  if (namesake !== undefined) return demand(info, functionName, namesake);
  const [only, ...others] = callable(info).filter(({ type }) => type.results.length > 0);
  if (only !== undefined && others.length === 0) return only.way;
  const why = only === undefined ? "none that could stand in for it" : "several that could stand in for it";
  throw refusal(`the module exports no function ${shown(functionName)}, and ${why}. ${candidates(info)}`);
}

/** Returns the way into an export that was asked for by name. */
function demand(info: ModuleInfo, name: string, type: FunctionType | undefined): Way {
  if (type === undefined) throw refusal(`the module exports no function ${shown(name)}. ${candidates(info)}`);
  const way = wayInto(name, type, exportsMemory(info));
  if (way !== undefined) return way;
  const hint = returnsThroughMemory(type)
    ? " It seems to return its pair through memory: build it with multiple results (for Rust -C target-feature=+multivalue)."
    : "";
  throw refusal(`the export ${shown(name)} of type ${typeText(type)} fits no contract.${hint} ${candidates(info)}`);
}

/** Returns how an export of that name and type is called; undefined when it fits no contract. */
function wayInto(name: string, type: FunctionType, withMemory: boolean): Way | undefined {
  const { params, results } = type;
  if (name === "_start" && isPlain(type)) return { kind: "wasi-command", export: name };
  if (withMemory && params.join() === "i32,i32") {
    if (results.join() === "i32,i32") return { kind: "json-pointer", export: name, returns: "pair" };
    if (results.join() === "i64") return { kind: "json-pointer", export: name, returns: "packed" };
  }
  if (withMemory && returnsThroughMemory(type)) return undefined;
  if (params.every(isValueType) && results.every(isValueType))
    return { kind: "scalars", export: name, params, results };
  return undefined;
}

/**
 * Recognises (i32,i32)->(i32,i32) as compilers write it without multiple results: the pair goes where the first of
 * three parameters points. As scalars it would have no result, so nothing callable is lost.
 */
function returnsThroughMemory({ params, results }: FunctionType): boolean {
  return params.join() === "i32,i32,i32" && results.length === 0;
}

/** Returns the exports that fit a contract, housekeeping apart. */
function callable(info: ModuleInfo): { readonly type: FunctionType; readonly way: Way }[] {
  const withMemory = exportsMemory(info);
  return [...functionsOf(info)]
    .filter(([name]) => !housekeeping.some((pattern) => pattern.test(name)))
    .flatMap(([name, type]) => {
      const way = wayInto(name, type, withMemory);
      return way === undefined ? [] : [{ type, way }];
    });
}

function initializersOf(info: ModuleInfo, way: Way): string[] {
  const functions = functionsOf(info);
  // A command initializes itself in _start.
  const names = way.kind === "wasi-command" ? ["wizer.initialize"] : ["_initialize", "wizer.initialize"];
  return names.filter((name) => {
    const type = functions.get(name);
    return type !== undefined && isPlain(type) && name !== way.export;
  });
}

function candidates(info: ModuleInfo): string {
  const found = callable(info);
  if (found.length === 0) {
    return (
      `Callable are (i32,i32)->(i32,i32) and (i32,i32)->i64 where a memory is exported as "memory", ` +
      "functions of numbers, and WASI commands (_start)."
    );
  }
  const names = found.slice(0, shownCandidates).map(({ way, type }) => `${shown(way.export)} ${typeText(type)}`);
  const more = found.length - names.length;
  return `"export" could be: ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function functionsOf(info: ModuleInfo): Map<string, FunctionType> {
  return new Map(info.exports.flatMap((each) => (each.kind === "function" ? [[each.name, each.type] as const] : [])));
}

function exportsMemory(info: ModuleInfo): boolean {
  return info.exports.some(({ name, kind }) => name === "memory" && kind === "memory");
}

function isPlain({ params, results }: FunctionType): boolean {
  return params.length === 0 && results.length === 0;
}

function isValueType(type: string): type is ValueType {
  return type === "i32" || type === "i64" || type === "f32" || type === "f64";
}

function typeText({ params, results }: FunctionType): string {
  const text = `(${params.join()})->(${results.join()})`;
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function refusal(message: string): GatewayError {
  return new GatewayError("MODULE_UNSUPPORTED", message);
}
