/**
 * Compiling ahead: after a start, the functions that were deployed last are made ready before the first call asks.
 */
import type { Functions } from "./functions.ts";
import type { Log } from "./log.ts";

/** Compiles functions in turn until all are ready or the time is up; one that fails waits for its first call. */
export async function warmUp(
  functions: Pick<Functions, "list" | "warm">,
  options: { readonly withinMs: number; readonly log: Pick<Log, "info" | "warn"> },
): Promise<void> {
  const startMs = performance.now();
  const newestFirst = [...functions.list()].sort((one, other) => (one.updatedAt < other.updatedAt ? 1 : -1));
  let ready = 0;
  for (const record of newestFirst) {
    if (performance.now() - startMs > options.withinMs) break;
    try {
      await functions.warm(record);
      ready += 1;
    } catch (error) {
      options.log.warn("a function could not be made ready", { function: record.name, error });
    }
  }
  if (newestFirst.length > 0) options.log.info("functions are ready", { ready, deployed: newestFirst.length });
}
