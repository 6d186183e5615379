/**
 * A ready instance as the contracts see it, and the one way into it: whatever a call does, it ends as an Outcome.
 *
 *   the export returned          the contract makes the outcome
 *   exit or refusal recorded     stands, even if the guest then returned, trapped, or threw something else
 *   anything else was thrown     a trap, by its name
 */
import type { GuestMemory } from "./guest-memory.ts";
import type { Outcome } from "./protocol.ts";
import { trapped } from "./traps.ts";
import type { WasiHost } from "./wasi/host.ts";

/** An instance that is ready for a call. */
export type Guest = {
  readonly exports: WebAssembly.Exports;
  /** Its linear memory; a module of scalars may have none. */
  readonly memory?: GuestMemory;
  /** The WASI host that it imports, begun for this call and bound to the memory. */
  readonly host?: Pick<WasiHost, "ended" | "output">;
};

/**
 * Runs something of a guest and says how it ended; `body` makes the outcome when the guest returned to it. One enter()
 * inside another changes nothing.
 */
export function enter(guest: Guest, body: () => Outcome): Outcome {
  try {
    const outcome = body();
    return guest.host?.ended ?? outcome;
  } catch (thrown) {
    return guest.host?.ended ?? trapped(thrown);
  }
}

/** Returns an exported function. @throws {Error} when there is none, which the choice of a contract excludes */
export function exportedFunction(guest: Guest, name: string): (...parameters: unknown[]) => unknown {
  const exported = guest.exports[name];
  if (typeof exported === "function") return exported;
  throw new Error(`the module has no exported function ${JSON.stringify(name)}`);
}

/** A guest that did what its contract does not allow. */
export function contractBroken(message: string): Outcome {
  return { kind: "refused", code: "GUEST_CONTRACT_BROKEN", message };
}

/** A guest whose answer is longer than it may be. */
export function outputTooLarge(sizeBytes: number, limitBytes: number): Outcome {
  const message = `the guest returned ${sizeBytes} bytes, and at most ${limitBytes} are allowed`;
  return { kind: "refused", code: "GUEST_OUTPUT_TOO_LARGE", message };
}
