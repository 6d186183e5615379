/**
 * Ends what runs too long. Called every few milliseconds while work is out.
 *
 *   seen running for longer than it may -> shot, its caller answered -> the guest stops at its next loop head
 *                                                                  \-> not stopped soon after: its thread is ended
 */
import type { Control, Sighting } from "./control.ts";
import type { Flight, Flights } from "./flights.ts";
import type { Ended } from "./protocol.ts";

/** A batch that has run for this long no longer counts against the threads. */
const longMs = 25;
/**
 * How long a guest that was shot may take to stop before its thread is ended. A rewritten one needs 2 ms, but on a busy
 * machine its thread may not even run for many times that, and ending it would cost every warm instance on it.
 */
const stopMs = 250;

/** Looks after the calls of one pool. */
export class Watchdog {
  readonly #control: Control;
  readonly #flights: Flights;
  readonly #settle: (ended: Ended) => void;
  readonly #runsLong: (flight: Flight) => void;
  /** Calls that were shot and have not stopped, and when. */
  readonly #shot = new Map<number, { readonly flight: Flight; readonly atMs: number }>();
  #threadsEnded = 0;

  /** `settle` answers the caller of a call that was shot; `runsLong` is told once of a batch that runs for long. */
  constructor(parts: {
    readonly control: Control;
    readonly flights: Flights;
    readonly settle: (ended: Ended) => void;
    readonly runsLong: (flight: Flight) => void;
  }) {
    this.#control = parts.control;
    this.#flights = parts.flights;
    this.#settle = parts.settle;
    this.#runsLong = parts.runsLong;
  }

  /** Threads that had to be ended. */
  get threadsEnded(): number {
    return this.#threadsEnded;
  }

  /** Shoots what has overrun, ends the threads of what does not stop. */
  look(): void {
    const nowMs = performance.now();
    const sightings = this.#control.running();
    for (const sighting of sightings) {
      const seen = this.#flights.see(sighting.callId, nowMs);
      if (seen === undefined) continue;
      const { timeoutMs } = seen.pending.limits;
      if (seen.ranMs >= longMs) this.#noteLong(seen.flight);
      if (seen.ranMs >= timeoutMs) this.#shoot(sighting, { ...seen, timeoutMs });
    }
    this.#endStubborn(sightings, nowMs);
  }

  /** Shoots one call if it runs; false when it does not. Its outcome is for nobody. */
  shoot(callId: number): boolean {
    const sighting = this.#control.running().find((each) => each.callId === callId);
    const seen = sighting && this.#flights.see(callId, performance.now());
    if (sighting === undefined || seen === undefined) return false;
    this.#shoot(sighting, { ...seen, timeoutMs: seen.pending.limits.timeoutMs });
    return true;
  }

  /** Shoots everything that runs. */
  shootAll(): void {
    for (const { callId, words } of this.#control.running()) words.shoot(callId);
  }

  #noteLong(flight: Flight): void {
    if (flight.runsLong) return;
    flight.runsLong = true;
    this.#runsLong(flight);
  }

  #shoot(
    sighting: Sighting,
    { flight, ranMs, timeoutMs }: { readonly flight: Flight; readonly ranMs: number; readonly timeoutMs: number },
  ): void {
    const { callId, words } = sighting;
    if (!words.shoot(callId)) return;
    this.#shot.set(callId, { flight, atMs: performance.now() });
    this.#settle({ callId, outcome: { kind: "overran", timeoutMs }, runMs: ranMs });
  }

  #endStubborn(sightings: readonly Sighting[], nowMs: number): void {
    for (const [callId, { flight, atMs }] of this.#shot) {
      const sighting = sightings.find((each) => each.callId === callId);
      if (sighting === undefined) this.#shot.delete(callId);
      if (sighting === undefined || nowMs - atMs < stopMs || !sighting.words.giveUp(callId)) continue;
      this.#shot.delete(callId);
      this.#threadsEnded += 1;
      flight.kill.abort();
    }
  }
}
