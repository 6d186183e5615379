/**
 * What does the rewrite cost guests that compute? Each kernel as it was compiled, and rewritten with and without tracking of
 * its stores; nothing is restored in between, so the difference is the code's.
 */
import { Engine } from "./support/engine.ts";
import { timeInTurns } from "./support/in-process.ts";
import { readOptions } from "./support/options.ts";
import { compared, report, type Row, shown } from "./support/report.ts";
import { guest } from "./support/samples.ts";
import { geometricMean } from "./support/statistics.ts";

/** What each answers to the seed 7. MD5 and the number of primes are checked elsewhere too: RFC 1321, 9592 + 7. */
const kernels: Readonly<Record<string, number>> = {
  sort: 890_874_372,
  matmul: 4_294_746_842,
  hash: 3_949_239_749,
  sieve: 9599,
  json: 1_049_572_717,
  md5: 108_306_800,
};

const options = readOptions({ seconds: 0.3, rounds: 5 });
const engine = await Engine.open(options.checkout);
const rows: Row[] = [];
const ratios: Record<"tracked" | "untracked", number[]> = { tracked: [], untracked: [] };
for (const [name, answer] of Object.entries(kernels)) {
  const forms = await engine.kernel(name, guest(name));
  const checked = (run: (seed: number) => number) => (): void => {
    const got = run(7) >>> 0;
    if (got !== answer) throw new Error(`${name} answered ${got}, expected ${answer}`);
  };
  const sides = {
    original: checked(forms.original()),
    tracked: checked(forms.tracked()),
    untracked: checked(forms.untracked()),
  };
  const times = timeInTurns(sides, options);
  const baseline = { what: "original", value: times.original.medianUs, unit: "us" };
  for (const form of ["tracked", "untracked"] as const) {
    ratios[form].push(times[form].medianUs / times.original.medianUs);
    rows.push(
      compared(`${name}, ${form}`, { subject: { what: form, value: times[form].medianUs, unit: "us" }, baseline }),
    );
  }
}
await engine.close();
for (const form of ["tracked", "untracked"] as const) {
  const ratio = geometricMean(ratios[form]);
  const target = form === "tracked" ? { target: { atMost: 1.1 } } : {};
  rows.push({
    ...{
      name: `geometric mean, ${form}`,
      subject: { what: form, value: ratio, unit: "times the original" },
      ratio,
      ...target,
    },
    note: `of ${ratios[form].map(shown).join(", ")}`,
  });
}
report(options, { bench: "tracking", question: "the rewritten module's code against the original's", rows });
