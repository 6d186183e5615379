/** What a rewritten module keeps of the original, what restore() brings back, and where the deadline is looked at. */
import { rewrite } from "../../src/wasm/rewrite.ts";
import { leb, moduleOf, section, text } from "../support/module-bytes.ts";
import { outcomeOf, recycled, rewriteOf } from "../support/recycled.ts";
import { wat } from "../support/wat.ts";

const variants = [true, false];
const end = 0x0b;

describe("restore()", () => {
  const bytes = wat(`(module
    (import "host" "same" (func $same (param externref)))
    (global $i (mut i32) (i32.const 5)) (global $l (mut i64) (i64.const -9007199254740993))
    (global $f (mut f32) (f32.const nan:0x200001)) (global $d (mut f64) (f64.const -0))
    (global $v (mut v128) (v128.const i64x2 -2 3)) (global $r (mut funcref) (ref.func $a)) (global $x (mut externref) (ref.null extern))
    (table 2 funcref) (elem (i32.const 0) $a $b)
    (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
    (func (export "change") (param $x externref)
      (global.set $i (i32.const 6)) (global.set $l (i64.const 7)) (global.set $f (f32.const 8)) (global.set $d (f64.const nan))
      (global.set $v (v128.const i64x2 0 0)) (global.set $r (ref.func $b)) (global.set $x (local.get $x)))
    (func (export "state") (result i32 i64 i32 i64 i64 i64 i32 i32)
      (global.get $i) (global.get $l) (i32.reinterpret_f32 (global.get $f)) (i64.reinterpret_f64 (global.get $d))
      (i64x2.extract_lane 0 (global.get $v)) (i64x2.extract_lane 1 (global.get $v))
      (ref.is_null (global.get $r)) (ref.is_null (global.get $x)))
    (func (export "held") (result funcref) (global.get $r)) (export "a" (func $a)) (export "b" (func $b)))`);

  test.each(variants)("brings every global back to its bits (tracked: %p)", (tracked) => {
    const guest = recycled(bytes, { tracked, imports: { host: { same: () => undefined } } });
    const before = guest.call("state");
    expect(guest.rewritten.recyclable).toBe(true);
    guest.call("change", { some: "object" });
    expect(guest.call("state")).not.toEqual(before);
    expect(guest.call("held")).toEqual({ result: guest.exports["b"] });
    guest.restore();
    expect(guest.call("state")).toEqual(before);
    expect(guest.call("held")).toEqual({ result: guest.exports["a"] });
  });

  test("brings back what start and save() left, not what the module declares", () => {
    const started = wat(`(module (memory 1) (global $g (mut i32) (i32.const 1)) (start $s)
      (func $s (global.set $g (i32.const 40)) (drop (memory.grow (i32.const 2))) (i32.store (i32.const 8) (i32.const 3)))
      (func (export "next") (result i32 i32 i32) (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (drop (memory.grow (i32.const 1))) (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
        (global.get $g) (memory.size) (i32.load (i32.const 8))))`);
    for (const tracked of variants) {
      const guest = recycled(started, { tracked });
      for (let round = 0; round < 3; round += 1) {
        expect(guest.call("next")).toEqual({ result: [41, 4, 4] });
        guest.restore();
      }
      expect([guest.call("next"), guest.call("next")][1]).toEqual({ result: [42, 5, 5] });
    }
  });

  test("brings back a global that must not be null", () => {
    const bytes_ = moduleOf(
      section(1, 2, [0x60, 0, 0], [0x60, 0, 1, 0x64, 0]),
      section(3, 3, 0, 0, 1),
      section(6, 1, 0x64, 0, 1, 0xd2, 0, end),
      section(7, 4, [text("a"), 0, 0], [text("b"), 0, 1], [text("get"), 0, 2], [text("g"), 3, 0]),
      section(10, 3, [2, 0, end], [6, 0, 0xd2, 0, 0x24, 0, end], [4, 0, 0x23, 0, end]),
    );
    const guest = recycled(bytes_, { tracked: true });
    const { g, b } = guest.exports;
    if (!(g instanceof WebAssembly.Global)) throw new Error("no global");
    g.value = b;
    expect(guest.call("get")).toEqual({ result: b });
    guest.restore();
    expect(guest.call("get")).toEqual({ result: guest.exports["a"] });
  });
});

