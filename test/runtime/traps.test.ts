/** Every trap of a real guest gets its name, whatever V8 calls it. */
import { enter } from "../../src/runtime/guest.ts";
import type { Trap } from "../../src/runtime/protocol.ts";
import { outOfMemory, trapped } from "../../src/runtime/traps.ts";
import { wat } from "../support/wat.ts";

/** What a guest throws that runs these instructions. */
function thrownBy(body: string): unknown {
  const module = wat(`(module (memory 1) (table 2 2 funcref) (type $void (func)) (tag $tag)
    (func $other (result i32) i32.const 1) (elem (i32.const 0) func $other) (elem func $other) (data "abc")
    (func $f (export "f") ${body}))`);
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
  if (typeof f !== "function") throw new Error("no function");
  try {
    f();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("the guest did not trap");
}

const guests: readonly (readonly [Trap, string])[] = [
  ["unreachable", "unreachable"],
  ["out of bounds memory access", "i32.const -1 i32.load drop"],
  ["out of bounds memory access", "i32.const 65533 i32.const 0 i32.store"],
  ["out of bounds memory access", "i32.const -1 i32.const 0 i32.const 10 memory.fill"],
  ["out of bounds memory access", "i32.const 0 i32.const -1 i32.const 10 memory.copy"],
  ["out of bounds memory access", "i32.const 0 i32.const 0 i32.const 99 memory.init 0"],
  ["out of bounds table access", "i32.const 99 table.get 0 drop"],
  ["out of bounds table access", "i32.const 99 ref.null func table.set 0"],
  ["out of bounds table access", "i32.const 99 ref.null func i32.const 1 table.fill 0"],
  ["out of bounds table access", "i32.const 0 i32.const 0 i32.const 99 table.init 0 0"],
  ["out of bounds table access", "i32.const 99 call_indirect (type $void)"],
  ["indirect call type mismatch", "i32.const 0 call_indirect (type $void)"],
  ["indirect call type mismatch", "i32.const 1 call_indirect (type $void)"],
  ["integer divide by zero", "i32.const 1 i32.const 0 i32.div_s drop"],
  ["integer divide by zero", "i64.const 1 i64.const 0 i64.rem_u drop"],
  ["integer overflow", "i32.const 0x80000000 i32.const -1 i32.div_s drop"],
  ["invalid conversion to integer", "f64.const 1e300 i32.trunc_f64_s drop"],
  ["invalid conversion to integer", "f32.const nan i64.trunc_f32_u drop"],
  ["uncaught exception", "throw $tag"],
  ["stack overflow", "call $f"],
];

describe("trapped()", () => {
  test.each(guests)("names %s for: %s", (trap, body) => {
    const outcome = trapped(thrownBy(body));
    expect(outcome).toMatchObject({ kind: "trapped", trap });
    expect(outcome.message).not.toBe("");
  });

  test("names a null reference", () => {
    // (func (export "f") ref.null $void call_ref $void): typed references, which wabt cannot write.
    const bytes = Uint8Array.of(
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0],
      ...[0x0a, 8, 1, 6, 0, 0xd0, 0, 0x14, 0, 0x0b],
    );
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    const outcome = enter({ exports: {} }, () => {
      if (typeof f === "function") f();
      return { kind: "returned", output: new Uint8Array(0) };
    });
    expect(outcome).toMatchObject({ kind: "trapped", trap: "null reference" });
  });

  test.each([
    () => new WebAssembly.Memory({ initial: 1, maximum: 1 }).grow(1),
    () => new ArrayBuffer(1e14),
    () => new WebAssembly.Memory({ initial: 65536 + 1 }),
  ])("names a lack of memory: %s", (allocate) => {
    let thrown: unknown;
    try {
      allocate();
    } catch (failure) {
      thrown = failure;
    }
    expect(trapped(thrown)).toMatchObject({ trap: "out of memory" });
    expect(outOfMemory("words")).toEqual({ kind: "trapped", trap: "out of memory", message: "words" });
  });

  test("calls what it does not know a trap, with its words", () => {
    expect(trapped(new TypeError("odd"))).toEqual({ kind: "trapped", trap: "trap", message: "TypeError: odd" });
    expect(trapped(new WebAssembly.RuntimeError("new in V8"))).toMatchObject({ trap: "trap" });
    expect(trapped(new RangeError("odd"))).toMatchObject({ trap: "trap" });
    expect(trapped(undefined)).toMatchObject({ trap: "trap", message: "the guest trapped" });
  });
});
