/**
 * Small modules, one for each part of the binary format that Node 26 accepts and compilers write; all of them valid.
 * A reader has to take every one, and mutations of them reach every part of it.
 */
import { leb, moduleOf, section, text } from "./module-bytes.ts";
import { wat } from "./wat.ts";

const end = 0x0b;
const plain = [0x60, 0, 0]; // () -> ()
const types = section(1, 3, plain, [0x5f, 1, 0x7f, 0], [0x5e, 0x7f, 1]); // function, struct { i32 }, array of mut i32
const functions = section(3, 1, 0);
const code = section(10, 1, 2, 0, end);

function global(type: readonly number[], ...expression: number[]): Uint8Array<ArrayBuffer> {
  return moduleOf(types, functions, section(6, 1, type, 0, expression, end), section(7, 1, text("f"), 0, 0), code);
}

function elements(...segment: number[]): Uint8Array<ArrayBuffer> {
  return moduleOf(types, functions, section(4, 1, 0x70, 0, 1), section(9, 1, segment), code);
}

const u64max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
const valueTypes = [
  0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x74, 0x73, 0x72, 0x71, 0x70, 0x6f, 0x6e, 0x6d, 0x6c, 0x6b, 0x6a, 0x69,
];

const everything = `(module
  (type $t (func (param i32 i64) (result f32 f64)))
  (import "a" "f" (func (param i32) (result i32)))
  (import "a" "g" (global (mut i64)))
  (import "a" "m" (memory 1 2))
  (import "a" "t" (table 1 10 funcref))
  (import "a" "e" (tag (param i32)))
  (table $tt 3 externref)
  (memory $m1 1 3)
  (memory $m2 i64 1 2)
  (tag $e (param i64))
  (global $gg i32 (i32.const -5))
  (global (mut v128) (v128.const i32x4 1 2 3 4))
  (global i32 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3))))
  (global i64 (i64.sub (i64.const -9007199254740993) (i64.const 1)))
  (global f64 (f64.const nan))
  (global f32 (f32.const 1.5))
  (export "x" (func $x)) (export "memory" (memory $m1)) (export "gg" (global $gg))
  (export "tt" (table $tt)) (export "e" (tag $e))
  (start $s)
  (elem (table 0) (i32.const 0) func $x)
  (elem func $s $x)
  (elem declare func $x)
  (elem (table $tt) (offset (i32.const 1)) externref (ref.null extern))
  (elem funcref (ref.null func) (ref.func $s))
  (data (i32.const 0) "hi")
  (data "passive")
  (func $x (type $t) (local i32 i64 v128 externref) f32.const 1 f64.const 2)
  (func $s)
  (func (export "drop") data.drop 1))`;

/** Title and bytes of each. */
export const features: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
  ["nothing", moduleOf()],
  ["everything that text can say", wat(everything)],
  ["every abstract value type", moduleOf(section(1, 1, 0x60, leb(valueTypes.length), valueTypes, 0))],
  ["references that are not null", moduleOf(section(1, 2, plain, 0x60, 3, 0x64, 0, 0x64, 0x70, 0x63, 0x6e, 0))],
  ["a heap type in five bytes", moduleOf(section(1, 1, 0x60, 1, 0x63, 0xf0, 0xff, 0xff, 0xff, 0x7f, 0))],
  ["packed fields", moduleOf(section(1, 2, [0x5f, 2, 0x78, 0, 0x77, 1], [0x5e, 0x78, 1]))],
  ["subtypes", moduleOf(section(1, 2, [0x50, 0, 0x5f, 0], [0x4f, 1, 0, 0x5f, 1, 0x7f, 0]))],
  ["recursion groups", moduleOf(section(1, 2, [0x4e, 0], [0x4e, 2, [0x50, 0, 0x60, 0, 0], [0x5f, 1, 0x64, 0, 0]]))],
  ["a count that is longer than needed", moduleOf(section(5, 0x81, 0x80, 0x80, 0x80, 0, 0, 1))],
  ["a 32-bit memory without a maximum", moduleOf(section(5, 1, 0, 1))],
  ["a shared memory", moduleOf(section(5, 1, 3, 1, 2))],
  ["a 64-bit memory without a maximum", moduleOf(section(5, 1, 4, 1))],
  ["a shared 64-bit memory", moduleOf(section(5, 1, 7, 1, 2))],
  ["a 64-bit table", moduleOf(section(4, 1, 0x70, 5, 1, u64max))],
  ["a table that is filled", moduleOf(section(4, 1, 0x40, 0, 0x70, 0, 1, 0xd0, 0x70, end))],
  ["a tag", moduleOf(types, section(13, 1, 0, 0), section(7, 1, text("e"), 4, 0))],
  ["ref.null of a defined type", global([0x63, 0], 0xd0, 0)],
  ["ref.func", global([0x70], 0xd2, 0)],
  ["v128.const with a long opcode", global([0x7b], 0xfd, 0x8c, 0, ...Array<number>(16).fill(7))],
  ["struct.new", global([0x63, 1], 0x41, 0, 0xfb, 0, 1)],
  ["struct.new_default", global([0x63, 1], 0xfb, 1, 1)],
  ["array.new", global([0x63, 2], 0x41, 0, 0x41, 3, 0xfb, 6, 2)],
  ["array.new_default", global([0x63, 2], 0x41, 0, 0xfb, 7, 2)],
  ["array.new_fixed", global([0x63, 2], 0x41, 0, 0xfb, 8, 2, 1)],
  ["ref.i31", global([0x6c], 0x41, 0, 0xfb, 28)],
  ["any.convert_extern", global([0x6e], 0xd0, 0x6f, 0xfb, 26)],
  ["extern.convert_any", global([0x6f], 0xd0, 0x6e, 0xfb, 27)],
  ["an element segment, flags 0", elements(0, 0x41, 0, end, 1, 0)],
  ["an element segment, flags 1", elements(1, 0, 1, 0)],
  ["an element segment, flags 2", elements(2, 0, 0x41, 0, end, 0, 1, 0)],
  ["an element segment, flags 3", elements(3, 0, 1, 0)],
  ["an element segment, flags 4", elements(4, 0x41, 0, end, 1, 0xd2, 0, end)],
  ["an element segment, flags 5", elements(5, 0x70, 1, 0xd2, 0, end)],
  ["an element segment, flags 6", elements(6, 0, 0x41, 0, end, 0x70, 1, 0xd2, 0, end)],
  ["an element segment, flags 7", elements(7, 0x6f, 1, 0xd0, 0x6f, end)],
  [
    "data segments of each mode",
    moduleOf(
      section(5, 2, [0, 1], [1, 1, 2]),
      section(11, 3, [2, 1, 0x41, 0, end, 1, 9], [1, 1, 8], [0, 0x41, 3, end, 0]),
    ),
  ],
  ["locals of no number", moduleOf(types, functions, section(10, 1, [6, 2, 0, 0x7f, 1, 0x69, end]))],
  ["custom sections with the strangest names", moduleOf(section(0, 0), types, section(0, text("\ufeff\0"), 1, 2, 3))],
];
