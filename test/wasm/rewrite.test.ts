import { defaultModuleLimits, inspect } from "../../src/wasm/inspect.ts";
import { prepare, type Prepared } from "../../src/wasm/rewrite.ts";
import { features } from "../support/features.ts";
import { moduleOf, section, text } from "../support/module-bytes.ts";
import { refusalOf } from "../support/refusal.ts";
import { wat } from "../support/wat.ts";

type Exports = Record<string, WebAssembly.ExportValue>;

/** Instantiates as a host does: a memory for each that is asked for, with a maximum of the host's. */
function run(prepared: Prepared, maxPages: number, imports: WebAssembly.Imports = {}): Exports {
  const given: Record<string, WebAssembly.ModuleImports> = { ...imports };
  for (const { module, name, minPages, maxPages: own = maxPages, is64 } of prepared.memories) {
    const maximum = Math.min(own, maxPages);
    const shape = is64
      ? { address: "i64", initial: BigInt(minPages), maximum: BigInt(maximum) }
      : { initial: minPages, maximum };
    // The types of TypeScript 6.0 do not know 64-bit memories.
    const memory = Reflect.construct(WebAssembly.Memory, [shape]);
    given[module] = { ...given[module], [name]: memory };
  }
  return new WebAssembly.Instance(new WebAssembly.Module(prepared.bytes), given).exports;
}

function call(exports: Exports, name: string, ...args: (number | bigint)[]): unknown {
  const callee = exports[name];
  if (typeof callee !== "function") throw new Error(`no function ${name}`);
  return Reflect.apply(callee, undefined, args);
}

