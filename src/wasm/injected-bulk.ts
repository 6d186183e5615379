/**
 * The functions that take the place of memory.fill, memory.copy and memory.init: the same effects and the same traps, but
 * in steps, with a look at the deadline before each, and with the range marked.
 *
 * V8 ends none of these instructions half way. A loop around a large one outlived terminate() by seconds
 * (reference/recycling.md), and one of 4 GiB is long by itself.
 */
import * as asm from "./assembler.ts";
import { type Code, get, i32, i64, op, repeat, set, tee, when, whenElse } from "./assembler.ts";
import { deadline, type Injected, type Layout, markShift, type MemoryLayout } from "./injected.ts";

/** Bytes that are moved before the deadline is looked at again; they take about 3 us. */
const stepBytes = 65536;
const pageShift = 16;

const i32Type = 0x7f;
const guest = asm.memory(0);

type Bulk = { readonly layout: Layout; readonly memory: MemoryLayout };

/** fill(to, value, count): memory.fill in steps. */
export function fill(bulk: Bulk): Injected {
  const [to, value, count] = [0, 1, 2];
  const move = (length: Code): Code => [get(to), get(value), length, guest.fill];
  return bulkFunction(bulk, {
    check: insideMemory(to, count),
    steps: forward(bulk, move, [to]),
    move: move(get(count)),
  });
}

/** copy(to, from, count): memory.copy in steps, from the end where that is what overlapping ranges need. */
export function copy(bulk: Bulk): Injected {
  const [to, from, count] = [0, 1, 2];
  const move = (length: Code): Code => [get(to), get(from), length, guest.copyFrom(0)];
  const behind = (start: number): Code => [get(start), get(count), op.i32Add, i32(stepBytes), op.i32Sub];
  const backward = repeat(
    deadline(bulk.layout.flag),
    [behind(to), behind(from), i32(stepBytes), guest.copyFrom(0)],
    [get(count), i32(stepBytes), op.i32Sub, tee(count), i32(stepBytes), op.i32GtU],
  );
  return bulkFunction(bulk, {
    check: [insideMemory(to, count), insideMemory(from, count)],
    steps: [get(to), get(from), op.i32LeU, whenElse(forward(bulk, move, [to, from]), backward)],
    move: move(get(count)),
  });
}

/** init(to, from, count): memory.init of one segment, in steps. */
export function init(bulk: Bulk, segment: number): Injected {
  const [to, from, count] = [0, 1, 2];
  const move = (length: Code): Code => [get(to), get(from), length, guest.init(segment)];
  // The engine knows how long the segment is, or that it was dropped: nothing is copied from its presumed end.
  const end = [get(from), get(count), op.i32Add];
  const insideSegment = [end, get(from), op.i32LtU, when(trap), [i32(0), end, i32(0), guest.init(segment)]];
  return bulkFunction(bulk, {
    check: [insideMemory(to, count), insideSegment],
    steps: forward(bulk, move, [to, from]),
    move: move(get(count)),
  });
}

/** Checks, before anything is written, what is too long for one step; marks; moves the steps, then what is left. */
function bulkFunction({ layout, memory }: Bulk, parts: { check: Code; steps: Code; move: Code }): Injected {
  const [to, count, first, last] = [0, 2, 3, 4];
  const long = [get(count), i32(stepBytes), op.i32GtU];
  const body = [
    deadline(layout.flag),
    [long, when(parts.check)],
    memory.marks === undefined ? [] : [get(count), when(markRange(memory.marks, { to, count, first, last }))],
    [long, when(parts.steps)],
    parts.move,
  ];
  return { params: 3, results: 0, body: asm.functionBody([i32Type, i32Type], body) };
}

/**
 * Marks the first and the last page of a range, and what is between. A short range may still lie outside the memory:
 * then the instruction that follows traps, or this does, in the same words.
 */
function markRange(marksIndex: number, locals: { to: number; count: number; first: number; last: number }): Code {
  const { to, count, first, last } = locals;
  const marks = asm.memory(marksIndex);
  return [
    [get(to), i32(markShift), op.i32ShrU, tee(first), i32(1), marks.store8()],
    [get(to), get(count), op.i32Add, i32(1), op.i32Sub, i32(markShift), op.i32ShrU, tee(last), i32(1), marks.store8()],
    [get(last), get(first), op.i32Sub, i32(1), op.i32GtU],
    when([get(first), i32(1), get(last), get(first), op.i32Sub, marks.fill]),
  ];
}

/** Moves full steps from the front for as long as more than one is left. */
function forward({ layout }: Bulk, move: (length: Code) => Code, starts: readonly number[]): Code {
  return repeat(
    deadline(layout.flag),
    move(i32(stepBytes)),
    starts.map((start) => [get(start), i32(stepBytes), op.i32Add, set(start)]),
    [get(2), i32(stepBytes), op.i32Sub, tee(2), i32(stepBytes), op.i32GtU],
  );
}

/** Traps as the engine does for an address outside; no memory has this one. */
const trap: Code = [i32(-1), guest.load(-1), op.drop];

function insideMemory(start: number, count: number): Code {
  const wide = (local: number): Code => [get(local), op.i64ExtendI32U];
  const sizeBytes = [guest.size, op.i64ExtendI32U, i64(pageShift), op.i64Shl];
  return [wide(start), wide(count), op.i64Add, sizeBytes, op.i64GtU, when(trap)];
}
