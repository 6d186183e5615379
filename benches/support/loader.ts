/**
 * A load of our own, in a process of its own: what is used where wrk is not installed, and for what wrk cannot do, which
 * is a steady rate and an answer other than 200. Every answer is compared, byte for byte.
 *
 *   node loader.ts '{"url": …, "calls": [{"body": …, "status": 200, "answer": …}], "connections": 32, "seconds": 3}'
 *
 * With "perSecond", calls start at that rate whatever became of the earlier ones, and a call's time counts from when it
 * should have started, so that a stall is not hidden by the calls that it kept from being made.
 */
import { Agent, request } from "node:http";
import { quantile } from "./statistics.ts";

/** One call and what it must be answered; `answer` undefined: anything with that status. */
export type LoadedCall = { readonly body: string; readonly status: number; readonly answer?: string };

/** What the loader is told. */
export type Plan = {
  readonly url: string;
  readonly calls: readonly LoadedCall[];
  readonly connections: number;
  readonly seconds: number;
  readonly perSecond?: number;
};

const plan = JSON.parse(process.argv[2] ?? "{}") as Plan;
const agent = new Agent({ keepAlive: true, maxSockets: plan.connections });
const timesMs: number[] = [];
let wrong = 0;
let firstWrong = "";
let next = 0;

const startMs = performance.now();
const endMs = startMs + plan.seconds * 1000;
await (plan.perSecond === undefined ? closedLoop() : steadily(plan.perSecond));
const seconds = (performance.now() - startMs) / 1000;
agent.destroy();
const percentiles = { p50Ms: quantile(timesMs, 0.5), p99Ms: quantile(timesMs, 0.99) };
process.stdout.write(`${JSON.stringify({ requests: timesMs.length, seconds, ...percentiles, wrong, firstWrong })}\n`);

async function closedLoop(): Promise<void> {
  const connection = async (): Promise<void> => {
    while (performance.now() < endMs) await measured(performance.now());
  };
  await Promise.all(Array.from({ length: plan.connections }, connection));
}

async function steadily(perSecond: number): Promise<void> {
  const underWay: Promise<void>[] = [];
  for (let count = 0; count < perSecond * plan.seconds; count += 1) {
    const dueMs = startMs + (count * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    // A timer fires up to a millisecond early or late; what it adds is ours and not the gateway's.
    underWay.push(measured(waitMs > 0 ? performance.now() : dueMs));
  }
  await Promise.all(underWay);
}

async function measured(fromMs: number): Promise<void> {
  const call = plan.calls[next++ % plan.calls.length];
  if (call === undefined) throw new Error("there is nothing to call");
  const got = await send(call.body);
  timesMs.push(performance.now() - fromMs);
  if (got.status === call.status && (call.answer === undefined || got.text === call.answer)) return;
  wrong += 1;
  firstWrong ||= `${got.status} ${got.text}`.slice(0, 300);
}

function send(body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(plan.url, { method: "POST", agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", (error) => resolve({ status: 0, text: error.message }));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    sent.once("error", (error) => resolve({ status: 0, text: error.message }));
    sent.end(body);
  });
}
