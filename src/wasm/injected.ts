/**
 * The functions that we put into a guest: for the host setup, begin, save and restore; for the guest's own code grow, in
 * place of memory.grow. injected-bulk.ts has those for memory.fill, memory.copy and memory.init.
 *
 *   guest's memory (0)   flag              marks                        arena
 *   real pages           word 0: negative  one byte for each 4 KiB      ..| image of this function |..
 *   >= $size             when the call     of the guest's memory that   $imageAt  $imagePages
 *                        has to stop       was written to
 *
 * The real memory is as large as the host made it or $grow had to make it; $size is what the guest believes. What lies
 * between is zero when a call begins, whatever calls before it stored there: restore() looks at all of the real memory.
 */
import * as asm from "./assembler.ts";
import { call, type Code, get, getGlobal, i32, op, repeat, set, setGlobal, tee, when } from "./assembler.ts";
import { reachBytes } from "./known-marks.ts";

/** log2 of the bytes for which there is one mark. */
export const markShift = 12;
const pageShift = 16;
/** log2 of the marks of a page: they are read as one vector. */
const pageMarksShift = pageShift - markShift;
/** The last page stays out of reach: an address and a small distance then never overflow (known-marks.ts). */
const mostPages = 65535;

const i32Type = 0x7f;
const v128Type = 0x7b;
const guest = asm.memory(0);

/** Where things are in the rewritten module. */
export type Layout = {
  /** Index of the memory whose first word is negative when the guest must stop. */
  readonly flag: number;
  /** Absent for a module without memory. */
  readonly memory: MemoryLayout | undefined;
  /** Each global that a call can change, and the one that keeps what it was. */
  readonly shadows: readonly { readonly global: number; readonly shadow: number }[];
};

/** Indices of memories and globals, for a guest that has a memory. */
export type MemoryLayout = {
  /** The guest's own maximum, where it has one. */
  readonly maxPages: number | undefined;
  /** Absent where stores are not tracked. */
  readonly marks: number | undefined;
  readonly arena: number;
  readonly size: number;
  readonly limit: number;
  readonly imageAt: number;
  readonly imagePages: number;
};

/** An injected function: its parameters and results are all i32. */
export type Injected = { readonly params: number; readonly results: number; readonly body: Uint8Array };

/**
 * Ends the guest when its deadline has passed. A plain load: another thread's store was seen in every kind of loop, in
 * 0.2 to 4 ms. At a constant address, in a memory for each thread: with the address in a global, hash, sort, matmul,
 * sieve and the like took 1.10 times what they take without it, so 1.03 (Node 26.10, geometric mean of 7).
 */
export function deadline(flag: number): Code {
  return [i32(0), asm.memory(flag).load(), i32(0), op.i32LtS, when(op.unreachable)];
}

/** Marks the page of an address that the given code leaves on the stack. */
export function mark(marks: number, address: Code): Code {
  return [address, i32(markShift), op.i32ShrU, i32(1), asm.memory(marks).store8()];
}

/** setup(imageAt, imagePages): where this function's image lies in the arena. */
export function setup({ memory }: Layout): Injected {
  const code = memory === undefined ? [] : [get(0), setGlobal(memory.imageAt), get(1), setGlobal(memory.imagePages)];
  return { params: 2, results: 0, body: asm.functionBody([], code) };
}

/** begin(limitPages): how far the memory may grow; never past its own maximum. */
export function begin({ memory }: Layout): Injected {
  if (memory === undefined) return { params: 1, results: 0, body: asm.functionBody([]) };
  const most = i32(Math.min(memory.maxPages ?? mostPages, mostPages));
  const least = [get(0), most, get(0), most, op.i32LtU, op.select];
  return { params: 1, results: 0, body: asm.functionBody([], least, setGlobal(memory.limit)) };
}

/** save(): keeps the globals as they are. */
export function save({ shadows }: Layout): Injected {
  const code = shadows.map(({ global, shadow }) => [getGlobal(global), setGlobal(shadow)]);
  return { params: 0, results: 0, body: asm.functionBody([], code) };
}