describe("the deadline", () => {
  const bytes =
    wat(`(module (memory 1) (type $t (func (param i32) (result i32))) (table 3 funcref) (elem (i32.const 0) $leaf $recursive $tail)
    (func $leaf (export "leaf") (type $t) (i32.add (local.get 0) (i32.const 1)))
    (func (export "loop") (loop $l (br $l)))
    (func (export "loop with operands") (i32.const 1) (loop $l (param i32) (drop) (i32.const 2) (br $l)))
    (func (export "bulk loop") (loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 60000)) (br $l)))
    (func (export "switch") (block $a (block $b (loop $l (br_table $l $l $l (i32.const 7))))))
    (func $recursive (export "recursive") (type $t) (call $recursive (local.get 0)))
    (func $tail (export "tail") (type $t) (return_call $tail (local.get 0)))
    (func (export "indirect") (type $t) (return_call_indirect (type $t) (local.get 0) (i32.const 2)))
    (func (export "calls") (type $t) (call_indirect (type $t) (local.get 0) (i32.const 0)))
    (func (export "caught") (loop $l try (call $thrower) catch_all end (br $l)))
    (func $thrower (throw $e)) (tag $e)
    (func (export "few calls") (type $t) ${"(local.set 0 (call $leaf (local.get 0)))".repeat(3)} (local.get 0)))`);
  const endless = ["loop", "loop with operands", "bulk loop", "switch", "recursive", "tail", "indirect", "caught"];

  test.each([...endless, "calls", "few calls"])("that has passed ends: %s", (name) => {
    for (const tracked of variants) {
      const guest = recycled(bytes, { tracked });
      guest.flag[0] = -7;
      expect(guest.call(name, 1)).toEqual({ trap: "unreachable" });
    }
  });

  test("that has not passed ends nothing", () => {
    for (const tracked of variants) {
      const guest = recycled(bytes, { tracked });
      guest.flag[0] = 0x7fff_ffff;
      expect(guest.call("calls", 1)).toEqual({ result: 2 });
      expect(guest.call("few calls", 1)).toEqual({ result: 4 });
    }
  });

  test("is not looked at in a leaf without loops", () => {
    const guest = recycled(bytes, { tracked: true });
    guest.flag[0] = -1;
    expect(guest.call("leaf", 1)).toEqual({ result: 2 });
  });

  test("is looked at before every call of the host, and every 64th in a row", () => {
    const before = (row: string): Uint8Array<ArrayBuffer> =>
      wat(`(module (import "host" "shoot" (func $shoot)) (func $leaf)
        (func (export "direct") (call $shoot) (call $shoot))
        (func (export "row") (call $shoot) ${row}))`);
    let shots = 0;
    const run = (row: string, name: string) => {
      shots = 0;
      const flag: { at?: Int32Array } = {};
      const shoot = (): void => {
        shots += 1;
        if (flag.at !== undefined) flag.at[0] = -1;
      };
      const guest = recycled(before(row), { tracked: false, imports: { host: { shoot } } });
      flag.at = guest.flag;
      return guest.call(name);
    };
    expect(run("", "direct")).toEqual({ trap: "unreachable" });
    expect(shots).toBe(1);
    expect(run("call $leaf ".repeat(63), "row")).toEqual({ result: undefined });
    expect(run("call $leaf ".repeat(64), "row")).toEqual({ trap: "unreachable" });
    // Looks where control does not come past count for nothing.
    const untaken = [
      "(if (i32.const 0) (then call $leaf call $leaf))",
      "(block (br 0) (loop call $leaf))",
      "(block (br 0) call $leaf)",
    ];
    for (const skipped of untaken) {
      expect(run(`${"call $leaf ".repeat(21)} ${skipped}`.repeat(4), "row")).toEqual({ trap: "unreachable" });
    }
  });
});

