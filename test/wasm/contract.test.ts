import { chooseContract, type Contract, type Wish } from "../../src/wasm/contract.ts";
import { defaultModuleLimits, inspect } from "../../src/wasm/inspect.ts";
import { moduleOf, section } from "../support/module-bytes.ts";
import { refusalOf } from "../support/refusal.ts";
import { wat } from "../support/wat.ts";

const memory = `(memory (export "memory") 1)`;
const wasi = `(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))`;

/** An exported function of a type in the notation of refusals, such as "i32,i32->i64". */
function func(name: string, type: string): string {
  const [params = "", results = ""] = type.split("->");
  const words = (list: string): string => list.replaceAll(",", " ");
  return `(func (export "${name}") (param ${words(params)}) (result ${words(results)}) unreachable)`;
}

function choose(source: string, wish: Partial<Wish> = {}): Contract {
  const info = inspect(wat(`(module ${source})`), defaultModuleLimits);
  return chooseContract(info, { functionName: "f", wasiCap: false, ...wish });
}

function refuse(source: string, wish: Partial<Wish> = {}): string {
  const refusal = refusalOf(() => choose(source, wish));
  expect(refusal.code).toBe("MODULE_UNSUPPORTED");
  return refusal.message;
}

describe("chooseContract() finds the contract of an export", () => {
  test("a pair in and a pair out with a memory is json-pointer", () => {
    const contract = choose(memory + func("f", "i32,i32->i32,i32"));
    expect(contract).toEqual({ kind: "json-pointer", export: "f", returns: "pair", wasi: false });
  });

  test("a pair in and an i64 out with a memory is json-pointer, packed", () => {
    const contract = choose(memory + func("f", "i32,i32->i64"));
    expect(contract).toEqual({ kind: "json-pointer", export: "f", returns: "packed", wasi: false });
  });

  test.each([
    ["", "i32,i32->i32,i32"],
    ["", "i32,i32->i64"],
    ['(memory (export "mem") 1)', "i32,i32->i64"],
    [memory, "i32,i32->i32"],
    [memory, "i32->i32"],
    [memory, "i64,f32,f64->f64,i64"],
    [memory, "->"],
    ["", "i32,i32,i32->"],
  ])("with %p, %s is scalars", (before, type) => {
    const [params = "", results = ""] = type.split("->");
    const list = (text: string): string[] => (text === "" ? [] : text.split(","));
    expect(choose(before + func("f", type))).toEqual({
      kind: "scalars",
      export: "f",
      params: list(params),
      results: list(results),
      wasi: false,
    });
  });

  test("_start of a module that is granted WASI is a command", () => {
    const source = wasi + memory + func("_start", "->") + func("main", "i32,i32->i32") + func("__main_void", "->i32");
    const contract = { kind: "wasi-command", export: "_start", wasi: true };
    expect(choose(source, { wasiCap: true })).toEqual(contract);
    expect(choose(source, { wasiCap: true, functionName: "main" })).toEqual(contract);
  });

  test("a grant that is not needed changes nothing", () => {
    const source = memory + func("f", "i32->i32");
    expect(choose(source, { wasiCap: true })).toEqual(choose(source));
  });

  test.each(["externref->i32", "->v128", "i32->funcref"])("%s fits none, and the refusal says what would", (type) => {
    const message = refuse(func("f", type));
    expect(message).toContain("the export f of type (");
    expect(message).toContain('(i32,i32)->(i32,i32) and (i32,i32)->i64 where a memory is exported as "memory"');
  });

  test("a pair returned through memory is recognised, and how to build it otherwise", () => {
    expect(refuse(memory + func("f", "i32,i32,i32->"))).toContain("-C target-feature=+multivalue");
  });
});

describe("chooseContract() runs initializers first", () => {
  test("_initialize before wizer.initialize, as Wizer does", () => {
    const both = func("wizer.initialize", "->") + func("_initialize", "->");
    expect(choose(both + func("f", "->i32")).initialize).toEqual(["_initialize", "wizer.initialize"]);
    expect(choose(func("_initialize", "->") + func("f", "->i32")).initialize).toEqual(["_initialize"]);
    expect(choose(func("f", "->i32")).initialize).toBeUndefined();
  });

  test("a reactor's exports are called like any others", () => {
    const source = wasi + memory + func("_initialize", "->") + func("run", "i32,i32->i32,i32");
    expect(choose(source, { wasiCap: true })).toEqual({
      kind: "json-pointer",
      export: "run",
      returns: "pair",
      wasi: true,
      initialize: ["_initialize"],
    });
  });

  test("only where their type is ()->(), and not before themselves", () => {
    expect(choose(func("_initialize", "i32->") + func("f", "->i32")).initialize).toBeUndefined();
    expect(choose(func("_initialize", "->"), { exportName: "_initialize" }).initialize).toBeUndefined();
  });

  test("a command has no _initialize of ours", () => {
    const source = wasi + memory + func("_start", "->") + func("_initialize", "->") + func("wizer.initialize", "->");
    expect(choose(source, { wasiCap: true }).initialize).toEqual(["wizer.initialize"]);
  });
});

