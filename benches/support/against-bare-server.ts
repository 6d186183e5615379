/** The question of three benches: how much of a bare node:http server's speed does an invoke keep? */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anyFreePort } from "../../experiments/demonstration/registry.ts";
import type { BareServer } from "./bare-server.ts";
import { Child } from "./child.ts";
import { BenchGateway, scoped } from "./gateway.ts";
import { type Load, load, type Traffic } from "./load.ts";
import { readOptions } from "./options.ts";
import { compared, report } from "./report.ts";
import { moduleOf, type Sample } from "./samples.ts";
import { median } from "./statistics.ts";

/** What a bench asks for. */
export type Wanted = {
  readonly bench: string;
  readonly what: string;
  readonly atLeast: number;
  readonly p99AtMost?: number;
};

const connections = 32;

/** Measures invokes of a sample against the bare server and reports. */
export async function compareWithBareServer(
  sample: Sample,
  { bench, what, atLeast, p99AtMost }: Wanted,
): Promise<void> {
  const options = readOptions({ seconds: 2, rounds: 5 });
  const { ours, bare } = await scoped(async (scope) => {
    const gateway = await BenchGateway.start(options.checkout);
    scope.defer(() => gateway.stop());
    await gateway.deploy({ ...sample, module: moduleOf(sample) });
    const subject = trafficOf(gateway, sample);
    const baseline = { ...subject, url: await startBareServer(scope, await answerOf(gateway, sample)) };
    return alternately({ ours: subject, bare: baseline }, options);
  });
  const of = (loads: readonly Load[], key: keyof Load): number => median(loads.map((each) => each[key]));
  const row = (name: string, key: keyof Load, unit: string) => {
    return (more: Parameters<typeof compared>[2]) =>
      compared(
        name,
        {
          subject: { what: "invoke", value: of(ours, key), unit },
          baseline: { what: "bare node:http", value: of(bare, key), unit },
        },
        more,
      );
  };
  const rows = [
    row("requests/s", "perSecond", "req/s")({ target: { atLeast } }),
    row("p50", "p50Ms", "ms")({}),
    row("p99", "p99Ms", "ms")(p99AtMost === undefined ? {} : { target: { atMost: p99AtMost } }),
  ];
  report(options, { bench, question: `${what}, ${connections} connections, against a bare node:http server`, rows });
}

/** The traffic of one function, called with a sample's arguments. */
export function trafficOf({ invokeUrl }: BenchGateway, { name, args, answer }: Sample, clients = connections): Traffic {
  const body = JSON.stringify({ function_name: name, args });
  const call = { body, status: 200, answer: `status code: 200, message: ${answer}` };
  return { url: invokeUrl, calls: [call], connections: clients };
}

/** Loads both sides in turn, each verified before the first round and after the last. */
export async function alternately<Name extends string>(
  sides: Readonly<Record<Name, Traffic>>,
  { seconds, rounds }: { readonly seconds: number; readonly rounds: number },
): Promise<Record<Name, Load[]>> {
  const names = Object.keys(sides) as Name[];
  const loads = Object.fromEntries(names.map((name): [string, Load[]] => [name, []])) as Record<Name, Load[]>;
  for (const name of names) await load(sides[name], 2, { verify: true });
  for (let round = 0; round < rounds; round += 1) {
    // Whoever goes first in one round goes last in the next.
    for (const name of round % 2 === 0 ? names : names.toReversed()) loads[name].push(await load(sides[name], seconds));
  }
  for (const name of names) await load(sides[name], 1, { verify: true });
  return loads;
}

/** The gateway's answer to a call, for the bare server to give. */
async function answerOf(gateway: BenchGateway, { name, args }: Sample): Promise<Omit<BareServer, "port">> {
  const { headers, text } = await gateway.client.invoke(name, args);
  const own = [...headers].filter(
    ([header]) => !["date", "connection", "keep-alive", "content-length"].includes(header),
  );
  return { functions: [name], headers: Object.fromEntries(own), answer: text };
}

async function startBareServer(scope: AsyncDisposableStack, server: Omit<BareServer, "port">): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "wasmgate-bare-"));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const port = await anyFreePort();
  const program = join(import.meta.dirname, "bare-server.ts");
  const told = JSON.stringify({ ...server, port } satisfies BareServer);
  const child = new Child(process.execPath, [program, told], {
    env: process.env,
    cwd: folder,
    log: join(folder, "log"),
  });
  scope.defer(() => child.stop());
  const url = `http://127.0.0.1:${port}`;
  await child.answers(url);
  return `${url}/function/invoke`;
}
