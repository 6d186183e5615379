/**
 * How long is the first invoke of a function that has just been deployed? Against compiling and instantiating its module,
 * stripped of custom sections, in a bare script. Every round has a module that neither has seen.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BenchGateway, scoped } from "./support/gateway.ts";
import { readOptions } from "./support/options.ts";
import { compared, report } from "./support/report.ts";
import { moduleOf, samples } from "./support/samples.ts";
import { median, quantile } from "./support/statistics.ts";
import { stripped, variantOf } from "./support/variants.ts";

// A round takes some tenths of a second; the seconds are those of all rounds together, and bound them.
const options = readOptions({ seconds: 15, rounds: 30 });
const { args, answer } = samples.authentication;
const module = moduleOf(samples.authentication);
const [coldMs, warmMs, bareMs]: [number[], number[], number[]] = [[], [], []];

await scoped(async (scope) => {
  const gateway = await BenchGateway.start(options.checkout);
  scope.defer(() => gateway.stop());
  const folder = mkdtempSync(join(tmpdir(), "wasmgate-cold-"));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const script = fork(join(import.meta.dirname, "support", "compile-server.ts"));
  scope.defer(() => void script.kill());
  const endMs = performance.now() + options.seconds * 1000;
  for (let round = 0; round < options.rounds && performance.now() < endMs; round += 1) {
    const variant = variantOf(module, round);
    const name = `authentication-${round}`;
    await gateway.deploy({ name, module: variant });
    coldMs.push(await invokeMs(gateway, name));
    warmMs.push(await invokeMs(gateway, name));
    const path = join(folder, `${round}.wasm`);
    writeFileSync(path, stripped(variant));
    script.send(path);
    const [told] = (await once(script, "message")) as [{ tookMs: number; exports: number }];
    if (told.exports === 0) throw new Error("the bare script's module exports nothing");
    bareMs.push(told.tookMs);
  }
});

const ms = (what: string, value: number) => ({ what, value, unit: "ms" });
const subject = ms("first invoke", median(coldMs));
const overMs = median(coldMs.map((cold, round) => cold - (bareMs[round] ?? NaN)));
report(options, {
  bench: "cold",
  question: "deploy answered to first invoke answered, against compile + instantiate in a bare script",
  rows: [
    {
      ...{ name: "first invoke over compile + instantiate", subject: ms("longer by", overMs), target: { atMost: 10 } },
      note: `${coldMs.length} modules; p99 of the first invoke ${quantile(coldMs, 0.99).toFixed(2)} ms`,
    },
    compared("first invoke", { subject, baseline: ms("compile + instantiate", median(bareMs)) }),
    compared("first invoke beside the second", { subject, baseline: ms("second invoke", median(warmMs)) }),
  ],
});

async function invokeMs(gateway: BenchGateway, name: string): Promise<number> {
  const startMs = performance.now();
  const got = await gateway.client.result(name, args);
  const tookMs = performance.now() - startMs;
  if (got !== answer) throw new Error(`${name} answered ${got}`);
  return tookMs;
}