/** restore(): makes globals and memory what they were at save(). */
export function restore({ shadows, memory }: Layout, restoreRange: number): Injected {
  const globals = shadows.map(({ global, shadow }) => [getGlobal(shadow), setGlobal(global)]);
  if (memory === undefined) return { params: 0, results: 0, body: asm.functionBody([], globals) };
  const reachable = [guest.size, i32(mostPages), op.i32GtU, when(op.unreachable)];
  const pages =
    memory.marks === undefined
      ? [i32(0), guest.size, i32(pageShift), op.i32Shl, call(restoreRange)]
      : restoreMarked(memory.marks, restoreRange);
  const locals = [i32Type, i32Type, i32Type, i32Type, i32Type, v128Type];
  return { params: 0, results: 0, body: asm.functionBody(locals, reachable, pages, globals) };
}

/** Restores each run of marked pages within 64 KiB as one range, and clears the marks. */
function restoreMarked(marksIndex: number, restoreRange: number): Code {
  const marks = asm.memory(marksIndex);
  const [at, end, bits, first, count, vector] = [0, 1, 2, 3, 4, 5];
  const startOfRun = [get(at), get(first), op.i32Add, i32(markShift), op.i32Shl, i32(reachBytes), op.i32Sub];
  const run = [
    [get(bits), op.i32Ctz, set(first)],
    [get(bits), get(first), op.i32ShrU, i32(-1), op.i32Xor, op.i32Ctz, set(count)],
    // The first page has nothing before it.
    [i32(0), startOfRun, get(at), get(first), op.i32Add, op.i32Eqz, op.select],
    [get(at), get(first), op.i32Add, get(count), op.i32Add, i32(markShift), op.i32Shl, i32(reachBytes), op.i32Add],
    call(restoreRange),
    // Adding the lowest bit of the run carries through it.
    [get(bits), get(bits), i32(1), get(first), op.i32Shl, op.i32Add, op.i32And, tee(bits)],
  ];
  const page = [
    [get(at), marks.loadVector, tee(vector), op.v128AnyTrue],
    when(
      [get(vector), asm.zeroVector, op.i8x16Ne, op.i8x16Bitmask, set(bits)],
      [get(at), asm.zeroVector, marks.storeVector],
      repeat(run),
    ),
    [get(at), i32(1 << pageMarksShift), op.i32Add, tee(at), get(end), op.i32LtU],
  ];
  return [guest.size, i32(pageMarksShift), op.i32Shl, tee(end), when(repeat(page))];
}

/** restoreRange(from, to): the image where it reaches, and zeros behind it; `to` may lie past the memory's end. */
export function restoreRange({ imageAt, imagePages, arena }: MemoryLayout): Injected {
  const [from, to, split, end] = [0, 1, 2, 3];
  const least = (one: number, other: Code): Code => [get(one), other, get(one), other, op.i32LtU, op.select];
  const imageEnd = [getGlobal(imagePages), i32(pageShift), op.i32Shl];
  const body = [
    [guest.size, i32(pageShift), op.i32Shl, set(end), least(to, get(end)), set(to)],
    [imageEnd, set(split), least(to, get(split)), set(split)],
    [get(from), get(split), op.i32LtU],
    when(
      [get(from), getGlobal(imageAt), get(from), op.i32Add, get(split), get(from), op.i32Sub, guest.copyFrom(arena)],
      [get(split), set(from)],
    ),
    [get(from), get(to), op.i32LtU],
    when([get(from), i32(0), get(to), get(from), op.i32Sub, guest.fill]),
  ];
  return { params: 2, results: 0, body: asm.functionBody([i32Type, i32Type], body) };
}

/** grow(pages): memory.grow within the limit; the real memory grows only when it is the smaller. */
export function grow({ size, limit }: MemoryLayout): Injected {
  const [pages, wanted] = [0, 1];
  const refuse = [i32(-1), op.return];
  const missing = [get(wanted), guest.size, op.i32Sub];
  const body = [
    [getGlobal(size), get(pages), op.i32Add, tee(wanted), getGlobal(size), op.i32LtU, when(refuse)], // it overflowed
    [get(wanted), getGlobal(limit), op.i32GtU, get(pages), i32(0), op.i32Ne, op.i32And, when(refuse)],
    [get(wanted), guest.size, op.i32GtU],
    when([missing, guest.grow, i32(-1), op.i32Eq, when(refuse)]),
    [getGlobal(size), get(wanted), setGlobal(size)],
  ];
  return { params: 1, results: 1, body: asm.functionBody([i32Type], body) };
}
