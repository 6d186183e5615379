/**
 * Rewrites the instructions of one function body after the other. What stays is copied in spans between the edits.
 *
 *   instruction             becomes
 *   loop                    loop, deadline
 *   entry of a function     deadline, where it has a call: recursion passes here, a leaf without loops cannot run long
 *   call of an import,      deadline, itself; so does every 64th other call on a way without a look
 *   table.fill, array.copy
 *   memory.size             global.get $size
 *   memory.grow/fill/copy   call of an injected function
 *   a store                 itself, mark of its page; where its address is a local plus a constant, the mark is made of
 *                           that; elsewhere the address is kept in a new local behind the function's own
 *
 * A mark comes behind its store, so that traps stay what they are: nothing can happen in between. It is of
 * (address + offset) mod 2^32, which is exact, for where that overflows the store has trapped.
 */
import * as asm from "./assembler.ts";
import { BodyEdits } from "./body-edits.ts";
import { CallsInRow } from "./calls-in-row.ts";
import { deadline } from "./injected.ts";
import { InstructionReader } from "./instruction-reader.ts";
import {
  immediates,
  immediatesOf,
  lastingEffects,
  popsOf,
  pushesOf,
  roleOf,
  roles,
  storeForms,
} from "./instructions.ts";
import type { Arity } from "./module-parts.ts";
import { constant, KnownMarks, unknown } from "./known-marks.ts";

/** What a body is rewritten for. */
export type BodyContext = {
  readonly bytes: Uint8Array;
  /** Index of the flag's memory. */
  readonly flag: number;
  /** Index of the marks' memory; absent where stores are not tracked. */
  readonly marks: number | undefined;
  /** Index of the global $size; absent without a memory. */
  readonly size: number | undefined;
  /** Returns the index of an injected function, which is there once it has been asked for. */
  readonly injected: (name: "grow" | "fill" | "copy" | "init", segment?: number) => number;
  readonly importedFunctions: number;
  /** Parameters and results of a function by index, of a type by index. */
  readonly arityOf: (functionIndex: number) => Arity;
};

/** A body's instructions as they are now; a view that the next body overwrites. */
export type RewrittenBody = {
  readonly instructions: Uint8Array;
  /** Types of the locals to declare behind the function's own. */
  readonly newLocals: readonly number[];
  /** The deadline has to stand before the first instruction. */
  readonly isGuarded: boolean;
  /** False for a body that stays as it is. */
  readonly isChanged: boolean;
};

/** Thrown for an instruction that is not in the table. */
export class UnknownInstruction extends Error {}

const mostLocals = 51_000; // V8's limit, and what one function may have of parameters

/** Where stores are not tracked, what touches the operand stack is of no interest either. */
const untrackedRoles = roleOf.map((role) => (role < roles.block || role === roles.store ? roles.other : role));

export class BodyRewriter {
  readonly #context: BodyContext;
  readonly #reader: InstructionReader;
  readonly #known = new KnownMarks(mostLocals);
  /** What has to stand before the first instruction of a function that is guarded. */
  readonly deadline: Uint8Array;
  readonly #roles: Uint8Array;
  readonly #edits: BodyEdits;
  readonly #calls = new CallsInRow();
  #hasCall = false;
  /** Names of instructions that were met and whose effects last beyond a call. */
  readonly lasting = new Set<string>();

  constructor(context: BodyContext) {
    this.#context = context;
    this.#reader = new InstructionReader(context.bytes);
    this.#edits = new BodyEdits(context.bytes);
    this.deadline = Uint8Array.from(asm.bytes(deadline(context.flag)));
    this.#roles = context.marks === undefined ? untrackedRoles : roleOf;
  }

  /**
   * Rewrites the instructions from start to end, in a function that has so many locals.
   * @throws {UnknownInstruction}
   * @throws {GatewayError} MODULE_INVALID
   */
  rewrite(start: number, end: number, locals: number): RewrittenBody {
    this.#known.beginFunction();
    this.#edits.begin(start, locals);
    this.#calls.beginFunction();
    this.#hasCall = false;
    const reader = this.#reader;
    reader.enter(start, end);
    while (!reader.isAtEnd) this.#instruction(reader.at, reader.code());
    const { isChanged, newLocals } = this.#edits;
    const instructions = this.#edits.finish(end);
    return { instructions, newLocals, isGuarded: this.#hasCall, isChanged: isChanged || this.#hasCall };
  }

  #instruction(start: number, code: number): void {
    const role = this.#roles[code] ?? roles.other;
    switch (role) {
      case roles.plain:
        this.#pass(code);
        this.#known.pop(popsOf[code] ?? 0);
        if (pushesOf[code] === 1) this.#known.push(unknown, 0);
        return;
      case roles.localGet:
        this.#known.push(this.#reader.number(), 0);
        return;
      case roles.i32Const:
        this.#known.push(constant, this.#reader.signed());
        return;
      case roles.i32Add:
      case roles.i32Sub:
        this.#known.add(role === roles.i32Add ? 1 : -1);
        return;
      case roles.localSet:
      case roles.localTee:
        this.#assignment(role);
        return;
      case roles.store:
        this.#store(start, code);
        return;
      case roles.call:
      case roles.callByType:
        this.#call(start, code, role);
        return;
      case roles.other:
        this.#pass(code);
        this.#known.forgetOperands();
        return;
      default:
        this.#rare(role, start, code);
    }
  }

