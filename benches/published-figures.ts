/**
 * How long does one call take within a thread, beside what WasmEngine publishes for instantiating and calling the same?
 * Its figures are of another machine: they stand beside ours, and the ratio is to a fresh instance, here and now.
 * Numbers are means, which alone have the garbage collector's share in them.
 */
import { Engine } from "./support/engine.ts";
import { timeInTurns } from "./support/in-process.ts";
import { readOptions } from "./support/options.ts";
import { compared, isReached, report, type Row, shown } from "./support/report.ts";
import { samples } from "./support/samples.ts";

const measured = [
  { title: "gcd", sample: samples.gcd, publishedUs: 2.5 },
  { title: "gcd, WASI", sample: samples.gcdWasi, publishedUs: 7.9 },
  { title: "echo_string", sample: samples.echoString, publishedUs: 29.3 },
  { title: "echo_string, WASI", sample: samples.echoStringWasi, publishedUs: 37.6 },
  { title: "authentication", sample: samples.authentication, publishedUs: 26 },
  { title: "authentication, WASI", sample: samples.authenticationWasi, publishedUs: 33.2 },
] as const;

const options = readOptions({ seconds: 0.5, rounds: 5 });
const engine = await Engine.open(options.checkout);
const rows: Row[] = [];
for (const { title, sample, publishedUs } of measured) {
  const { recycled, fresh } = await engine.open(sample);
  const times = timeInTurns({ recycled, fresh }, options);
  const figure = (what: string, value: number) => ({ what, value, unit: "us" });
  const sides = {
    subject: figure("call + restore", times.recycled.meanUs),
    baseline: figure("fresh instance + call", times.fresh.meanUs),
  };
  const more = `median ${shown(times.recycled.medianUs)} us, fresh ${shown(times.fresh.medianUs)} us; p99 ${shown(times.recycled.p99Us)} us, fresh ${shown(times.fresh.p99Us)} us`;
  rows.push(compared(`${title}: times faster`, sides, { inverse: true, note: more }));
  const row: Row = {
    ...{ name: `${title}: microseconds`, subject: sides.subject, target: { atMost: publishedUs } },
    note: `WasmEngine publishes ${publishedUs} us`,
  };
  rows.push(row);
  if (!isReached(row)) process.stderr.write(`${title} is behind WasmEngine's figure\n`);
}
await engine.close();
const question = "gcd, echo_string, authentication in process: restore + call against fresh instance + call";
report(options, { bench: "published-figures", question, rows });
