/**
 * The comparison of reference/recycling: what a call does to an instance that has served others and was restored, to a
 * fresh one of the rewritten module, and to a fresh one of the module as it was deployed.
 *
 *   restored: call  compare  restore  compare with untouched  call  compare …
 *   fresh:    call     ^ with ^                               call     ^
 *   original: call     ^                                      call     ^
 *
 * Not compared: calls that overflow the stack, since rewritten frames are larger; and against the original, with
 * headroom, calls that end there at an access past the guest's memory, for the real memory is larger.
 */
import { callableExports, drawCall, type RandomCall, resultOf } from "./random-call.ts";
import { randomFrom } from "./random.ts";
import type { Instance } from "../../src/runtime/instance.ts";
import { trapped } from "../../src/runtime/traps.ts";
import { difference, type State } from "../../src/runtime/state.ts";
import { Original, type Stage, Twin } from "./twins.ts";

/** How one module is tried. */
export type Trial = {
  readonly stage: Stage;
  readonly tracked: boolean;
  readonly headroomPages: number;
  /** What the memory may grow to in each call; not below what it starts with. */
  readonly limitPages: number;
  readonly seed: number;
  readonly calls: number;
};

/** What was seen. */
export type Seen = {
  calls: number;
  /** Of the calls: those that a used instance made as well, and of these, those that left a trace to be removed. */
  recycled: number;
  changed: number;
  returned: number;
  retired: number;
  findings: string[];
};

const outOfBounds = "trapped: out of bounds memory access";
const overflow = "trapped: stack overflow";

type Ended = { readonly result: string; readonly state: State & { readonly sizeBytes: number } };

/** Tries a module; a text says why it is not rewritten. One that is not recyclable is not used twice here either. */
export function tryModule(bytes: Uint8Array<ArrayBuffer>, trial: Trial): Seen | string {
  const twin = Twin.of(bytes, trial);
  if (typeof twin === "string") return twin;
  if (failureOf(() => twin.make(trial.headroomPages)) !== undefined) return "starts only with more headroom";
  const functions = callableExports(twin.info);
  const random = randomFrom(trial.seed);
  const seen: Seen = { calls: 0, recycled: 0, returned: 0, changed: 0, retired: 0, findings: [] };
  const limitPages = Math.max(trial.limitPages, twin.startPages);
  const original = new Original(bytes, trial.stage, limitPages);
  const used = twin.isRecyclable ? new Used(twin, { ...trial, limitPages }, seen) : undefined;
  for (let turn = 0; turn < trial.calls; turn += 1) {
    const call = drawCall(functions, random);
    if (call === undefined) break;
    const note: Note = (what, found) => {
      if (found !== undefined) seen.findings.push(`${what}, call ${turn} ${JSON.stringify(call, textOf)}: ${found}`);
    };
    const ended = used?.enter(call, random(8) === 0, note);
    const instance = twin.make(trial.headroomPages);
    const fresh = enter(twin, instance, call, limitPages);
    instance.retire();
    seen.calls += 1;
    if (fresh.result.startsWith("returned")) seen.returned += 1;
    if (ended?.result === overflow || fresh.result === overflow) continue;
    if (ended !== undefined) {
      note("used and fresh", ended.result === fresh.result ? undefined : `${ended.result}, not ${fresh.result}`);
      note("used and fresh", differs(fresh.state, ended.state));
    }
    note("original and fresh", againstOriginal(original, fresh, call, trial.headroomPages > 0));
  }
  return seen;
}

type Note = (what: string, found: string | undefined) => void;

/** An instance that serves one call after the other. */
class Used {
  readonly #twin: Twin;
  readonly #trial: Trial;
  readonly #seen: Seen;
  readonly #untouched: Ended["state"];
  #instance: Instance;

  constructor(twin: Twin, trial: Trial, seen: Seen) {
    this.#twin = twin;
    this.#trial = trial;
    this.#seen = seen;
    this.#untouched = twin.state(twin.make(trial.headroomPages));
    this.#instance = twin.make(trial.headroomPages);
  }

  /** Makes a call, before it another that is shot on its way where that is wanted, and goes back. */
  enter(call: RandomCall, shoot: boolean, note: Note): Ended {
    const { flag, marks } = this.#trial.stage;
    if (shoot) {
      flag[0] = -1;
      enter(this.#twin, this.#instance, call, this.#trial.limitPages);
      flag[0] = 0;
      this.#restore(note);
      marks.fill(0);
    }
    const ended = enter(this.#twin, this.#instance, call, this.#trial.limitPages);
    this.#seen.recycled += 1;
    if (difference(this.#untouched, ended.state) !== undefined) this.#seen.changed += 1;
    this.#restore(note);
    // A bulk instruction marks what it is about to write, and traps where that is past the end of the real memory.
    if (ended.result.startsWith("trapped")) marks.fill(0);
    if (marks.some((mark) => mark !== 0)) note("restored", "a mark is left");
    return ended;
  }

  #restore(note: Note): void {
    if (this.#instance.restore()) {
      note("restored", differs(this.#untouched, this.#twin.state(this.#instance)));
      return;
    }
    this.#instance.retire();
    this.#instance = this.#twin.make(this.#trial.headroomPages);
    this.#seen.retired += 1;
  }
}

function enter(twin: Twin, instance: Instance, call: RandomCall, limitPages: number): Ended {
  instance.limit(limitPages);
  twin.begin(instance);
  const failure = twin.startsEachTime ? failureOf(() => instance.initialize([])) : undefined;
  return { result: failure ?? resultOf(instance.guest.exports, call), state: twin.state(instance) };
}

function againstOriginal(original: Original, fresh: Ended, call: RandomCall, headroom: boolean): string | undefined {
  let exports: WebAssembly.Exports | undefined;
  const failure = failureOf(() => (exports = original.make()));
  if (exports === undefined) {
    const same = failure === fresh.result || failure === overflow || (headroom && failure === outOfBounds);
    return same ? undefined : `${fresh.result}, not ${String(failure)} at its start`;
  }
  const result = resultOf(exports, call);
  if (result === overflow || (headroom && result === outOfBounds)) return undefined;
  if (result !== fresh.result) return `${fresh.result}, not ${result}`;
  const state = original.state(exports);
  const sizeBytes = state.memories[0]?.byteLength ?? 0;
  if (sizeBytes !== fresh.state.sizeBytes) return `${fresh.state.sizeBytes} bytes of memory, not ${sizeBytes}`;
  const inside = fresh.state.memories.map((memory) => memory.subarray(0, sizeBytes));
  return difference(state, { values: fresh.state.values, memories: inside });
}

function differs(expected: Ended["state"], found: Ended["state"]): string | undefined {
  if (expected.sizeBytes !== found.sizeBytes) return `${found.sizeBytes} bytes of memory, not ${expected.sizeBytes}`;
  return difference(expected, found);
}

function failureOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (thrown) {
    const { trap, message } = trapped(thrown);
    return trap === "trap" ? `trapped: ${message}` : `trapped: ${trap}`;
  }
}

function textOf(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : value;
}
