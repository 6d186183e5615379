/**
 * What the two sides of a thread say to each other, and nothing else: a Call goes in, an Outcome comes out.
 *
 * Everything here survives a structured clone, so the thread could one day be a process: no functions, no classes, no
 * Errors (a clone strips an Error's class and fields, so failure is data). Only the modules and the memories of
 * ThreadData are live objects; a process would be sent bytes and map the memories.
 */
import type { Digest } from "../digest.ts";
import type { Contract } from "../wasm/contract.ts";
import type { StateNames } from "../wasm/exported-state.ts";
import type { MemoryImport, Rewritten } from "../wasm/rewrite.ts";

/** A WebAssembly number; i64 is always a bigint, so that nothing is rounded. */
export type Value = number | bigint;

/** What a guest is given, in the form that its contract asks for. */
export type Input =
  | { readonly kind: "json-pointer"; readonly json: string }
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

/** What all calls of one function have in common; a thread is told once and keeps it. */
export type Program = {
  /** Names the function; calls of one key queue behind each other. */
  readonly key: string;
  readonly digest: Digest;
  readonly contract: Contract;
  /** NAME=value pairs for a WASI guest, in order. */
  readonly env: readonly string[];
  readonly limits: CallLimits;
};

/** One entry into one guest. */
export type Call = {
  /** Counts up from 1 within the process, to 2^31-1. */
  readonly id: number;
  /** Number of a Program that the thread has been told. */
  readonly program: number;
  readonly input: Input;
  /** This call's own bounds, where they are lower than its program's. */
  readonly limits?: CallLimits;
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
  /** The guest overran its deadline. */
  | { readonly kind: "overran"; readonly timeoutMs: number }
  /** The guest broke a bound or its contract. */
  | {
      readonly kind: "refused";
      readonly code: "GUEST_OUTPUT_TOO_LARGE" | "GUEST_CONTRACT_BROKEN" | "MODULE_UNSUPPORTED";
      readonly message: string;
    }
);

/** One of the two forms in which a rewritten module runs. */
export type Variant = Omit<Rewritten, "bytes" | "rewritten" | "recyclable"> & {
  readonly module: WebAssembly.Module;
  /** Where its state can be read; absent unless restores are verified. */
  readonly state?: StateNames;
};

/** Where a function's initial memory lies in the arena. */
export type Image = { readonly at: number; readonly pages: number };

/** A compiled module and what it wants from the host. */
export type LoadedModule =
  /** What the rewriter cannot walk: ended only with its thread, never used twice. */
  | {
      readonly kind: "as-is";
      readonly module: WebAssembly.Module;
      readonly memories: readonly MemoryImport[];
      readonly reason: string;
    }
  /** Rewritten, but with state that cannot be restored: used once. */
  | { readonly kind: "single-use"; readonly variant: Variant; readonly reason: string }
  | {
      readonly kind: "recyclable";
      readonly untracked: Variant;
      readonly tracked: Variant;
      /** Its memory at the moment of the snapshot; absent for a module without memory. */
      readonly image?: Image;
      /** The initializers that had run when the snapshot was taken; undefined: nothing had, not even its start function. */
      readonly initialized?: readonly string[];
    };

/** What a thread is sent at once: calls to make in order, and what it has not been told yet. */
export type Batch = {
  readonly programs: readonly { readonly id: number; readonly program: Program; readonly loaded: LoadedModule }[];
  readonly calls: readonly Call[];
};

/** What a thread answers, as soon as a call has ended. */
export type Ended = { readonly callId: number; readonly outcome: Outcome; readonly runMs: number };

/** A thread's first word: who it is, and where its calls can be shot (control.ts). */
export type Hello = { readonly threadId: number; readonly words: WebAssembly.Memory };

/** What a thread is born with. */
export type ThreadData = {
  /** The images of all modules; guest threads only read it. */
  readonly arena: WebAssembly.Memory;
  /** The most pages that any guest's memory may grow to. */
  readonly memoryPages: number;
  /** How many bytes of memory idle instances may keep, and how many instances there may be. */
  readonly idleBytes: number;
  readonly idleInstances: number;
  /** Compare the whole state with a fresh instance after every restore. */
  readonly verifyRestore: boolean;
};
