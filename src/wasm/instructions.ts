/**
 * Every instruction that Node 26 (V8 14.6) accepts without a flag: what follows its opcode, what it does to the operand
 * stack, and what the rewriter makes of it. One table, expanded once into bytes that a walk can index.
 * https://webassembly.github.io/spec/core/binary/instructions.html (3.0); legacy exceptions and relaxed SIMD included
 *
 * An instruction's code is its opcode, or for a prefixed one `prefix number * 512 + opcode`: 0xfb is 1, 0xfc 2, 0xfd 3,
 * 0xfe 4. What is not in the table is unknown, and a module that uses it is not rewritten.
 */

/** What follows an opcode. */
export const immediates = {
  unknown: 0,
  none: 1,
  /** One number in LEB128, of any width: an index, an i32, a heap type. */
  number: 2,
  twoNumbers: 3,
  byte: 4,
  fourBytes: 5,
  eightBytes: 6,
  sixteenBytes: 7,
  blockType: 8,
  /** br_table: a vector of labels and one more. */
  labels: 9,
  /** select: a vector of value types. */
  valueTypes: 10,
  /** try_table: a block type and a vector of catch clauses. */
  catches: 11,
  memarg: 12,
  memargLane: 13,
  /** br_on_cast: flags, a label, two heap types. */
  cast: 14,
} as const;

/** What an instruction is to the rewriter. */
export const roles = {
  /** Of no interest; what it does to the stack is not known. */
  other: 0,
  /** Of no interest; pops and pushes as its effect says. */
  plain: 1,
  localGet: 2,
  localSet: 3,
  localTee: 4,
  i32Const: 5,
  i32Add: 6,
  i32Sub: 7,
  /** Begins a block at whose end control may arrive from elsewhere. */
  block: 8,
  loop: 9,
  /** else, catch: ends one part of a block and begins another. */
  middle: 10,
  end: 11,
  call: 12,
  callByType: 13,
  store: 14,
  memorySize: 15,
  memoryGrow: 16,
  memoryFill: 17,
  memoryCopy: 18,
  memoryInit: 19,
  /** May take a millisecond or more each time; may have a lasting effect. */
  heavy: 20,
  /** Of no interest, but for an effect that outlives the call. */
  lasting: 21,
} as const;

/** One store: how many bytes it may write, and the types of the operands above the address. */
export type StoreForm = { readonly sizeBytes: number; readonly values: readonly number[]; readonly pushes: number };

const i32 = 0x7f;
const i64 = 0x7e;
const f32 = 0x7d;
const f64 = 0x7c;
const v128 = 0x7b;

const codesPerPrefix = 512;
const prefixes = [0, 0xfb, 0xfc, 0xfd, 0xfe];

/** By first byte: where the codes behind it start; 0 for a byte that is an opcode by itself. */
export const prefixBase = new Uint16Array(256);
prefixes.forEach((prefix, place) => (prefixBase[prefix] = place * codesPerPrefix));

/** By code: what follows. */
export const immediatesOf = new Uint8Array(prefixes.length * codesPerPrefix);
/** By code: what the rewriter makes of it. */
export const roleOf = new Uint8Array(prefixes.length * codesPerPrefix);
/** By code, of plain instructions: how many operands they pop and push. */
export const popsOf = new Uint8Array(prefixes.length * codesPerPrefix);
export const pushesOf = new Uint8Array(prefixes.length * codesPerPrefix);
/** By code. */
export const storeForms: (StoreForm | undefined)[] = [];
/** By code: the names of those that change state which an instance cannot be freed of. */
export const lastingEffects = new Map<number, string>();

/** Returns the code of an opcode behind a prefix; one that is out of range is that of an unknown instruction. */
export function codeOf(base: number, opcode: number): number {
  return opcode < codesPerPrefix ? base + opcode : codesPerPrefix - 1;
}

type Row = readonly [first: number, last: number, follows: number, role: number, pops?: number, pushes?: number];

const { none, number, twoNumbers, byte, fourBytes, eightBytes, sixteenBytes, memarg, memargLane } = immediates;
const { other, plain, block, middle, end, call, callByType, heavy, lasting } = roles;