describe("prepare()", () => {
  test("leaves a module without memories as it is, and asks for nothing", () => {
    const bytes = wat(`(module (func (export "gcd") (param i32 i32) (result i32) local.get 0))`);
    const prepared = prepare(bytes);
    expect(prepared.memories).toEqual([]);
    expect(call(run(prepared, 1), "gcd", 6, 4)).toBe(6);
  });

  test("lets the host decide the maximum: growth past it answers -1 and leaves the size", () => {
    const prepared = prepare(
      wat(`(module (memory (export "memory") 1)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "size") (result i32) memory.size))`),
    );
    expect(prepared.memories).toEqual([{ module: "wasmgate", name: "memory0", minPages: 1, is64: false }]);
    const exports = run(prepared, 3);
    expect(exports["memory"]).toBeInstanceOf(WebAssembly.Memory);
    expect([1, 2, 1, 1].map((pages) => call(exports, "grow", pages))).toEqual([1, -1, 2, -1]);
    expect(call(exports, "size")).toBe(3);
    expect(call(run(prepared, 1), "grow", 1)).toBe(-1);
  });

  test("keeps the module's own maximum, which the host cannot exceed", () => {
    const bytes = wat(`(module (memory 1 2) (func (export "grow") (result i32) (memory.grow (i32.const 2))))`);
    const prepared = prepare(bytes);
    expect(prepared.memories).toEqual([{ module: "wasmgate", name: "memory0", minPages: 1, maxPages: 2, is64: false }]);
    expect(call(run(prepared, 100), "grow")).toBe(-1);
    const tooLarge = { wasmgate: { memory0: new WebAssembly.Memory({ initial: 1, maximum: 3 }) } };
    const module = new WebAssembly.Module(prepared.bytes);
    expect(() => new WebAssembly.Instance(module, tooLarge)).toThrow(WebAssembly.LinkError);
  });

  test("keeps data segments, element segments and the start function", () => {
    const prepared = prepare(
      wat(`(module (memory (export "memory") 1) (table 1 funcref) (elem (i32.const 0) $get)
        (data (i32.const 8) "\\2a") (data $later "\\07")
        (func $start (i32.store8 (i32.const 9) (i32.const 43)) (memory.init $later (i32.const 10) (i32.const 0) (i32.const 1)))
        (start $start)
        (func $get (param i32) (result i32) (i32.load8_u (local.get 0)))
        (func (export "get") (param i32) (result i32) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))))`),
    );
    const exports = run(prepared, 1);
    expect([8, 9, 10, 11].map((address) => call(exports, "get", address))).toEqual([42, 43, 7, 0]);
  });

  test("keeps a data segment that does not fit an error at instantiation", () => {
    const prepared = prepare(wat(`(module (memory 1) (data (i32.const 65536) "x"))`));
    expect(() => run(prepared, 2)).toThrow(WebAssembly.RuntimeError);
  });

  test("moves no function, global or memory where a module imports some", () => {
    const prepared = prepare(
      wat(`(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (import "env" "memory" (memory $theirs 1))
        (import "env" "base" (global $base i32))
        (memory $mine (export "memory") 2) (memory $other 3)
        (func $ten (result i32) (i32.const 10))
        (data (memory $theirs) (i32.const 0) "\\01") (data (i32.const 1) "\\02")
        (func (export "sum") (result i32)
          (i32.add (i32.add (call $yield) (call $ten)) (i32.add (global.get $base) (i32.load8_u $theirs (i32.const 1)))))
        (func (export "sizes") (result i32 i32 i32) (memory.size $theirs) (memory.size $mine) (memory.size $other)))`),
    );
    const theirs = new WebAssembly.Memory({ initial: 1 });
    const exports = run(prepared, 10, {
      wasi_snapshot_preview1: { sched_yield: () => 100 },
      env: { memory: theirs, base: 1000 },
    });
    expect(call(exports, "sum")).toBe(1112);
    expect(call(exports, "sizes")).toEqual([1, 2, 3]);
    expect(exports["memory"]).not.toBe(theirs);
    expect(prepared.memories.map(({ name, minPages }) => [name, minPages])).toEqual([
      ["memory0", 2],
      ["memory1", 3],
    ]);
  });

  test("bounds each of several memories", () => {
    const prepared = prepare(
      wat(`(module (memory $a 1) (memory $b 1 2)
        (func (export "grow") (result i32 i32) (memory.grow $a (i32.const 2)) (memory.grow $b (i32.const 1))))`),
    );
    expect(call(run(prepared, 2), "grow")).toEqual([-1, 1]);
    expect(call(run(prepared, 3), "grow")).toEqual([1, 1]);
  });

  test("bounds a 64-bit memory as well", () => {
    const prepared = prepare(
      wat(`(module (memory i64 1) (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))`),
    );
    expect(prepared.memories).toEqual([{ module: "wasmgate", name: "memory0", minPages: 1, is64: true }]);
    const exports = run(prepared, 2);
    expect([1n, 1n].map((pages) => call(exports, "grow", pages))).toEqual([1n, -1n]);
  });

  test("refuses a shared memory, whose growth it could not bound", () => {
    const refusal = refusalOf(() => prepare(wat("(module (memory 1 2 shared))")));
    expect(refusal.code).toBe("MODULE_UNSUPPORTED");
    expect(refusal.message).toContain("shared memory");
  });

  test("bounds tables, which share what all may hold: growth past it answers -1", () => {
    const grow = (table: number): string =>
      `(func (export "grow${table}") (param i32) (result i32) (table.grow ${table} (ref.null func) (local.get 0)))`;
    const prepared = prepare(
      wat(
        `(module (table 400000 400000 funcref) (table 1 funcref) (table 9 200000 funcref) ${grow(0)} ${grow(1)} ${grow(2)})`,
      ),
    );
    const exports = run(prepared, 1);
    const share = (defaultModuleLimits.tableElements - 400_010) / 2;
    expect(call(exports, "grow0", 1)).toBe(-1);
    expect([share + 1, share, 1].map((count) => call(exports, "grow1", count))).toEqual([-1, 1, -1]);
    expect([199_992, 199_991, 1].map((count) => call(exports, "grow2", count))).toEqual([-1, 9, -1]);
  });

  test("keeps what a table starts as, and bounds a 64-bit one", () => {
    const filled = section(4, 1, 0x40, 0, 0x70, 4, 2, 0xd2, 0, 0x0b);
    const body = [0, 0xd0, 0x70, 0x20, 0, 0xfc, 15, 0, 0x0b];
    const prepared = prepare(
      moduleOf(
        section(1, 1, 0x60, 1, 0x7e, 1, 0x7e),
        section(3, 1, 0),
        filled,
        section(7, 2, text("table"), 1, 0, text("grow"), 0, 0),
        section(10, 1, body.length, body),
      ),
    );
    const exports = run(prepared, 1);
    const table = exports["table"];
    expect(table instanceof WebAssembly.Table && Reflect.apply(table.get.bind(table), table, [1n])).toBe(
      exports["grow"],
    );
    expect(call(exports, "grow", 1n)).toBe(2n);
    expect(call(exports, "grow", BigInt(defaultModuleLimits.tableElements))).toBe(-1n);
  });

  test("gives every instance a memory of its own", () => {
    const prepared = prepare(
      wat(`(module (memory 1) (func (export "next") (result i32)
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (i32.load (i32.const 0))))`),
    );
    const [one, two] = [run(prepared, 1), run(prepared, 1)];
    expect([call(one, "next"), call(one, "next"), call(two, "next")]).toEqual([1, 2, 1]);
  });

  test("imports under a module name that the module does not use", () => {
    const source = `(module (import "wasmgate" "memory0" (func)) (import "wasmgate1" "x" (func)) (memory 1))`;
    expect(prepare(wat(source)).memories).toEqual([{ module: "wasmgate2", name: "memory0", minPages: 1, is64: false }]);
  });

  test("drops custom sections wherever they stand", () => {
    const note = section(0, text("note"), 1, 2, 3);
    const memory = section(5, 1, 0, 1);
    const exported = section(7, 1, text("memory"), 2, 0);
    const prepared = prepare(moduleOf(note, memory, note, exported, note));
    expect(inspect(prepared.bytes, defaultModuleLimits).customSections).toEqual([]);
    expect(prepared.bytes).toEqual(prepare(moduleOf(memory, exported)).bytes);
  });

  test.each(features.filter(([title]) => !title.includes("shared")))("keeps valid: %s", (_title, bytes) => {
    const { bytes: out, memories } = prepare(bytes);
    expect(WebAssembly.validate(out)).toBe(true);
    const [before, after] = [inspect(bytes, defaultModuleLimits), inspect(out, defaultModuleLimits)];
    expect(after.memories).toEqual(before.memories.map((memory) => ({ ...memory, imported: true })));
    expect(after.exports.map(({ name, kind }) => [name, kind])).toEqual(
      before.exports.map(({ name, kind }) => [name, kind]),
    );
    expect(memories).toHaveLength(before.memories.filter(({ imported }) => !imported).length);
  });

  test.each([
    ["no module", new Uint8Array([1, 2, 3]), "MODULE_INVALID"],
    ["a component", Buffer.from("0061736d0d000100", "hex"), "IMAGE_UNSUPPORTED"],
    ["imports cut short", moduleOf(section(2, 2, text("a"), text("b"), 3, 0x7f, 0)), "MODULE_INVALID"],
    ["bytes behind the imports", moduleOf(section(2, 0, 0)), "MODULE_INVALID"],
    ["bytes behind the memories", moduleOf(section(5, 1, 0, 1, 0)), "MODULE_INVALID"],
    ["bytes behind the tables", moduleOf(section(4, 1, 0x70, 0, 1, 0)), "MODULE_INVALID"],
    ["2^32-1 memories", moduleOf(section(5, 0xff, 0xff, 0xff, 0xff, 0x0f)), "MODULE_INVALID"],
  ])("refuses %s", (_title, bytes, code) => {
    expect(refusalOf(() => prepare(bytes)).code).toBe(code);
  });
});
