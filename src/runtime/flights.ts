/**
 * The books of what is out on threads: which call is in which batch, since when it runs, and whom to tell.
 *
 *   launch -> [ call: in flight ] -> take, once: settled, refused, or back in line        land: its batch has ended
 */
import type { Lane } from "./lanes.ts";
import type { Call, CallLimits, LoadedModule, Outcome, Program } from "./protocol.ts";
import type { Ticket } from "./scheduler.ts";

/** A call on its way: in line, or in a batch. */
export type Pending = Ticket & {
  readonly call: Call;
  readonly limits: CallLimits;
  readonly program: Program;
  readonly module: LoadedModule;
  readonly settle: (outcome: Outcome) => void;
  readonly refuse: (error: Error) => void;
  /** How often it lost its thread before it was started. */
  falseStarts: number;
};

/** Calls that went to one thread together. */
export type Flight = {
  /** Whose calls they are. */
  readonly key: string;
  readonly pending: readonly Pending[];
  readonly lane: Lane;
  /** Ends the thread; of our own making, so that we know which calls had started when it fires. */
  readonly kill: AbortController;
  /** Its calls run for long; it no longer counts against the threads. */
  runsLong: boolean;
};

type Entry = { readonly flight: Flight; readonly pending: Pending; firstSeenMs?: number };

/** Batches on threads and the calls in them. */
export class Flights {
  readonly #flights = new Set<Flight>();
  readonly #byCall = new Map<number, Entry>();

  /** Batches that have not ended. */
  get size(): number {
    return this.#flights.size;
  }

  /** Calls whose outcome is not known. */
  get calls(): number {
    return this.#byCall.size;
  }

  /** Batches that have not run for long. */
  get brief(): number {
    let count = 0;
    for (const { runsLong } of this.#flights) if (!runsLong) count += 1;
    return count;
  }

  /** Opens the books for a batch. */
  launch(key: string, pending: readonly Pending[], lane: Lane): Flight {
    const flight = { key, pending, lane, kill: new AbortController(), runsLong: false };
    this.#flights.add(flight);
    for (const each of pending) this.#byCall.set(each.call.id, { flight, pending: each });
    return flight;
  }

  /** Says that a batch has left its thread; calls of it that are still on the books stay there until taken. */
  land(flight: Flight): void {
    this.#flights.delete(flight);
  }

  /** Takes note that a call was seen running, and tells for how long it has been. */
  see(callId: number, nowMs: number): { flight: Flight; pending: Pending; ranMs: number } | undefined {
    const entry = this.#byCall.get(callId);
    if (entry === undefined) return undefined;
    entry.firstSeenMs ??= nowMs;
    return { flight: entry.flight, pending: entry.pending, ranMs: nowMs - entry.firstSeenMs };
  }

  /** Takes a call off the books; undefined when somebody else did before. */
  take(callId: number): Pending | undefined {
    const entry = this.#byCall.get(callId);
    this.#byCall.delete(callId);
    return entry?.pending;
  }

  /** Takes every call off the books. */
  takeAll(): Pending[] {
    const all = [...this.#byCall.values()].map(({ pending }) => pending);
    this.#byCall.clear();
    return all;
  }
}
