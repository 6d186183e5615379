/**
 * Where calls get their numbers: each call one that no other call in flight has, each program one under which threads
 * know it.
 */
import type { Pending } from "./flights.ts";
import type { Call, CallLimits, Input, LoadedModule, Program } from "./protocol.ts";

/** A call to run: of a program, on its module, with bounds of its own where they are lower. */
export type Wish = {
  readonly program: Program;
  readonly module: LoadedModule;
  readonly input: Input;
  readonly limits?: CallLimits;
};

/** The largest number that fits the words of a thread (control.ts). */
const mostCallId = 0x7fff_ffff;

/** Makes pending calls of wishes. */
export class Intake {
  readonly #programs = new WeakMap<Program, number>();
  #programCount = 0;
  #lastCallId = 0;

  /** Numbers a call; `caller` is told how it ended, or why it never ran. */
  admit({ program, module, input, limits }: Wish, caller: Pick<Pending, "settle" | "refuse">): Pending {
    this.#lastCallId = (this.#lastCallId % mostCallId) + 1;
    const call: Call = {
      id: this.#lastCallId,
      program: this.#numberOf(program),
      input,
      ...(limits === undefined ? {} : { limits }),
    };
    return {
      key: program.key,
      enqueuedAtMs: performance.now(),
      falseStarts: 0,
      limits: limits ?? program.limits,
      ...{ call, program, module, ...caller },
    };
  }

  #numberOf(program: Program): number {
    let number = this.#programs.get(program);
    if (number === undefined) {
      number = this.#programCount += 1;
      this.#programs.set(program, number);
    }
    return number;
  }
}
