/**
 * What does a clean state cost? A call and its restore against the same call on an instance that nobody cleans, and where
 * the difference goes: the restore itself, and a guest whose allocator starts from nothing at every call.
 */
import { Engine } from "./support/engine.ts";
import { timeInTurns } from "./support/in-process.ts";
import { readOptions } from "./support/options.ts";
import { compared, report } from "./support/report.ts";
import { samples } from "./support/samples.ts";
import { median } from "./support/statistics.ts";

const options = readOptions({ seconds: 1, rounds: 5 });
const engine = await Engine.open(options.checkout);
const { recycled, reused, steps } = await engine.open(samples.authentication);
const stepped = timedApart(steps());
const times = timeInTurns({ recycled, reused: reused(), stepped: stepped.once }, options);
await engine.close();

const figure = (what: string, value: number) => ({ what, value, unit: "us" });
const callUs = median(stepped.callsUs);
const floor = figure("call without restore", times.reused.medianUs);
const rows = [
  compared(
    "call + restore",
    { subject: figure("call + restore", times.recycled.medianUs), baseline: floor },
    {
      target: { atMost: 1.5 },
      note: `p99 ${times.recycled.p99Us.toFixed(1)} us, without restore ${times.reused.p99Us.toFixed(1)} us`,
    },
  ),
  compared("the call alone, the guest's allocator cold and its stores tracked", {
    subject: figure("call", callUs),
    baseline: floor,
  }),
  { name: "the restore alone", subject: figure("restore", median(stepped.restoresUs)) },
];
report(options, { bench: "restore", question: "authentication: call + restore against the same call without", rows });

/** One call and restore whose parts are timed; the first thousand, before the engine has tiered up, do not count. */
function timedApart({ call, restore }: ReturnType<typeof steps>) {
  const [callsUs, restoresUs]: [number[], number[]] = [[], []];
  let warm = 0;
  const once = (): void => {
    const startMs = performance.now();
    call();
    const calledMs = performance.now();
    const kept = restore();
    const restoredMs = performance.now();
    warm += 1;
    if (warm < 1000 || !kept) return;
    callsUs.push((calledMs - startMs) * 1000);
    restoresUs.push((restoredMs - calledMs) * 1000);
  };
  return { once, callsUs, restoresUs };
}
