/**
 * Names what a guest's call threw, in the words of the core specification.
 *
 * WebAssembly's JavaScript API promises only the class RuntimeError; the messages are V8's, seen in Node 26 by a test
 * with a guest per trap. V8 has one message for a null element and for a wrong signature.
 * https://webassembly.github.io/spec/core/exec/instructions.html
 */
import type { Outcome, Trap } from "./protocol.ts";

/** A call that ended in a trap. */
export type Trapped = Extract<Outcome, { kind: "trapped" }>;

const messages: readonly (readonly [RegExp, Trap])[] = [
  [/^unreachable$/, "unreachable"],
  [/memory access out of bounds/, "out of bounds memory access"],
  [/data segment/, "out of bounds memory access"],
  [/table index is out of bounds|table access|element segment/, "out of bounds table access"],
  [/signature mismatch/, "indirect call type mismatch"],
  [/divide by zero|remainder by zero/, "integer divide by zero"],
  [/divide result unrepresentable/, "integer overflow"],
  [/float unrepresentable/, "invalid conversion to integer"],
  [/dereferencing a null pointer/, "null reference"],
];

/** Classifies what came out of a guest, or out of our host code under it. */
export function trapped(thrown: unknown): Trapped {
  if (thrown instanceof WebAssembly.Exception) {
    return { kind: "trapped", trap: "uncaught exception", message: "the guest threw an exception that nothing caught" };
  }
  if (!Error.isError(thrown)) return { kind: "trapped", trap: "trap", message: "the guest trapped" };
  const trap = thrown.name === "RuntimeError" ? ofRuntimeError(thrown.message) : ofOtherError(thrown);
  return { kind: "trapped", trap, message: trap === "trap" ? `${thrown.name}: ${thrown.message}` : thrown.message };
}

/** A call for which neither the guest's limit nor the machine had the memory. */
export function outOfMemory(message: string): Trapped {
  return { kind: "trapped", trap: "out of memory", message };
}

/** A call whose thread died under it, for the reason that Node gives. */
export function threadDied(cause: unknown): Trapped {
  const outOfHeap = cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  if (outOfHeap) return outOfMemory("the call made the host's own heap too large");
  return { kind: "trapped", trap: "trap", message: "the call's thread ended" };
}

function ofRuntimeError(message: string): Trap {
  return messages.find(([pattern]) => pattern.test(message))?.[1] ?? "trap";
}

function ofOtherError(thrown: Error): Trap {
  if (thrown.name !== "RangeError") return "trap";
  if (/call stack/.test(thrown.message)) return "stack overflow";
  return /memory|allocation/i.test(thrown.message) ? "out of memory" : "trap";
}