  #rare(role: number, start: number, code: number): void {
    if (role < roles.memorySize) {
      this.#pass(code);
      this.#structure(role);
    } else if (role < roles.heavy) this.#memoryInstruction(role, start, code);
    else {
      const name = lastingEffects.get(code);
      if (name !== undefined) this.lasting.add(name);
      if (role === roles.heavy) this.#edits.insert(start, this.deadline);
      this.#pass(code);
      this.#known.forgetOperands();
    }
  }

  #structure(role: number): void {
    if (role === roles.loop) {
      this.#edits.insert(this.#reader.at, this.deadline);
      this.#calls.looked();
    }
    for (const each of [this.#known, this.#calls]) {
      if (role === roles.end) each.endBlock();
      else if (role === roles.middle) each.nextPart();
      else each.beginBlock(role === roles.loop);
    }
  }

  #assignment(role: number): void {
    const local = this.#reader.number();
    this.#known.pop(1);
    this.#known.assign(local);
    if (role === roles.localTee) this.#known.push(local, 0);
  }

  #call(start: number, code: number, role: number): void {
    this.#hasCall = true;
    let isImport = false;
    if (role === roles.call) {
      const callee = this.#reader.number();
      isImport = callee < this.#context.importedFunctions;
      const { params, results } = this.#context.arityOf(callee);
      this.#known.pop(params);
      for (let left = results; left > 0; left -= 1) this.#known.push(unknown, 0);
    } else {
      this.#pass(code);
      this.#known.forgetOperands();
    }
    if (!this.#calls.call() && !isImport) return;
    this.#edits.insert(start, this.deadline);
    this.#calls.looked();
  }

  #memoryInstruction(role: number, start: number, code: number): void {
    const { injected, size } = this.#context;
    if (role === roles.memoryInit) {
      const segment = this.#reader.number();
      this.#reader.number();
      this.#replace(start, asm.call(injected("init", segment)));
      this.#known.pop(3);
      return;
    }
    this.#pass(code);
    if (role === roles.memorySize) {
      this.#replace(start, asm.getGlobal(size ?? 0));
      this.#known.push(unknown, 0);
    } else if (role === roles.memoryGrow) {
      this.#replace(start, asm.call(injected("grow")));
      this.#known.pop(1);
      this.#known.push(unknown, 0);
    } else {
      this.#replace(start, asm.call(injected(role === roles.memoryFill ? "fill" : "copy")));
      this.#known.pop(3);
    }
  }

  #replace(start: number, code: asm.Code): void {
    this.#edits.replace(start, this.#reader.at, asm.bytes(code));
  }

  #pass(code: number): void {
    if (!this.#reader.pass(code)) throw new UnknownInstruction(`0x${code.toString(16)}`);
  }

  #store(start: number, code: number): void {
    const form = storeForms[code];
    if (form === undefined) throw new UnknownInstruction(`0x${code.toString(16)}`);
    const offset = this.#reader.offset();
    if (immediatesOf[code] === immediates.memargLane) this.#reader.byte();
    const { marks } = this.#context;
    const operands = form.values.length;
    const local = this.#known.localAt(operands);
    const address = (this.#known.constantAt(operands) + offset) | 0;
    this.#known.pop(operands + 1);
    if (form.pushes === 1) this.#known.push(unknown, 0);
    if (marks === undefined) return;
    const behind = this.#reader.at;
    if (local === unknown) {
      const kept = this.#edits.keepAddress(start, form);
      this.#edits.mark(behind, marks, { local: kept, address: offset | 0 });
    } else if (!this.#known.covers(local, address, form.sizeBytes)) {
      this.#edits.mark(behind, marks, { local, address });
      this.#known.remember(local, address);
    }
  }
}
