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

const instructions = `(module (memory 1 3) (table $t 4 funcref) (elem $e (i32.const 0) $add $leaf) (elem $p funcref (ref.func $leaf))
  (data $d "abc") (tag $x (param i32)) (global $g (mut i32) (i32.const 0))
  (type $two (func (param i32 i32) (result i32 i32)))
  (func $leaf) (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $structure (param $p i32) (param $q i64) (result i32) (local $v v128)
    (block $a (block $b (loop $c (br_if $a (local.get $p)) (br_table $a $b $c $a (local.get $p)))))
    (if (result i32) (local.get $p) (then (i32.const 1)) (else (i32.const 2))) (i32.const 3)
    (loop (type $two) (local.set $p) (local.tee $p) (local.get $p) (br_if 0 (local.get $p))) (drop) (drop)
    try $t (call $leaf) catch $x (drop) (rethrow $t) catch_all (throw $x (i32.const 1)) end
    try try (call $leaf) delegate 0 catch_all end
    (call_indirect (type $two) (local.get $p) (i32.const 1) (i32.const 0)) (drop)
    (return_call $add (local.get $p)))
  (func $memory (param $p i32) (param $q i64) (local $v v128)
    (i32.store (local.get $p) (i32.const 70000)) (i64.store32 offset=70000 (i32.const 8) (local.get $q))
    (f32.store (i32.add (local.get $p) (i32.const 4)) (f32.const 1)) (f64.store offset=3 (i32.mul (local.get $p) (local.get $p)) (f64.const 2))
    (v128.store (local.get $p) (v128.load8x8_s (local.get $p))) (v128.store16_lane 3 (local.get $p) (local.get $v))
    (local.set $v (v128.load32_lane 1 (i32.load8_u (local.get $p)) (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get $v) (local.get $v))))
    (drop (i32x4.extract_lane 2 (i32x4.add (local.get $v) (v128.const i32x4 1 2 3 4))))
    (i32.atomic.store8 (local.get $p) (i32.const 1)) (drop (i64.atomic.rmw.cmpxchg (local.get $p) (local.get $q) (i64.const 1)))
    (drop (i32.atomic.rmw16.add_u offset=2 (local.get $p) (i32.const 2))) (atomic.fence) (drop (memory.atomic.notify (local.get $p) (i32.const 1)))
    (memory.fill (local.get $p) (i32.const 1) (i32.const 2)) (memory.copy (local.get $p) (i32.const 1) (i32.const 2))
    (memory.init $d (local.get $p) (i32.const 0) (i32.const 1)) (data.drop $d) (drop (memory.grow (memory.size)))
    (drop (i32.trunc_sat_f64_u (f64.const nan))) (drop (select (result i64) (local.get $q) (i64.extend8_s (local.get $q)) (local.get $p))))
  (func $tables (param $p i32) (local $r funcref)
    (table.set $t (local.get $p) (ref.func $leaf)) (local.set $r (table.get $t (i32.const 0))) (drop (table.grow $t (ref.null func) (table.size $t)))
    (table.fill $t (i32.const 0) (local.get $r) (i32.const 1)) (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))
    (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $p) (global.set $g (ref.is_null (local.get $r)))))`;

const typesOfReferences = section(1, 2, plain, [0x60, 1, 0x63, 0, 0]);

function body(type: number, ...bytes: number[]): Uint8Array<ArrayBuffer> {
  return moduleOf(
    typesOfReferences,
    section(3, 1, type),
    section(13, 1, 0, 0),
    section(10, 1, bytes.length + 2, 0, bytes, end),
  );
}

/** Title and bytes of each. */
export const features: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
  ["nothing", moduleOf()],
  ["everything that text can say", wat(everything)],
  ["instructions of every kind", wat(instructions)],
  ["try_table", body(0, 0x02, 0x69, 0x1f, 0x40, 2, 1, 0, 0, 2, 1, 0x10, 0, end, 0, end, 0x1a)],
  [
    "casts and call_ref",
    body(1, 0x02, 0x6e, 0xd0, 0x6e, 0xfb, 24, 3, 0, 0x6e, 0x6b, end, 0xfb, 23, 0x6c, 0x1a, 0x20, 0, 0x14, 0),
  ],
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
