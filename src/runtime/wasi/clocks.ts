/**
 * Clocks in steps of 100 us: what browsers give pages that share a process with others, as guests do here. Finer ones
 * help a guest to time the caches of its neighbours. The time of day comes in milliseconds, and follows the system's.
 *
 * The monotonic clock counts from the start of the process and is the same on every thread, so a state that was taken
 * on one thread and continues on another never sees time go back. The CPU clocks count what this call has run:
 * the time since it began without its sleeps. The true ones would tell of other calls.
 */
import { wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";

const stepNs = 100_000n;
const stepsPerMs = 10;

/** Tells the time of one call. */
export class Clock {
  #begunMs = 0;
  #sleptMs = 0;

  /** Starts a call's own time. */
  begin(): void {
    this.#begunMs = monotonicMs();
    this.#sleptMs = 0;
  }

  /** Milliseconds since the call began, its sleeps included; not rounded, not for guests. */
  get elapsedMs(): number {
    return monotonicMs() - this.#begunMs;
  }

  /** Takes a sleep off the call's CPU time. */
  slept(ms: number): void {
    this.#sleptMs += ms;
  }

  /** Returns a clock's time in nanoseconds as a guest may see it, or undefined for a clock that does not exist. */
  nowNs(id: number): bigint | undefined {
    switch (id) {
      case wasi.CLOCKID_REALTIME:
        return BigInt(Date.now()) * 1_000_000n;
      case wasi.CLOCKID_MONOTONIC:
        return inSteps(monotonicMs());
      case wasi.CLOCKID_PROCESS_CPUTIME_ID:
      case wasi.CLOCKID_THREAD_CPUTIME_ID:
        return inSteps(Math.max(0, this.elapsedMs - this.#sleptMs));
      default:
        return undefined;
    }
  }
}

/** The imports that tell the time. */
export function clocks(host: { readonly memory: GuestMemory; readonly clock: Clock }) {
  return {
    clock_res_get: (id: number, resolution: number): number => {
      if (host.clock.nowNs(id) === undefined) return wasi.ERRNO_INVAL;
      host.memory.writeU64(resolution, id === wasi.CLOCKID_REALTIME ? 1_000_000n : stepNs);
      return wasi.ERRNO_SUCCESS;
    },
    clock_time_get: (id: number, _precision: bigint, time: number): number => {
      const nowNs = host.clock.nowNs(id);
      if (nowNs === undefined) return wasi.ERRNO_INVAL;
      host.memory.writeU64(time, nowNs);
      return wasi.ERRNO_SUCCESS;
    },
  };
}

function monotonicMs(): number {
  return process.uptime() * 1000;
}

function inSteps(ms: number): bigint {
  return BigInt(Math.floor(ms * stepsPerMs)) * stepNs;
}
