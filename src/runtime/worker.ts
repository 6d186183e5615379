/**
 * The entry of a guest thread. Piscina calls it with a batch; each outcome leaves as soon as it is made, so that a
 * thread ended in the middle of a batch loses only the call that runs. The last one is the task's result and saves a
 * message.
 */
import { parentPort, threadId, workerData } from "node:worker_threads";
import { Control } from "./control.ts";
import { Instances } from "./instances.ts";
import type { Batch, Ended } from "./protocol.ts";

const { control: buffer } = workerData as { readonly control: SharedArrayBuffer };
const control = new Control({ buffer });
const slot = control.claim(threadId);
const instances = new Instances();

/** Runs the calls of a batch in order; undefined when the last one was shot or there was none. */
export default function runBatch(batch: Batch): Ended | undefined {
  let last: Ended | undefined;
  for (const { call, module } of batch.calls) {
    if (last !== undefined) parentPort?.postMessage(last);
    const loaded = batch.modules[module];
    if (loaded === undefined) throw new Error(`a batch names module ${module} and brings ${batch.modules.length}`);
    control.start(slot, call.id);
    const startMs = performance.now();
    const outcome = instances.run(call, loaded);
    if (!control.end(slot, call.id)) return undefined; // shot: this thread is being ended
    last = { callId: call.id, outcome, runMs: performance.now() - startMs };
  }
  return last;
}
