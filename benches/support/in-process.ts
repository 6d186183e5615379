/**
 * Timing within this thread. Every call is timed by itself, which adds the clock's own 30-60 ns to each, the same to all
 * sides; sides take turns in blocks, so that what the machine does meanwhile falls on all of them.
 *
 * What a call leaves to the garbage collector is part of its price: a fresh instance's memory is unmapped long after the
 * call, in pauses of milliseconds that the mean has and the median has not. Before the next side's block what is left is
 * collected on nobody's account, so that no side pays for another.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median, quantile } from "./statistics.ts";

/** How long one side's calls took, in microseconds. */
export type Timing = { readonly medianUs: number; readonly p99Us: number; readonly meanUs: number };

const blockMs = 100;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Times each side for so many rounds of so many seconds. */
export function timeInTurns<Name extends string>(
  sides: Readonly<Record<Name, () => unknown>>,
  { seconds, rounds }: { readonly seconds: number; readonly rounds: number },
): Record<Name, Timing> {
  const names = Object.keys(sides) as Name[];
  const timings = Object.fromEntries(names.map((name): [string, Timing[]] => [name, []])) as Record<Name, Timing[]>;
  // Until the engine has tiered up.
  for (const name of names) timeFor(sides[name], Math.max(300, seconds * 200));
  for (let round = 0; round < rounds; round += 1) {
    const times = Object.fromEntries(names.map((name): [string, number[]] => [name, []])) as Record<Name, number[]>;
    for (let doneMs = 0; doneMs < seconds * 1000; doneMs += blockMs) {
      for (const name of names) {
        for (const timeUs of timeFor(sides[name], blockMs)) times[name].push(timeUs);
        collectGarbage();
      }
    }
    for (const name of names) timings[name].push(timingOf(times[name]));
  }
  return Object.fromEntries(names.map((name) => [name, medianOf(timings[name])])) as Record<Name, Timing>;
}

function timeFor(side: () => unknown, ms: number): number[] {
  const times: number[] = [];
  const endMs = performance.now() + ms;
  for (let startMs = performance.now(); startMs < endMs;) {
    side();
    const nowMs = performance.now();
    times.push((nowMs - startMs) * 1000);
    startMs = performance.now();
  }
  return times;
}

function timingOf(times: readonly number[]): Timing {
  const meanUs = times.reduce((sum, time) => sum + time, 0) / times.length;
  return { medianUs: median(times), p99Us: quantile(times, 0.99), meanUs };
}

function medianOf(timings: readonly Timing[]): Timing {
  const of = (key: keyof Timing): number => median(timings.map((timing) => timing[key]));
  return { medianUs: of("medianUs"), p99Us: of("p99Us"), meanUs: of("meanUs") };
}
