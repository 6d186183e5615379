/**
 * `make fuzz`: compares used, fresh and original instances of generated modules until the time is up, and fails with the
 * seed of each module whose calls differ. SECONDS (60) and SEED (drawn) come from the environment.
 */
import { readCorpus } from "./corpus.ts";
import { type Seen, tryModule } from "./differential.ts";
import { randomGuest } from "./random-guest.ts";
import { randomFrom } from "./random.ts";
import { Stage } from "./twins.ts";

const seconds = Number(process.env["SECONDS"] ?? 60);
const firstSeed = Number(process.env["SEED"] || Date.now() % 1_000_000_000);
const until = performance.now() + seconds * 1000;
const stage = new Stage();
const corpus = readCorpus();
const sums = { modules: 0, calls: 0, recycled: 0, returned: 0, changed: 0, retired: 0, notRewritten: 0, findings: 0 };

console.log(`SEED=${firstSeed} SECONDS=${seconds}`);
for (let seed = firstSeed; performance.now() < until; seed += 1) {
  const random = randomFrom(seed);
  // Of the corpus only the calls are new.
  const place = random(4) === 0 ? random(corpus.length) : undefined;
  const bytes = place === undefined ? randomGuest(random) : corpus[place];
  if (bytes === undefined) continue;
  const shape = { tracked: random(3) > 0, headroomPages: random(5), limitPages: 4 + random(17), calls: 10 };
  const seen = tryModule(bytes, { stage, seed, ...shape });
  sums.modules += 1;
  if (typeof seen === "string") sums.notRewritten += 1;
  else count(seen, `SEED=${seed}${place === undefined ? "" : ` (corpus ${place})`} ${JSON.stringify(shape)}`);
}
console.log(sums, `${Math.round(sums.calls / seconds)} calls/s`);
process.exitCode = sums.findings === 0 ? 0 : 1;

function count({ calls, recycled, returned, changed, retired, findings }: Seen, which: string): void {
  sums.calls += calls;
  sums.recycled += recycled;
  sums.returned += returned;
  sums.changed += changed;
  sums.retired += retired;
  sums.findings += findings.length;
  for (const finding of findings) console.error(which, finding);
}
