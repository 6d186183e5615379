/**
 * Writes instructions: as much of WebAssembly's text as the code that we put into guests needs, as arrays of bytes.
 *
 *   bytes(get(0), i32(12), op.i32ShrU)   is   local.get 0, i32.const 12, i32.shr_u
 */
import { Writer } from "./binary.ts";

/** Instructions, or parts of them. */
export type Code = number | readonly Code[];

/** Instructions without immediates. */
export const op = {
  unreachable: 0x00,
  end: 0x0b,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtU: 0x4b,
  i32LeU: 0x4d,
  i32GeU: 0x4f,
  i64GtU: 0x56,
  i32Ctz: 0x68,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32And: 0x71,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrU: 0x76,
  i64Add: 0x7c,
  i64Shl: 0x86,
  i64ExtendI32U: 0xad,
  v128AnyTrue: [0xfd, 0x53],
  i8x16Ne: [0xfd, 0x24],
  i8x16Bitmask: [0xfd, 0x64],
} as const;

const emptyBlock = 0x40;
/** In the alignment of a memarg: the index of a memory follows. */
const memoryIndexFollows = 0x40;

/** Flattens code into bytes. */
export function bytes(...code: readonly Code[]): number[] {
  return code.flatMap((each) => (typeof each === "number" ? [each] : bytes(...each)));
}

/** Returns an unsigned LEB128 number. */
export function u32(value: number): number[] {
  const unsigned = value >>> 0;
  return unsigned < 0x80 ? [unsigned] : [...new Writer().u32(unsigned).view()];
}

export const get = (local: number): Code => [0x20, u32(local)];
export const set = (local: number): Code => [0x21, u32(local)];
export const tee = (local: number): Code => [0x22, u32(local)];
export const getGlobal = (index: number): Code => [0x23, u32(index)];
export const setGlobal = (index: number): Code => [0x24, u32(index)];
export const i32 = (value: number): Code => [0x41, [...new Writer().i32(value).view()]];
export const i64 = (value: number): Code => [0x42, [...new Writer().i32(value).view()]];
export const zeroVector: Code = [0xfd, 0x0c, Array<number>(16).fill(0)];

/** What may be done with one memory, by its index. */
export function memory(index: number): {
  readonly size: Code;
  readonly grow: Code;
  readonly fill: Code;
  readonly init: (segment: number) => Code;
  readonly copyFrom: (source: number) => Code;
  readonly load: (offset?: number) => Code;
  readonly store8: (offset?: number) => Code;
  readonly loadVector: Code;
  readonly storeVector: Code;
} {
  const memarg = (align: number, offset: number): Code => [align + memoryIndexFollows, u32(index), u32(offset)];
  return {
    size: [0x3f, u32(index)],
    grow: [0x40, u32(index)],
    fill: [0xfc, 11, u32(index)],
    init: (segment) => [0xfc, 8, u32(segment), u32(index)],
    copyFrom: (source) => [0xfc, 10, u32(index), u32(source)],
    load: (offset = 0) => [0x28, memarg(2, offset)],
    store8: (offset = 0) => [0x3a, memarg(0, offset)],
    loadVector: [0xfd, 0, memarg(4, 0)],
    storeVector: [0xfd, 11, memarg(4, 0)],
  };
}

/** Runs what is inside when the condition on the stack is not 0. */
export const when = (...then: readonly Code[]): Code => [0x04, emptyBlock, then, op.end];
export const whenElse = (then: Code, otherwise: Code): Code => [0x04, emptyBlock, then, 0x05, otherwise, op.end];
/** Repeats what is inside for as long as it leaves something other than 0 on the stack. */
export const repeat = (...body: readonly Code[]): Code => [0x03, emptyBlock, body, 0x0d, 0, op.end];
export const call = (index: number): Code => [0x10, u32(index)];

/** Writes a function body with its locals, given as types in a row. */
export function functionBody(locals: readonly number[], ...code: readonly Code[]): Uint8Array {
  const body = new Writer().u32(locals.length);
  for (const type of locals) body.u32(1).byte(type);
  return body
    .bytes(bytes(...code))
    .byte(op.end)
    .finish();
}