const mvp: readonly Row[] = [
  [0x00, 0x00, none, other], // unreachable
  [0x01, 0x01, none, plain, 0, 0],
  [0x02, 0x02, immediates.blockType, block],
  [0x03, 0x03, immediates.blockType, roles.loop],
  [0x04, 0x04, immediates.blockType, block], // if
  [0x05, 0x05, none, middle], // else
  [0x06, 0x06, immediates.blockType, block], // try, legacy
  [0x07, 0x07, number, middle], // catch, legacy
  [0x08, 0x09, number, other], // throw, rethrow
  [0x0a, 0x0a, none, other], // throw_ref
  [0x0b, 0x0b, none, end],
  [0x0c, 0x0d, number, other], // br, br_if
  [0x0e, 0x0e, immediates.labels, other], // br_table
  [0x0f, 0x0f, none, other], // return
  [0x10, 0x10, number, call],
  [0x11, 0x11, twoNumbers, callByType], // call_indirect
  [0x12, 0x12, number, call], // return_call
  [0x13, 0x13, twoNumbers, callByType], // return_call_indirect
  [0x14, 0x15, number, callByType], // call_ref, return_call_ref
  [0x18, 0x18, number, end], // delegate, legacy
  [0x19, 0x19, none, middle], // catch_all, legacy
  [0x1a, 0x1a, none, plain, 1, 0], // drop
  [0x1b, 0x1b, none, plain, 3, 1], // select
  [0x1c, 0x1c, immediates.valueTypes, plain, 3, 1],
  [0x1f, 0x1f, immediates.catches, block], // try_table
  [0x20, 0x20, number, roles.localGet],
  [0x21, 0x21, number, roles.localSet],
  [0x22, 0x22, number, roles.localTee],
  [0x23, 0x23, number, plain, 0, 1], // global.get
  [0x24, 0x24, number, plain, 1, 0],
  [0x25, 0x25, number, plain, 1, 1], // table.get
  [0x26, 0x26, number, lasting], // table.set
  [0x28, 0x35, memarg, plain, 1, 1], // loads
  [0x3f, 0x3f, number, roles.memorySize],
  [0x40, 0x40, number, roles.memoryGrow],
  [0x41, 0x41, number, roles.i32Const],
  [0x42, 0x42, number, plain, 0, 1],
  [0x43, 0x43, fourBytes, plain, 0, 1],
  [0x44, 0x44, eightBytes, plain, 0, 1],
  [0x45, 0x45, none, plain, 1, 1], // i32.eqz
  [0x46, 0x4f, none, plain, 2, 1],
  [0x50, 0x50, none, plain, 1, 1], // i64.eqz
  [0x51, 0x66, none, plain, 2, 1],
  [0x67, 0x69, none, plain, 1, 1],
  [0x6a, 0x6a, none, roles.i32Add],
  [0x6b, 0x6b, none, roles.i32Sub],
  [0x6c, 0x78, none, plain, 2, 1],
  [0x79, 0x7b, none, plain, 1, 1],
  [0x7c, 0x8a, none, plain, 2, 1],
  [0x8b, 0x91, none, plain, 1, 1],
  [0x92, 0x98, none, plain, 2, 1],
  [0x99, 0x9f, none, plain, 1, 1],
  [0xa0, 0xa6, none, plain, 2, 1],
  [0xa7, 0xc4, none, plain, 1, 1], // conversions, sign extension
  [0xd0, 0xd0, number, plain, 0, 1], // ref.null
  [0xd1, 0xd1, none, plain, 1, 1],
  [0xd2, 0xd2, number, plain, 0, 1], // ref.func
  [0xd3, 0xd3, none, plain, 2, 1], // ref.eq
  [0xd4, 0xd4, none, plain, 1, 1], // ref.as_non_null
  [0xd5, 0xd6, number, other], // br_on_null, br_on_non_null
];

/** Garbage collection, 0xfb. */
const gc: readonly Row[] = [
  [0, 1, number, other], // struct.new
  [2, 5, twoNumbers, other], // struct.get, struct.set
  [6, 7, number, heavy], // array.new
  [8, 8, twoNumbers, other], // array.new_fixed
  [9, 10, twoNumbers, heavy], // array.new_data, array.new_elem
  [11, 14, number, other], // array.get, array.set
  [15, 15, none, other], // array.len
  [16, 16, number, heavy], // array.fill
  [17, 19, twoNumbers, heavy], // array.copy, array.init
  [20, 23, number, other], // ref.test, ref.cast
  [24, 25, immediates.cast, other], // br_on_cast
  [26, 30, none, other], // conversions, i31
];

