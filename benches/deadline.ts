/**
 * What does a function that never ends do to its neighbours? 32 clients call one that loops until its deadline; the
 * neighbour is called at a steady rate, far below what the machine can do, and its times with and without are compared.
 * A second comparison loads the neighbour as hard as it goes: there the loop's share of the cores shows as well.
 */
import { wat } from "../test/support/wat.ts";
import { trafficOf } from "./support/against-bare-server.ts";
import { BenchGateway, scoped } from "./support/gateway.ts";
import { type Load, load, ownLoad } from "./support/load.ts";
import type { Plan } from "./support/loader.ts";
import { readOptions } from "./support/options.ts";
import { compared, report, type Row } from "./support/report.ts";
import { moduleOf, samples } from "./support/samples.ts";
import { median } from "./support/statistics.ts";

const options = readOptions({ seconds: 4, rounds: 3 });
const loop = wat(`(module (func (export "loop") (param i32) (result i32) (loop $again (br $again)) (i32.const 0)))`);
const perSecond = 200;
const saturating = 8;

type Kind = "alone" | "beside a loop";
const steady: Record<Kind, Load[]> = { alone: [], "beside a loop": [] };
const full: Record<Kind, Load[]> = { alone: [], "beside a loop": [] };

await scoped(async (scope) => {
  const gateway = await BenchGateway.start(options.checkout);
  scope.defer(() => gateway.stop());
  await gateway.deploy({ ...samples.authentication, module: moduleOf(samples.authentication) });
  await gateway.deploy({ name: "loop", module: loop, more: { limits: { timeout: "100ms" } } });
  const { seconds } = options;
  const traffic = trafficOf(gateway, samples.authentication, saturating);
  const steadily: Plan = { ...traffic, connections: 32, seconds, perSecond };
  const body = JSON.stringify({ function_name: "loop", args: [1] });
  const loops = (forSeconds: number): Plan => {
    return { url: gateway.invokeUrl, calls: [{ body, status: 504 }], connections: 32, seconds: forSeconds };
  };
  await load(traffic, 2, { verify: true });
  for (let round = 0; round < options.rounds; round += 1) {
    steady.alone.push(await ownLoad(steadily));
    full.alone.push(await load(traffic, seconds / 2));
    const looping = ownLoad(loops(seconds * 1.5 + 2));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    steady["beside a loop"].push(await ownLoad(steadily));
    full["beside a loop"].push(await load(traffic, seconds / 2));
    await looping;
  }
  await load(traffic, 1, { verify: true });
});

report(options, {
  bench: "deadline",
  question: "a function loops under 32 clients (deadline 100 ms): its neighbour's times against the neighbour alone",
  rows: [
    row(`p99 at ${perSecond} calls a second`, steady, "p99Ms", { target: { atMost: 2 } }),
    row(`p50 at ${perSecond} calls a second`, steady, "p50Ms"),
    row(`p99 at full load, ${saturating} connections`, full, "p99Ms"),
    row(`requests/s at full load, ${saturating} connections`, full, "perSecond"),
  ],
});

function row(
  name: string,
  loads: Record<Kind, Load[]>,
  key: keyof Load,
  more: Parameters<typeof compared>[2] = {},
): Row {
  const unit = key === "perSecond" ? "req/s" : "ms";
  const figure = (kind: Kind) => ({ what: kind, value: median(loads[kind].map((each) => each[key])), unit });
  return compared(name, { subject: figure("beside a loop"), baseline: figure("alone") }, more);
}