describe("chooseContract() chooses the export", () => {
  const two = func("f", "i32->i32") + func("g", "i64->i64");

  test("the one that the deploy names, before the one named like the function", () => {
    expect(choose(two, { exportName: "g" }).export).toBe("g");
    expect(choose(wasi + memory + func("_start", "->") + two, { exportName: "g", wasiCap: true }).export).toBe("g");
    expect(choose(func("_start", "->"), { exportName: "_start" }).kind).toBe("wasi-command");
  });

  test("refuses a named one that is missing, no function, or fits nothing, rather than take another", () => {
    const candidates = `"export" could be: f (i32)->(i32), g (i64)->(i64)`;
    expect(refuse(two, { exportName: "h" })).toBe(`the module exports no function h. ${candidates}`);
    expect(refuse(memory + two, { exportName: "memory" })).toContain("exports no function memory");
    expect(refuse(two + func("h", "->v128"), { exportName: "h" })).toBe(
      `the export h of type ()->(v128) fits no contract. ${candidates}`,
    );
    expect(refuse(two, { exportName: "" })).toContain('no function ""');
  });

  test("else the one named like the function, and refuses it when it fits nothing", () => {
    expect(choose(two).export).toBe("f");
    expect(choose(two, { functionName: "g" }).export).toBe("g");
    expect(refuse(func("f", "->v128") + func("g", "i64->i64"))).toContain("the export f of type ()->(v128)");
  });

  test("else the only one that fits", () => {
    expect(choose(func("g", "i64->i64") + func("v", "->v128")).export).toBe("g");
    expect(choose(memory + func("memory_", "i32->") + func("g", "i64->i64"), { functionName: "memory" }).export).toBe(
      "g",
    );
  });

  test.each([
    ["Rust and C", "_initialize:-> __wasm_call_ctors:-> __main_void:->i32 malloc:i32->i32 free:i32->"],
    ["AssemblyScript", "__new:i32,i32->i32 __pin:i32->i32 __unpin:i32-> __collect:->"],
    ["TinyGo", "calloc:i32,i32->i32 realloc:i32,i32->i32 asyncify_get_state:->i32 go_scheduler:->"],
    ["the canonical ABI", "cabi_realloc:i32,i32,i32,i32->i32 canonical_abi_free:i32,i32,i32->"],
    ["Emscripten", "stackSave:->i32 stackRestore:i32-> stackAlloc:i32->i32 emscripten_stack_get_end:->i32"],
    ["allocators by hand", "alloc:i32->i32 dealloc:i32,i32->i32"],
    ["functions without results", "reset:-> set:i32->"],
  ])("does not count housekeeping: %s", (_title, functions) => {
    const all = functions.split(" ").map((each) => func(...(each.split(":") as [string, string])));
    expect(choose(memory + all.join("") + func("g", "i32,i32->i64")).export).toBe("g");
  });

  test("but calls housekeeping that is named", () => {
    expect(choose(func("malloc", "i32->i32"), { functionName: "malloc" }).export).toBe("malloc");
    expect(choose(func("free", "i32->"), { exportName: "free" }).export).toBe("free");
  });

  test("else refuses and lists the candidates, at most twenty", () => {
    expect(refuse(two, { functionName: "x" })).toBe(
      `the module exports no function x, and several that could stand in for it. "export" could be: f (i32)->(i32), g (i64)->(i64)`,
    );
    expect(refuse(func("malloc", "i32->i32"))).toContain("and none that could stand in for it. Callable are");
    const many = Array.from({ length: 23 }, (_, index) => func(`f${index}`, "->i32")).join("");
    expect(refuse(many)).toMatch(/f19 \(\)->\(i32\) and 3 more$/);
  });

  test("without the grant _start is called only when it is named", () => {
    expect(refuse(memory + func("_start", "->"))).toContain("exports no function f");
  });
});

describe("chooseContract() refuses what no contract can run", () => {
  test.each([
    ["a shared memory", "(memory 1 2 shared)", "without threads"],
    ["a 64-bit memory", "(memory i64 1)", "wasm32"],
    ["WASI without an exported memory", wasi, 'exports no memory named "memory"'],
    ["WASI with something else exported as memory", wasi + func("memory", "->i32"), 'exports no memory named "memory"'],
    ["foreign imports", '(import "env" "x" (func))', "env.x"],
  ])("%s", (_title, source, sentence) => {
    expect(refuse(source + func("f", "i32->i32"), { wasiCap: true })).toContain(sentence);
  });

  test.each([
    ["arrays, whose size nothing bounds", [0x5e, 0x7f, 0]],
    ["structs, whose code nothing bounds", [0x5f, 1, 0x7f, 0]],
  ])("garbage-collected %s", (_title, type) => {
    const info = inspect(moduleOf(section(1, 1, type)), defaultModuleLimits);
    const refusal = refusalOf(() => chooseContract(info, { functionName: "f", wasiCap: false }));
    expect(refusal.code).toBe("MODULE_UNSUPPORTED");
    expect(refusal.message).toContain("build it for linear memory");
  });

  test("WASI without the grant, even for an export that does not use it", () => {
    expect(refuse(wasi + memory + func("f", "i32->i32"))).toContain('"wasi_cap": true');
  });
});
