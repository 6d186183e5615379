/**
 * Compiling ahead: after a start, the functions that were deployed last are made ready before the first call asks.
 */
import type { Functions } from "./functions.ts";
import type { Log } from "./log.ts";

/** How long compiling ahead may take, who may stop it, and who hears of it. */
export type WarmUpOptions = {
  readonly withinMs: number;
  /** Aborted when the gateway stops. */
  readonly signal: AbortSignal;
  readonly log: Pick<Log, "info" | "warn">;
};

/**
 * Compiles functions in turn; resolves when all are ready, or when the time is up, even in the middle of one. Those that
 * are not ready by then, or failed, wait for their first call.
 */
export async function warmUp(functions: Pick<Functions, "list" | "warm">, options: WarmUpOptions): Promise<void> {
  const over = AbortSignal.any([options.signal, AbortSignal.timeout(options.withinMs)]);
  const newestFirst = [...functions.list()].sort((one, other) => (one.updatedAt < other.updatedAt ? 1 : -1));
  let ready = 0;
  for (const record of newestFirst) {
    if (over.aborted) break;
    const warming = functions.warm(record).then(
      () => (ready += 1),
      (error: unknown) => {
        if (options.signal.aborted) return;
        options.log.warn("a function could not be made ready", { function: record.name, error });
      },
    );
    await Promise.race([warming, aborted(over)]);
  }
  if (newestFirst.length > 0 && !options.signal.aborted) {
    options.log.info("functions are ready", { ready, deployed: newestFirst.length });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