/** Saturating conversions, bulk memory, tables, 0xfc. */
const bulk: readonly Row[] = [
  [0, 7, none, plain, 1, 1],
  [8, 8, twoNumbers, roles.memoryInit],
  [9, 9, number, lasting], // data.drop
  [10, 10, twoNumbers, roles.memoryCopy],
  [11, 11, number, roles.memoryFill],
  [12, 12, twoNumbers, heavy], // table.init
  [13, 13, number, lasting], // elem.drop
  [14, 14, twoNumbers, heavy], // table.copy
  [15, 15, number, heavy], // table.grow
  [16, 16, number, plain, 0, 1], // table.size
  [17, 17, number, heavy], // table.fill
];

/** Vectors, 0xfd; the gaps are opcodes that were never given out. */
const simd: readonly Row[] = [
  [0x00, 0x0a, memarg, plain, 1, 1], // loads
  [0x0c, 0x0c, sixteenBytes, plain, 0, 1],
  [0x0d, 0x0d, sixteenBytes, plain, 2, 1], // shuffle
  [0x0e, 0x14, none, other],
  [0x15, 0x22, byte, other], // lanes
  [0x23, 0x53, none, other],
  [0x54, 0x57, memargLane, other],
  [0x5c, 0x5d, memarg, plain, 1, 1],
  [0x5e, 0x99, none, other],
  [0x9b, 0xa1, none, other],
  [0xa3, 0xa4, none, other],
  [0xa7, 0xae, none, other],
  [0xb1, 0xb1, none, other],
  [0xb5, 0xba, none, other],
  [0xbc, 0xc1, none, other],
  [0xc3, 0xc4, none, other],
  [0xc7, 0xce, none, other],
  [0xd1, 0xd1, none, other],
  [0xd5, 0xe1, none, other],
  [0xe3, 0xed, none, other],
  [0xef, 0xff, none, other],
  [0x100, 0x113, none, other], // relaxed
];

/** Atomics, 0xfe. */
const atomics: readonly Row[] = [
  [0x00, 0x02, memarg, other], // notify, wait: on a memory of one thread they answer 0 and trap
  [0x03, 0x03, byte, plain, 0, 0], // fence
  [0x10, 0x16, memarg, plain, 1, 1], // loads
];

[mvp, gc, bulk, simd, atomics].forEach((rows, place) => {
  for (const [first, last, follows, role, pops = 0, pushes = 0] of rows) {
    for (let code = place * codesPerPrefix + first; code <= place * codesPerPrefix + last; code += 1) {
      immediatesOf[code] = follows;
      roleOf[code] = role;
      popsOf[code] = pops;
      pushesOf[code] = pushes;
    }
  }
});

function addStore(code: number, follows: number, form: StoreForm): void {
  immediatesOf[code] = follows;
  roleOf[code] = roles.store;
  storeForms[code] = form;
}

/** Type and bytes of the stores from 0x36. */
const plainStores = [
  [i32, 4], [i64, 8], [f32, 4], [f64, 8], [i32, 1], [i32, 2], [i64, 1], [i64, 2], [i64, 4],
] as const; // prettier-ignore
plainStores.forEach(([type, sizeBytes], index) =>
  addStore(0x36 + index, memarg, { sizeBytes, values: [type], pushes: 0 }),
);

const simdBase = codesPerPrefix * 3;
addStore(simdBase + 0x0b, memarg, { sizeBytes: 16, values: [v128], pushes: 0 });
[1, 2, 4, 8].forEach((sizeBytes, index) =>
  addStore(simdBase + 0x58 + index, memargLane, { sizeBytes, values: [v128], pushes: 0 }),
);

/** Type and bytes of each group of seven atomics: stores from 0x17, six read-modify-writes, compare-exchange. */
const atomicGroup = [[i32, 4], [i64, 8], [i32, 1], [i32, 2], [i64, 1], [i64, 2], [i64, 4]] as const; // prettier-ignore
for (let group = 0; group < 8; group += 1) {
  atomicGroup.forEach(([type, sizeBytes], index) => {
    const values = group === 7 ? [type, type] : [type];
    const opcode = 0x17 + group * atomicGroup.length + index;
    addStore(codesPerPrefix * 4 + opcode, memarg, { sizeBytes, values, pushes: group === 0 ? 0 : 1 });
  });
}

const lastingNames: readonly (readonly [code: number, name: string])[] = [
  [0x26, "table.set"],
  [codesPerPrefix * 2 + 9, "data.drop"],
  [codesPerPrefix * 2 + 12, "table.init"],
  [codesPerPrefix * 2 + 13, "elem.drop"],
  [codesPerPrefix * 2 + 14, "table.copy"],
  [codesPerPrefix * 2 + 15, "table.grow"],
  [codesPerPrefix * 2 + 17, "table.fill"],
];
for (const [code, name] of lastingNames) lastingEffects.set(code, name);
