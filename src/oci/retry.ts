/**
 * Tries again what may succeed a little later: exponential pauses with jitter, or as long as Retry-After says.
 * Gives up at once where the pause would not end in time, so that the caller hears the reason and not a timeout.
 */
import { setTimeout as pause } from "node:timers/promises";
import { GatewayError } from "../errors.ts";
import { isTransient } from "./failure.ts";
import type { PullLimits } from "./limits.ts";

/** How long and how often to try. */
export type Patience = {
  readonly limits: Pick<PullLimits, "attempts" | "retryBaseMs" | "retryCapMs" | "retryAfterCapMs">;
  /** Ends the pauses too; its own deadline is `untilMs`. */
  readonly signal: AbortSignal;
  /** On performance.now()'s clock. */
  readonly untilMs: number;
};

/** Runs an attempt until it succeeds, fails for good, or patience ends; then throws what the last attempt threw. */
export async function withRetries<T>(patience: Patience, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      const pauseMs = pauseAfter(error, tried, patience.limits);
      if (pauseMs === undefined || performance.now() + pauseMs >= patience.untilMs) throw error;
      await pause(pauseMs, undefined, { signal: patience.signal }).catch(() => patience.signal.throwIfAborted());
    }
  }
}

/** Reads a Retry-After header, seconds or a date, into milliseconds from now. */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** How long to wait before the next try; undefined when there is to be none. */
function pauseAfter(error: unknown, tried: number, limits: Patience["limits"]): number | undefined {
  if (tried >= limits.attempts || !isTransient(error)) return undefined;
  const asked = error instanceof GatewayError ? error.retryAfterSeconds : undefined;
  if (asked !== undefined) return asked * 1000 <= limits.retryAfterCapMs ? asked * 1000 : undefined;
  const steadyMs = Math.min(limits.retryCapMs, limits.retryBaseMs * 2 ** (tried - 1));
  return steadyMs * (0.5 + Math.random() / 2);
}
