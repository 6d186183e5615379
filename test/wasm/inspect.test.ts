import { hold } from "../../src/wasm/limits.ts";
import { defaultModuleLimits, inspect, type ModuleInfo, type ModuleLimits } from "../../src/wasm/inspect.ts";
import { features } from "../support/features.ts";
import { leb, moduleOf, section, text } from "../support/module-bytes.ts";
import { refusalOf } from "../support/refusal.ts";
import { wat } from "../support/wat.ts";

function factsOf(source: string): ModuleInfo {
  return inspect(wat(source), defaultModuleLimits);
}

const plain = [0x60, 0, 0];
const functions = (count: number): number[] => section(3, leb(count), Array<number>(count).fill(0));
const bodies = (...each: number[][]): number[] =>
  section(10, each.length, ...each.map((body) => [body.length, ...body]));

describe("inspect()", () => {
  test("tells imports and exports with their types, and both in order", () => {
    const info = factsOf(`(module
      (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (import "env" "memory" (memory 2 3))
      (import "env" "stack" (global (mut i32)))
      (import "env" "table" (table 1 funcref))
      (global $heap i32 (i32.const 1024))
      (func $add (export "add") (param i64 f32) (result f64 v128) unreachable)
      (export "memory" (memory 0)) (export "__heap_base" (global $heap)) (export "t" (table 0)))`);
    const memory = { minPages: 2, maxPages: 3, shared: false, is64: false, imported: true };
    expect(info.imports).toEqual([
      {
        module: "wasi_snapshot_preview1",
        name: "fd_write",
        kind: "function",
        type: { params: ["i32", "i32", "i32", "i32"], results: ["i32"] },
      },
      { module: "env", name: "memory", kind: "memory", memory },
      { module: "env", name: "stack", kind: "global", valueType: "i32", mutable: true },
      { module: "env", name: "table", kind: "table" },
    ]);
    expect(info.exports).toEqual([
      { name: "add", kind: "function", type: { params: ["i64", "f32"], results: ["f64", "v128"] } },
      { name: "memory", kind: "memory", memory },
      { name: "__heap_base", kind: "global", valueType: "i32", mutable: false },
      { name: "t", kind: "table" },
    ]);
  });

  test("counts memories imported ones first, and says of each what it is", () => {
    const info = factsOf(`(module (import "a" "b" (memory 1)) (memory 2 5) (memory 1 2 shared) (memory i64 3))`);
    expect(info.memories).toEqual([
      { minPages: 1, shared: false, is64: false, imported: true },
      { minPages: 2, maxPages: 5, shared: false, is64: false, imported: false },
      { minPages: 1, maxPages: 2, shared: true, is64: false, imported: false },
      { minPages: 3, shared: false, is64: true, imported: false },
    ]);
  });

  test("tells functions defined, start function, passive segments and custom sections", () => {
    const info = factsOf(`(module (import "a" "b" (func)) (memory 1) (start 1) (func) (func)
      (elem func 1) (elem declare func 0) (data "passive") (data (i32.const 0) "active"))`);
    expect(info).toMatchObject({ functionCount: 2, hasStart: true, passiveSegmentCount: 2, customSections: [] });
    const named = moduleOf(section(0, text("producers"), 1), section(1, 0), section(0, text("name")));
    expect(inspect(named, defaultModuleLimits)).toMatchObject({
      functionCount: 0,
      hasStart: false,
      customSections: ["producers", "name"],
    });
  });

  test("tells whether a module can make arrays or structs", () => {
    expect(factsOf("(module (func))")).toMatchObject({ hasArrays: false, hasStructs: false });
    const [struct, array] = [
      moduleOf(section(1, 1, 0x5f, 0)),
      moduleOf(section(1, 1, 0x4e, 1, 0x50, 0, 0x5e, 0x7f, 0)),
    ];
    expect(inspect(struct, defaultModuleLimits)).toMatchObject({ hasArrays: false, hasStructs: true });
    expect(inspect(array, defaultModuleLimits)).toMatchObject({ hasArrays: true, hasStructs: false });
  });

  test("writes reference types as the text format does", () => {
    const bytes = moduleOf(
      section(1, 2, [0x5f, 0], [0x60, 4, 0x63, 0, 0x64, 0x6e, 0x70, 0x69, 0]),
      functions(1).with(3, 1),
      section(7, 1, text("f"), 0, 0),
      bodies([0, 0x0b]),
    );
    expect(inspect(bytes, defaultModuleLimits).exports).toEqual([
      {
        name: "f",
        kind: "function",
        type: { params: ["(ref null 0)", "(ref any)", "(ref null func)", "(ref null exn)"], results: [] },
      },
    ]);
  });

  test.each(features)("accepts, as Node does: %s", (_title, bytes) => {
    expect(WebAssembly.validate(bytes)).toBe(true);
    expect(() => inspect(bytes, defaultModuleLimits)).not.toThrow();
  });

  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["a custom page size", moduleOf(section(5, 1, 8, 1, 0))],
    ["a shared memory without a maximum", moduleOf(section(5, 1, 2, 1))],
    ["a shared table", moduleOf(section(4, 1, 0x70, 3, 1, 2))],
    ["a table of numbers", moduleOf(section(4, 1, 0x7f, 0, 1))],
    ["a filled table whose reserved byte is not 0", moduleOf(section(4, 1, 0x40, 1, 0x70, 0, 1, 0xd0, 0x70, 0x0b))],
    ["compact imports", moduleOf(section(1, 1, plain), section(2, 1, text("a"), 0, 0x7f, 1, text("x"), 0, 0))],
    ["an import of a kind unknown", moduleOf(section(2, 1, text("a"), text("b"), 5, 0))],
    ["a shared global", moduleOf(section(2, 1, text("a"), text("b"), 3, 0x7f, 2))],
    ["a tag with an attribute", moduleOf(section(1, 1, plain), section(13, 1, 1, 0))],
    ["a recursion group in another", moduleOf(section(1, 1, 0x4e, 1, 0x4e, 1, plain))],
    ["two supertypes", moduleOf(section(1, 2, [0x50, 0, plain], [0x50, 2, 0, 0, plain]))],
    ["a continuation type", moduleOf(section(1, 1, 0x5d, 0))],
    ["an exact reference", moduleOf(section(1, 1, 0x60, 1, 0x63, 0x62, 0, 0))],
    ["a packed value type", moduleOf(section(1, 1, 0x60, 1, 0x78, 0))],
    ["a field that is neither mutable nor not", moduleOf(section(1, 1, 0x5e, 0x7f, 2))],
    ["a function of a struct's type", moduleOf(section(1, 1, 0x5f, 0), functions(1), bodies([0, 0x0b]))],
    ["a function of a type that is not there", moduleOf(section(1, 0), functions(1), bodies([0, 0x0b]))],
    ["an export of a function that is not there", moduleOf(section(7, 1, text("f"), 0, 0))],
    ["an export of a memory that is not there", moduleOf(section(7, 1, text("m"), 2, 0))],
    ["an instruction in a constant expression", moduleOf(section(6, 1, 0x7f, 0, 0x41, 0, 0x45, 0x0b))],
    ["array.new_data in a constant expression", moduleOf(section(6, 1, 0x7f, 0, 0xfb, 9, 0, 0, 0x0b))],
    ["a constant expression without an end", moduleOf(section(6, 1, 0x7f, 0, 0x41, 0))],
    ["element flags past 7", moduleOf(section(9, 1, 8, 0))],
    ["an element kind other than function", moduleOf(section(9, 1, 1, 1, 0))],
    ["data flags past 2", moduleOf(section(11, 1, 3, 0))],
    ["a data segment past the end", moduleOf(section(11, 1, 1, 5, 9))],
    ["functions without code", moduleOf(section(1, 1, plain), functions(2))],
    ["code without functions", moduleOf(bodies([0, 0x0b]))],
    ["bytes behind the last entry", moduleOf(section(1, 0, 0))],
    ["a body without locals", moduleOf(section(1, 1, plain), functions(1), bodies([]))],
    ["a custom section whose name is not UTF-8", moduleOf(section(0, 1, 0xff))],
  ])("refuses, as Node does: %s", (_title, bytes) => {
    expect(WebAssembly.validate(bytes)).toBe(false);
    expect(refusalOf(() => inspect(bytes, defaultModuleLimits)).code).toBe("MODULE_INVALID");
  });

  test.each([1, 2, 3, 4, 5, 13, 6, 7, 9, 10, 11])(
    "refuses a vector of 2^32-1 entries in section %d at its count",
    (id) => {
      const refusal = refusalOf(() => inspect(moduleOf(section(id, leb(2 ** 32 - 1), 0, 0)), defaultModuleLimits));
      expect(refusal.message).toMatch(/^invalid WebAssembly at byte 10: expected at most 2 .* got 4294967295$/);
    },
  );

  test("says where the bytes go wrong, what was expected and what came", () => {
    const refusal = refusalOf(() => inspect(moduleOf(section(1, 1, 0x60, 1, 0x40, 0)), defaultModuleLimits));
    expect(refusal.message).toBe("invalid WebAssembly at byte 13: expected a value type, got 0x40");
  });
});

