/**
 * The entry of a guest thread. Piscina calls it with a batch; each outcome leaves as soon as it is made, so that a
 * thread ended in the middle of a batch loses only the call that runs. The last one is the task's result and saves a
 * message.
 */
import { parentPort, threadId, workerData } from "node:worker_threads";
import { Words } from "./control.ts";
import { markPagesFor } from "./instance.ts";
import { Instances } from "./instances.ts";
import type { Batch, Call, Ended, Hello, LoadedModule, Outcome, Program, ThreadData } from "./protocol.ts";
import { WasiHost } from "./wasi/host.ts";

/** Programs that are remembered; the ingress tells one again when it was forgotten. */
const remembered = 4096;

const data = workerData as ThreadData;
const words = new Words();
const markPages = markPagesFor(data.memoryPages);
const host = new WasiHost();
const instances = new Instances(
  {
    flag: words.memory,
    marks: new WebAssembly.Memory({ initial: markPages, maximum: markPages }),
    arena: data.arena,
    memoryPages: data.memoryPages,
    host,
    wasiImports: host.imports,
  },
  data,
);
const programs = new Map<number, { readonly program: Program; readonly loaded: LoadedModule }>();

/**
 * Runs the calls of a batch in order and returns the last one's end; undefined when there was no call, or the thread is
 * being ended.
 * @throws {Error} before any call is started, when one names a program that the thread does not know
 */
export default function runBatch(batch: Batch): Ended | undefined {
  for (const { id, ...told } of batch.programs) learn(id, told);
  for (const { program } of batch.calls) if (!programs.has(program)) throw new Error(`unknown program ${program}`);
  let last: Ended | undefined;
  for (const call of batch.calls) {
    if (last !== undefined) parentPort?.postMessage(last);
    last = run(call);
    if (last === undefined) return undefined;
  }
  return last;
}

function run(call: Call): Ended | undefined {
  const told = programs.get(call.program);
  if (told === undefined) return undefined;
  const { id: callId, input, limits = told.program.limits } = call;
  words.start(callId);
  const startMs = performance.now();
  const outcome = instances.run({ ...told, input, limits });
  const end = words.end(callId);
  if (end === "lost") return undefined;
  const overran: Outcome = { kind: "overran", timeoutMs: limits.timeoutMs };
  return { callId, outcome: end === "shot" ? overran : outcome, runMs: performance.now() - startMs };
}

function learn(id: number, told: { readonly program: Program; readonly loaded: LoadedModule }): void {
  programs.set(id, told);
  const [oldest] = programs.keys();
  if (programs.size > remembered && oldest !== undefined) programs.delete(oldest);
}

/** Says that the thread is up. */
export function hello(): Hello {
  return { threadId, words: words.memory };
}
