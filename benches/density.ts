/**
 * What do 1,000 functions cost? Called by a Zipf distribution, as functions are, against a gateway that has one; a quarter
 * of them share one module, the others have each their own.
 */
import { alternately, trafficOf } from "./support/against-bare-server.ts";
import { BenchGateway, scoped } from "./support/gateway.ts";
import type { Load, Traffic } from "./support/load.ts";
import { readOptions } from "./support/options.ts";
import { compared, report } from "./support/report.ts";
import { moduleOf, samples } from "./support/samples.ts";
import { median } from "./support/statistics.ts";
import { variantOf } from "./support/variants.ts";

const options = readOptions({ seconds: 4, rounds: 4 });
const functions = 1000;
const deployedAtOnce = 4;
/** Calls of one turn of the traffic, in random order. */
const turn = 20_000;
const module = moduleOf(samples.authentication);
const { args, answer } = samples.authentication;
const resident = { empty: 0, one: 0, deployed: 0, called: 0 };
let deploySeconds = 0;

const loads = await scoped(async (scope) => {
  const single = await BenchGateway.start(options.checkout);
  scope.defer(() => single.stop());
  const many = await BenchGateway.start(options.checkout);
  scope.defer(() => many.stop());
  await single.deploy({ ...samples.authentication, module });
  resident.empty = many.residentMib;
  const startMs = performance.now();
  await deployAll(many);
  deploySeconds = (performance.now() - startMs) / 1000;
  resident.deployed = many.residentMib;
  const one = trafficOf(single, samples.authentication);
  // As many calls in wrk's table as the other side has: the client's work is the same.
  const sides = { one: { ...one, calls: repeated(one.calls, turn) }, many: zipf(many.invokeUrl) };
  const measured = await alternately(sides, options);
  [resident.one, resident.called] = [single.residentMib, many.residentMib];
  for (let number = 0; number < functions; number += 1) await check(many, number);
  return measured;
});

const figure = (what: string, key: keyof Load, of: readonly Load[], unit: string) => {
  return { what, value: median(of.map((each) => each[key])), unit };
};
const perFunction = (mib: number) => ((mib - resident.empty) * 1024) / functions;
const kib = (what: string, value: number) => ({ what, value, unit: "KiB" });
report(options, {
  bench: "density",
  question: "1,000 functions deployed, Zipf traffic on 32 connections, against one function",
  rows: [
    compared(
      "requests/s",
      {
        subject: figure("1,000 functions", "perSecond", loads.many, "req/s"),
        baseline: figure("one function", "perSecond", loads.one, "req/s"),
      },
      { target: { atLeast: 0.7 }, note: `0 failures; all ${functions} answered correctly after the load` },
    ),
    compared("p99", {
      subject: figure("1,000 functions", "p99Ms", loads.many, "ms"),
      baseline: figure("one function", "p99Ms", loads.one, "ms"),
    }),
    { name: "resident memory per function, deployed", subject: kib("each", perFunction(resident.deployed)) },
    {
      ...{ name: "resident memory per function, called", subject: kib("each", perFunction(resident.called)) },
      note: `the gateway in all: ${mib(resident.empty)} empty, ${mib(resident.deployed)} deployed, ${mib(resident.called)} called; with one function called ${mib(resident.one)}`,
    },
    { name: "deploying them", subject: { what: "all", value: deploySeconds, unit: "s" } },
  ],
});

function nameOf(number: number): string {
  return `authentication-${number}`;
}

/** Deploys all; every fourth has the module of the single function, the others each their own. */
async function deployAll(gateway: BenchGateway): Promise<void> {
  const shared = gateway.push({ name: "shared", module });
  let next = 0;
  const deployer = async (): Promise<void> => {
    while (next < functions) {
      const number = next++;
      const deployment = { name: nameOf(number), module: variantOf(module, number) };
      await gateway.deployImage(deployment, number % 4 === 1 ? shared : gateway.push(deployment));
    }
  };
  await Promise.all(Array.from({ length: deployedAtOnce }, deployer));
}

/** Calls in random order, function n as often as 1/n says; the same order in every run. */
function zipf(url: string): Traffic {
  const weights = Array.from({ length: functions }, (_, rank) => 1 / (rank + 1));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const calls = weights.flatMap((weight, number) => {
    const body = JSON.stringify({ function_name: nameOf(number), args });
    return repeated([{ body, status: 200, answer: ok(answer) }], Math.max(1, Math.round((weight / all) * turn)));
  });
  let state = 1;
  const order = calls.map((call) => ({ call, at: (state = (state * 48_271) % 2_147_483_647) }));
  return { url, calls: order.toSorted((left, right) => left.at - right.at).map(({ call }) => call), connections: 32 };
}

function repeated<T>(values: readonly T[], count: number): T[] {
  return Array.from({ length: count }, () => values).flat();
}

async function check(gateway: BenchGateway, number: number): Promise<void> {
  const { text } = await gateway.client.invoke(nameOf(number), args);
  if (text !== ok(answer)) throw new Error(`${nameOf(number)} answered ${text}`);
}

function ok(result: string): string {
  return `status code: 200, message: ${result}`;
}

function mib(value: number): string {
  return `${Math.round(value)} MiB`;
}
