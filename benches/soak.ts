/**
 * Does anything grow under full load? Two minutes (or --seconds) of invokes by 32 clients in slices of ten seconds: resident
 * memory and latency as slopes over time, and the last slice against the first. A single round: there is no other side.
 */
import { trafficOf } from "./support/against-bare-server.ts";
import { BenchGateway, scoped } from "./support/gateway.ts";
import { type Load, load } from "./support/load.ts";
import { readOptions } from "./support/options.ts";
import { compared, report, type Row } from "./support/report.ts";
import { moduleOf, samples } from "./support/samples.ts";
import { median, slope } from "./support/statistics.ts";

const options = readOptions({ seconds: 120, rounds: 1 });
const sliceSeconds = Math.min(10, Math.max(1, options.seconds / 4));
type Slice = Load & { readonly minutes: number; readonly residentMib: number };

const slices = await scoped(async (scope) => {
  const gateway = await BenchGateway.start(options.checkout);
  scope.defer(() => gateway.stop());
  await gateway.deploy({ ...samples.authentication, module: moduleOf(samples.authentication) });
  const traffic = trafficOf(gateway, samples.authentication);
  await load(traffic, 2, { verify: true });
  const measured: Slice[] = [];
  const startMs = performance.now();
  while (performance.now() - startMs < options.seconds * 1000 - 1) {
    const memory: number[] = [];
    const sampler = setInterval(() => memory.push(gateway.residentMib), 250);
    const loaded = await load(traffic, sliceSeconds);
    clearInterval(sampler);
    measured.push({ ...loaded, minutes: (performance.now() - startMs) / 60_000, residentMib: median(memory) });
  }
  await load(traffic, 2, { verify: true });
  return measured;
});

const rows = [trend("resident memory", "residentMib", "MiB"), trend("p99", "p99Ms", "ms"), trend("p50", "p50Ms", "ms")];
const question = `${options.seconds} s at full load, 32 connections: the last ${sliceSeconds} s against the first`;
report(options, { bench: "soak", question, rows: [...rows, trend("requests/s", "perSecond", "req/s")] });

function trend(name: string, key: keyof Slice, unit: string): Row {
  const [first, last] = [slices[0], slices.at(-1)];
  if (first === undefined || last === undefined) throw new Error("there was no slice to measure");
  const points = slices.map((slice) => ({ x: slice.minutes, y: slice[key] }));
  const perMinute = slope(points);
  // While the engine tiers up and the heap finds its size, memory rises; the second half shows whether it goes on.
  const late = slope(points.slice(Math.floor(points.length / 2)));
  const sides = {
    subject: { what: "last", value: last[key], unit },
    baseline: { what: "first", value: first[key], unit },
  };
  const slopes = `slope ${perMinute.toFixed(3)} ${unit} a minute, in the second half ${late.toFixed(3)}`;
  return compared(name, sides, { note: slopes });
}
