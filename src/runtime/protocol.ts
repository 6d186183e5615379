/**
 * What the two sides of a thread say to each other, and nothing else: a Call goes in, an Outcome comes out.
 *
 * Everything here survives a structured clone, so the thread could one day be a process: no functions, no classes, no
 * Errors (a clone strips an Error's class and fields, so failure is data). Only `Batch.module` is a live object; a
 * process would be sent the bytes instead.
 */
import type { Digest } from "../digest.ts";
import type { Contract } from "../wasm/contract.ts";
import type { MemoryImport } from "../wasm/rewrite.ts";

/** A WebAssembly number; i64 is always a bigint, so that nothing is rounded. */
export type Value = number | bigint;

/** What a guest is given, in the form that its contract asks for. */
export type Input =
  | { readonly kind: "json-pointer"; readonly json: Uint8Array }
  | {
      readonly kind: "wasi-command";
      /** The whole argv, its first element included. */
      readonly args: readonly string[];
      readonly stdin: Uint8Array;
    }
  | { readonly kind: "scalars"; readonly values: readonly Value[] };

/** Bounds on one call; the deadline is kept by the pool, `timeoutMs` tells the guest's own sleeps where to stop. */
export type CallLimits = {
  /** Pages of 64 KiB that the instance's memory may grow to. */
  readonly memoryPages: number;
  readonly timeoutMs: number;
  readonly outputBytes: number;
  readonly stderrBytes: number;
};

/** One entry into one guest. */
export type Call = {
  /** Counts up from 1 within the process; never used twice. */
  readonly id: number;
  readonly module: Digest;
  readonly contract: Contract;
  readonly input: Input;
  /** NAME=value pairs for a WASI guest, in order. */
  readonly env: readonly string[];
  readonly limits: CallLimits;
};

/** Names of the ways in which WebAssembly traps, as the core specification words them where it does. */
export type Trap =
  | "unreachable"
  | "out of bounds memory access"
  | "out of bounds table access"
  | "indirect call type mismatch"
  | "undefined element"
  | "integer divide by zero"
  | "integer overflow"
  | "invalid conversion to integer"
  | "null reference"
  | "stack overflow"
  | "uncaught exception"
  | "out of memory"
  | "trap";

/** How a call ended. */
export type Outcome = {
  /** What the guest wrote to stderr, at most `stderrBytes` of it; absent when nothing. */
  readonly stderr?: Uint8Array;
} & (
  | { readonly kind: "returned"; readonly output: Uint8Array }
  | { readonly kind: "exited"; readonly exitCode: number; readonly output: Uint8Array }
  | { readonly kind: "trapped"; readonly trap: Trap; readonly message: string }
  /** The guest overran its deadline; made by the pool, which ended the thread. */
  | { readonly kind: "overran"; readonly timeoutMs: number }
  /** The guest broke a bound or its contract. */
  | {
      readonly kind: "refused";
      readonly code: "GUEST_OUTPUT_TOO_LARGE" | "GUEST_CONTRACT_BROKEN" | "MODULE_UNSUPPORTED";
      readonly message: string;
    }
);

/** A compiled module and what it wants from the host. */
export type LoadedModule = {
  readonly module: WebAssembly.Module;
  readonly memories: readonly MemoryImport[];
};

/** What a thread is sent at once: calls to make in order, and the modules that they name by position. */
export type Batch = {
  readonly modules: readonly LoadedModule[];
  readonly calls: readonly { readonly call: Call; readonly module: number }[];
};

/** What a thread answers, as soon as a call has ended. */
export type Ended = { readonly callId: number; readonly outcome: Outcome; readonly runMs: number };
