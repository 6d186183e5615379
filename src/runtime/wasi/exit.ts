/**
 * How a guest ends itself, or is ended by the host, in the middle of a call: once recorded, it stands.
 *
 * What ends a guest must not be caught by it. A JavaScript error is caught by a guest's catch_all; a trap is not, and
 * V8 keeps that mark on the error object of a trap, so that host code can throw it again (seen in Node 26.10; a test
 * asserts it). Should that ever change, the record below still decides: every later import throws again, and what the
 * guest does after its end changes nothing.
 */
import { wasi } from "@bjorn3/browser_wasi_shim";
import type { Outcome } from "../protocol.ts";
import { trapped } from "../traps.ts";

/** How a call ended before its export returned. */
export type Ending =
  | { readonly kind: "exited"; readonly exitCode: number }
  | Extract<Outcome, { kind: "refused" | "trapped" | "overran" }>;

/** The record of one call's end. */
export class Exit {
  #ending: Ending | undefined;
  readonly #stop = trapToken();

  /** Forgets the previous call. */
  begin(): void {
    this.#ending = undefined;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Ends the guest; the first ending stands. */
  end(ending: Ending): never {
    this.#ending ??= ending;
    throw this.#stop;
  }

  /** Ends the guest because host code under it threw: a stack overflow, or arguments of a type that WASI does not have. */
  fail(thrown: unknown): never {
    if (thrown !== this.#stop) this.#ending ??= trapped(thrown);
    throw this.#stop;
  }

  /** Throws again when the guest has ended. */
  check(): void {
    if (this.#ending !== undefined) throw this.#stop;
  }
}

/** The imports by which a guest ends itself. */
export function exits(exit: Exit) {
  return {
    proc_exit: (code: number): never => exit.end({ kind: "exited", exitCode: code >>> 0 }),
    // As a shell reports a process that died of a signal.
    proc_raise: (signal: number): number =>
      signal === wasi.SIGNAL_NONE
        ? wasi.ERRNO_SUCCESS
        : signal >>> 0 > wasi.SIGNAL_SYS
          ? wasi.ERRNO_INVAL
          : exit.end({ kind: "exited", exitCode: 128 + signal }),
  };
}

/** Returns the error object of a real trap. */
function trapToken(): unknown {
  // (module (func (export "f") unreachable))
  const bytes = Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0],
    ...[0x0a, 5, 1, 3, 0, 0, 0x0b],
  );
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  if (typeof f !== "function") throw new Error("the trapping module exports no function");
  try {
    f();
  } catch (trap) {
    return trap;
  }
  throw new Error("unreachable did not trap");
}
