/**
 * Loads an address and says how it did; an answer that is wrong, refused or lost is an error, never a number.
 *
 * wrk where it is installed: it costs the machine less than any client in JavaScript, and on two cores the client shares
 * them with what it measures. Otherwise loader.ts, for both sides alike; the result names which it was.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LoadedCall, Plan } from "./loader.ts";

/** How a load went. */
export type Load = { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number };

/** What is sent, and each answer that may come. */
export type Traffic = {
  readonly url: string;
  readonly calls: readonly LoadedCall[];
  readonly connections: number;
};

const run = promisify(execFile);
const loader = join(import.meta.dirname, "loader.ts");
const script = join(import.meta.dirname, "wrk.lua");

/** Whether wrk is installed. */
export const hasWrk = ((): boolean => {
  try {
    execFileSync("wrk", ["-v"], { stdio: "ignore" });
    return true;
  } catch (error) {
    // It exits with 1 after printing its version.
    return !(typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT");
  }
})();

/** Loads an address for some seconds; `verify` compares every body, which costs the client time. */
export async function load(traffic: Traffic, seconds: number, { verify = false } = {}): Promise<Load> {
  if (!hasWrk) return ownLoad({ ...traffic, seconds });
  const folder = mkdtempSync(join(tmpdir(), "wasmgate-wrk-"));
  try {
    const [calls, answers] = [join(folder, "calls"), join(folder, "answers")];
    writeFileSync(calls, traffic.calls.map(({ body }) => `${body}\n`).join(""));
    writeFileSync(answers, [...new Set(traffic.calls.map(({ answer = "" }) => `${answer}\n`))].join(""));
    const flags = ["-t1", `-c${traffic.connections}`, `-d${Math.max(1, Math.round(seconds))}s`, "--timeout", "10s"];
    const { stdout } = await run("wrk", [
      ...flags,
      "-s",
      script,
      traffic.url,
      "--",
      calls,
      ...(verify ? [answers] : []),
    ]);
    return readWrk(stdout, traffic, await answerBytes(traffic));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Loads an address by loader.ts; every answer is compared. */
export async function ownLoad(plan: Plan): Promise<Load> {
  const { stdout } = await run(process.execPath, [loader, JSON.stringify(plan)], { maxBuffer: 2 ** 24 });
  const found = numbersOf(stdout);
  const { requests, seconds, p50Ms, p99Ms, wrong } = found;
  if (wrong !== 0 || requests === 0) throw new Error(`${wrong} of ${requests} answers were wrong: ${stdout}`);
  return { perSecond: requests / seconds, p50Ms, p99Ms };
}

function readWrk(stdout: string, { connections }: Traffic, bytesEach: number | undefined): Load {
  const { requests, seconds, bytes, p50Ms, p99Ms, wrong, refused, broken } = numbersOf(
    /^RESULT (.*)$/m.exec(stdout)?.[1] ?? "{}",
  );
  if (wrong !== 0 || refused !== 0 || broken !== 0 || requests === 0) {
    throw new Error(`of ${requests} answers ${wrong + refused} were wrong and ${broken} did not come: ${stdout}`);
  }
  // Answers that all have one length must come to so many bytes, give or take those that were under way.
  if (bytesEach !== undefined && Math.abs(bytes - requests * bytesEach) > connections * bytesEach) {
    throw new Error(`${requests} answers of ${bytesEach} bytes each came to ${bytes} bytes`);
  }
  return { perSecond: requests / seconds, p50Ms, p99Ms };
}

/** Asks each call once and returns the length of the raw answer; undefined when they differ in it. */
async function answerBytes({ url, calls }: Traffic): Promise<number | undefined> {
  const few = calls.length > 1 ? [...new Map(calls.map((call) => [call.answer, call])).values()] : calls;
  const lengths = new Set(await Promise.all(few.map(({ body }) => rawLength(new URL(url), body))));
  return lengths.size === 1 ? [...lengths][0] : undefined;
}

/** Sends one request on a connection of its own, as wrk writes it, and counts what comes back. */
function rawLength({ hostname, port, pathname, host }: URL, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let got: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      const head = got.indexOf("\r\n\r\n") + 4;
      const length = /content-length: (\d+)/i.exec(got.subarray(0, head).toString("latin1"))?.[1];
      if (head < 4 || length === undefined || got.byteLength < head + Number(length)) return;
      socket.destroy();
      resolve(got.byteLength);
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error(`${host} does not answer`)));
    socket.once("error", reject);
    const head = `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
    socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  });
}

function numbersOf(json: string): Readonly<Record<string, number>> & {
  requests: number;
  seconds: number;
  bytes: number;
  p50Ms: number;
  p99Ms: number;
  wrong: number;
  refused: number;
  broken: number;
} {
  const of: unknown = JSON.parse(json);
  const number = (key: string): number => {
    const value: unknown = typeof of === "object" && of !== null ? Reflect.get(of, key) : undefined;
    return typeof value === "number" ? value : NaN;
  };
  return {
    ...{ requests: number("requests"), seconds: number("seconds"), bytes: number("bytes") },
    ...{ p50Ms: number("p50Ms"), p99Ms: number("p99Ms") },
    ...{ wrong: number("wrong"), refused: number("refused"), broken: number("broken") },
  };
}