describe("inspect() holds a module against its limits", () => {
  const many = (count: number, ...entry: number[]): number[] => Array.from({ length: count }, () => entry).flat();
  const t = section(1, 1, plain);
  test.each<[keyof ModuleLimits, Uint8Array, string]>([
    ["sections", moduleOf(section(0, 0), section(0, 0), section(0, 0), section(0, 0)), "4 sections"],
    ["types", moduleOf(section(1, 4, many(4, ...plain))), "4 types"],
    ["typeValues", moduleOf(section(1, 2, many(2, 0x60, 1, 0x7f, 1, 0x7e))), "4 parameters and results in its types"],
    ["nameCharacters", moduleOf(section(0, text("ab")), section(0, text("cd"))), "4 characters in its names"],
    ["nameCharacters", moduleOf(section(2, 1, text("ab"), text("cd"), 2, 0, 0)), "4 characters in its names"],
    [
      "nameCharacters",
      moduleOf(section(4, 1, 0x70, 0, 0), section(7, 1, text("abcd"), 1, 0)),
      "4 characters in its names",
    ],
    ["types", moduleOf(section(1, 1, 0x4e, 4, many(4, ...plain))), "4 types"],
    ["imports", moduleOf(t, section(2, 4, many(4, 0, 0, 0, 0))), "4 imports"],
    ["functions", moduleOf(t, functions(4), bodies([], [], [], [])), "4 functions"],
    ["tables", moduleOf(section(4, 4, many(4, 0x70, 0, 0))), "4 tables"],
    ["tableElements", moduleOf(section(4, 2, many(2, 0x70, 0, 2))), "4 table elements"],
    ["segmentElements", moduleOf(section(9, 2, many(2, 1, 0, 2, 0, 0))), "4 elements in its segments"],
    ["memories", moduleOf(section(5, 4, many(4, 0, 0))), "4 memories"],
    ["memories", moduleOf(section(2, 2, many(2, 0, 0, 2, 0, 0)), section(5, 2, many(2, 0, 0))), "4 memories"],
    ["globals", moduleOf(section(6, 4, many(4, 0x7f, 0, 0x41, 0, 0x0b))), "4 globals"],
    ["exports", moduleOf(t, functions(1), section(7, 4, many(4, 0, 0, 0))), "4 exports"],
    ["segments", moduleOf(section(9, 4, many(4, 1, 0, 0))), "4 element segments"],
    ["segments", moduleOf(section(11, 4, many(4, 1, 0))), "4 data segments"],
    ["localsPerFunction", moduleOf(t, functions(1), bodies([2, 1, 0x7f, 3, 0x7e, 0x0b])), "4 locals in function 0"],
    ["bodyBytes", moduleOf(t, functions(2), bodies([0, 0x0b], [0, 1, 1, 0x0b])), "4 bytes in the body of function 1"],
  ])("%s", (limit, bytes, sentence) => {
    const refusal = refusalOf(() => inspect(bytes, { ...defaultModuleLimits, [limit]: 3 }));
    expect(refusal.code).toBe("MODULE_INVALID");
    expect(refusal.message).toMatch(new RegExp(`^the module has ${sentence}; the limit is 3: (raise|build) .*$`));
    expect(() => inspect(bytes, { ...defaultModuleLimits, [limit]: 4 })).not.toThrow(/limit/);
  });

  test.each([
    ["parameters", [0x60, leb(1001), many(1001, 0x7f), 0]],
    ["results", [0x60, 0, leb(1001), many(1001, 0x7f)]],
  ])("a function has at most a thousand %s, as in V8", (what, type) => {
    const bytes = moduleOf(section(1, 1, ...type));
    expect(WebAssembly.validate(bytes)).toBe(false);
    expect(refusalOf(() => inspect(bytes, defaultModuleLimits)).message).toBe(
      `the module has 1001 ${what} of one function; the limit is 1000: build it with fewer`,
    );
  });

  test.each([
    ["functions", "raise WASMGATE_MODULE_MAX_FUNCTIONS, or build it with fewer"],
    ["table elements", "build it with smaller tables"],
    ["bytes in the body of function 1", "build it with smaller functions"],
    ["exports", "build it with fewer"],
  ])("says what would work for %s", (what, remedy) => {
    expect(refusalOf(() => hold(what, 4, 3)).message).toBe(`the module has 4 ${what}; the limit is 3: ${remedy}`);
    expect(() => hold(what, 3, 3)).not.toThrow();
  });

  test("sums locals without overflow", () => {
    const group = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f];
    const bytes = moduleOf(t, functions(1), bodies([2, ...group, ...group, 0x0b]));
    expect(refusalOf(() => inspect(bytes, defaultModuleLimits)).message).toContain(`has ${2 * (2 ** 32 - 1)} locals`);
  });
});
