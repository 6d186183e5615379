/**
 * Passes over constant expressions: what a global starts with, where a segment goes, what a table is filled with.
 * https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions (3.0)
 *
 * They hold no blocks, so the first `end` is the last byte. Whether they are well typed is for the engine to say.
 */
import { invalidModule, type Reader } from "./binary.ts";
import { readHeapType } from "./value-types.ts";

type Pass = (reader: Reader) => void;

const index: Pass = (reader) => void reader.u32("an index");
const nothing: Pass = () => undefined;

/** What follows each opcode that may stand in a constant expression. */
const immediates: Readonly<Record<number, Pass>> = {
  0x23: index, // global.get
  0x41: (reader) => void reader.signed("an i32", 32),
  0x42: (reader) => void reader.signed("an i64", 64),
  0x43: (reader) => reader.skip(4, "an f32"),
  0x44: (reader) => reader.skip(8, "an f64"),
  0x6a: nothing, // i32.add, sub, mul
  0x6b: nothing,
  0x6c: nothing,
  0x7c: nothing, // i64.add, sub, mul
  0x7d: nothing,
  0x7e: nothing,
  0xd0: readHeapType, // ref.null
  0xd2: index, // ref.func
  0xfb: prefixed({
    0: index, // struct.new
    1: index, // struct.new_default
    6: index, // array.new
    7: index, // array.new_default
    8: (reader) => (index(reader), index(reader)), // array.new_fixed
    26: nothing, // any.convert_extern
    27: nothing, // extern.convert_any
    28: nothing, // ref.i31
  }),
  0xfd: prefixed({ 12: (reader) => reader.skip(16, "a v128") }),
};

const end = 0x0b;

/** Passes over one constant expression, its `end` included. */
export function passConstantExpression(reader: Reader): void {
  for (;;) {
    const start = reader.offset;
    const opcode = reader.byte("a constant expression");
    if (opcode === end) return;
    const pass = immediates[opcode];
    if (pass === undefined) throw notConstant(start, opcode);
    pass(reader);
  }
}

function prefixed(table: Readonly<Record<number, Pass>>): Pass {
  return (reader) => {
    const start = reader.offset;
    const opcode = reader.u32("an opcode");
    const pass = table[opcode];
    if (pass === undefined) throw notConstant(start, opcode);
    pass(reader);
  };
}

function notConstant(offset: number, opcode: number): Error {
  return invalidModule(offset, "an instruction of a constant expression", `0x${opcode.toString(16)}`);
}