describe("rewrite()", () => {
  test("keeps exports, tables, start and data, and gives its own names to nothing that has them", () => {
    const names = ["setup", "begin", "save", "restore", "start", "size"].map((name) => `wasmgate.${name}`);
    const bytes = wat(`(module (import "wasmgate" "flag" (func $flag (result i32))) (memory (export "memory") 1)
      (table (export "table") 2 4 funcref) (elem (i32.const 1) $f) (data (i32.const 3) "abc")
      (global $n (mut i32) (i32.const 0)) (start $s) (func $s (global.set $n (call $flag)))
      (func $f (result i32) (i32.add (global.get $n) (i32.load8_u (i32.const 4))))
      ${names.map((name) => `(export "${name}" (func $f))`).join(" ")})`);
    for (const tracked of variants) {
      const guest = recycled(bytes, { tracked, imports: { wasmgate: { flag: () => 1000 } } });
      expect(guest.rewritten.imports.module).toBe("wasmgate1");
      expect(Object.values(guest.rewritten.exports)).toEqual(names.map((name) => `${name}1`));
      for (const name of names) expect(guest.call(name)).toEqual({ result: 1098 });
      const { table } = guest.exports;
      expect(table instanceof WebAssembly.Table && outcomeOf({ f: table.get(1) as never }, "f")).toEqual({
        result: 1098,
      });
      expect(guest.exports["memory"]).toBe(guest.memory);
    }
  });

  test("drops custom sections, and asks for a start only where there is one", () => {
    const { bytes, exports } = rewriteOf(moduleOf(section(0, text("name"), 1, 2, 3)), true);
    expect(WebAssembly.Module.customSections(new WebAssembly.Module(bytes), "name")).toEqual([]);
    expect(exports).toEqual({
      setup: "wasmgate.setup",
      begin: "wasmgate.begin",
      save: "wasmgate.save",
      restore: "wasmgate.restore",
    });
  });

  test("moves no function, global, type or memory", () => {
    const bytes = wat(`(module (import "a" "f" (func $f (param i64) (result i64))) (import "a" "g" (global $g i32))
      (memory 1) (global $m (mut f64) (f64.const 2)) (type $t (func (result f64)))
      (func (export "x") (type $t) (i64.store (i32.const 0) (call $f (i64.const 20)))
        (f64.add (global.get $m) (f64.convert_i64_u (i64.add (i64.load (i32.const 0)) (i64.extend_i32_u (global.get $g)))))))`);
    for (const tracked of variants) {
      const imports = { a: { f: (value: bigint) => value + 1n, g: 300 } };
      expect(recycled(bytes, { tracked, imports }).call("x")).toEqual({ result: 323 });
    }
  });

  test.each([
    ["imports a memory", '(module (import "a" "m" (memory 1)))'],
    ["has 2 memories", "(module (memory 1) (memory 1))"],
    ["has a shared memory", "(module (memory 1 2 shared))"],
    ["has a 64-bit memory", "(module (memory i64 1))"],
  ])("does not rewrite what %s", (reason, source) => {
    for (const tracked of variants) expect(rewrite(wat(source), { tracked })).toEqual({ rewritten: false, reason });
  });

  test.each([
    ["imports a table", '(module (import "a" "t" (table 1 funcref)))'],
    ["imports a mutable global", '(module (import "a" "g" (global (mut i32))))'],
    ["imports a tag", '(module (import "a" "t" (tag)))'],
    ["uses table.set", "(module (table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func))))"],
    ["has a memory of 4 GiB", "(module (memory 65536))"],
  ])("says that a module is single-use which %s", (reason, source) => {
    for (const tracked of variants) expect(rewriteOf(wat(source), tracked).recyclable).toBe(reason);
  });

  test("says that a module is single-use which defines struct or array types", () => {
    const bytes = moduleOf(section(1, 1, 0x5f, 0));
    expect(rewriteOf(bytes, true).recyclable).toBe("defines struct or array types");
  });

  test("refuses what the engine refuses, also where the rewritten would be valid", () => {
    // global.set of the global that would be $size; a store into the memory that would be the flag.
    const thief = (code: readonly number[]): Uint8Array<ArrayBuffer> =>
      moduleOf(
        section(1, 1, 0x60, 0, 0),
        section(3, 1, 0),
        section(5, 1, 0, 1),
        section(10, 1, leb(code.length), code),
      );
    for (const code of [
      [0, 0x41, 0, 0x24, 0, end],
      [0, 0x41, 0, 0x41, 0, 0x36, 0x42, 1, 0, end],
      [0, 0x10, 1, end],
    ]) {
      expect(() => rewrite(thief(code), { tracked: true })).toThrow(
        expect.objectContaining({ code: "MODULE_INVALID" }),
      );
    }
  });

  test("rewrites a function that has as many locals as the engine takes; that the result may have too many is the engine's to say", () => {
    const body = [1, ...leb(50_000), 0x7f, 0x41, 0, 0x41, 1, 0x6a, 0x41, 7, 0x41, 0, 0x4f, 0x36, 2, 0, end];
    const store = [...leb(body.length), ...body];
    const module = moduleOf(section(1, 1, 0x60, 0, 0), section(3, 1, 0), section(5, 1, 0, 1), section(10, 1, store));
    expect(WebAssembly.validate(module)).toBe(true);
    expect(() => rewriteOf(module, true)).not.toThrow();
  });

  test("tells a type index from a reference type in a block", () => {
    const types = Array<number[]>(101).fill([0x60, 0, 0]);
    const body = [0, 0x02, 0xe3, 0, 0x03, 0xe4, 0, end, end, 0x02, 0x63, 0x70, 0xd0, 0x70, end, 0x1a, end];
    const module = moduleOf(section(1, 101, types), section(3, 1, 0), section(10, 1, leb(body.length), body));
    expect(WebAssembly.validate(module)).toBe(true);
    expect(WebAssembly.validate(rewriteOf(module, true).bytes)).toBe(true);
  });
});
