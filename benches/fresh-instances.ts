/** How much faster is a restored instance than a fresh one of the original module, for each call? */
import { Engine } from "./support/engine.ts";
import { timeInTurns } from "./support/in-process.ts";
import { readOptions } from "./support/options.ts";
import { compared, report, type Row, shown } from "./support/report.ts";
import { isBuilt, samples } from "./support/samples.ts";

const measured = [
  { title: "authentication (Rust, pointer and length)", sample: samples.authentication, atLeast: 15 },
  { title: "authentication (Rust, WASI command)", sample: samples.authenticationWasi, atLeast: 8 },
  { title: "authentication (Go, wasip1 command)", sample: samples.authenticationGo, atLeast: 5 },
] as const;

const options = readOptions({ seconds: 1, rounds: 5 });
const engine = await Engine.open(options.checkout);
const rows: Row[] = [];
for (const { title, sample, atLeast } of measured) {
  if (!isBuilt(sample)) {
    process.stderr.write(`NOT MEASURED: ${title}: it is not built (make functions says what it needs)\n`);
    continue;
  }
  const { recycled, fresh } = await engine.open(sample);
  const times = timeInTurns({ recycled, fresh }, options);
  const sides = {
    subject: { what: "call + restore", value: times.recycled.meanUs, unit: "us" },
    baseline: { what: "fresh instance + call", value: times.fresh.meanUs, unit: "us" },
  };
  const note = `median ${shown(times.recycled.medianUs)} us, fresh ${shown(times.fresh.medianUs)} us; p99 ${shown(times.recycled.p99Us)} us, fresh ${shown(times.fresh.p99Us)} us`;
  rows.push(compared(`${title}: times faster`, sides, { inverse: true, target: { atLeast }, note }));
}
await engine.close();
report(options, { bench: "fresh-instances", question: "call + restore against a fresh instance for each call", rows });
