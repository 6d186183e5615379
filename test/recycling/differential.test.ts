/**
 * Whatever a guest does, the next call finds what the first one found, and every call does what it does to the module as
 * it was deployed. A bounded part of `make fuzz`; test/support/differential.ts says what is compared.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readCorpus } from "../support/corpus.ts";
import { type Seen, tryModule } from "../support/differential.ts";
import { randomGuest } from "../support/random-guest.ts";
import { randomFrom } from "../support/random.ts";
import { Stage } from "../support/twins.ts";

const repository = join(import.meta.dirname, "..", "..");
const forms = [
  { tracked: true, headroomPages: 0 },
  { tracked: true, headroomPages: 3 },
  { tracked: false, headroomPages: 0 },
  { tracked: false, headroomPages: 3 },
];

type Sum = Omit<Seen, "findings"> & { findings: string[]; refusals: Record<string, number> };

type Modules = readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[];

function tryAll(modules: Modules, calls: number, stage = new Stage()): Sum {
  const sum: Sum = { calls: 0, recycled: 0, returned: 0, changed: 0, retired: 0, findings: [], refusals: {} };
  let seed = 0;
  for (const [name, bytes] of modules) {
    seed += 1;
    for (const form of forms) {
      const seen = tryModule(bytes, {
        stage,
        seed,
        calls,
        limitPages: stage.around.memoryPages - (seed % 17),
        ...form,
      });
      if (typeof seen === "string") {
        sum.refusals[seen] = (sum.refusals[seen] ?? 0) + 1;
        continue;
      }
      for (const key of ["calls", "recycled", "returned", "changed", "retired"] as const) sum[key] += seen[key];
      sum.findings.push(...seen.findings.map((finding) => `${name} ${JSON.stringify(form)} ${finding}`));
    }
  }
  return sum;
}

test("a used instance is what a fresh one is, for guests that do little but change state", () => {
  const guests = Array.from({ length: 60 }, (_, seed) => [`seed ${seed}`, randomGuest(randomFrom(seed))] as const);
  const { findings, ...sum } = tryAll(guests, 8);
  expect(findings).toEqual([]);
  expect(sum.calls).toBeGreaterThan(1500);
  expect(sum.changed).toBeGreaterThan(sum.calls / 2);
  expect(sum.returned).toBeGreaterThan(sum.calls / 4);
  expect(sum.retired).toBeGreaterThan(5);
});

test("a used instance is what a fresh one is, for modules of wasm-smith with everything that Node accepts", () => {
  const every = 8;
  const modules = readCorpus().flatMap((bytes, place) =>
    place % every === 0 ? [[`module ${place}`, bytes] as const] : [],
  );
  const { findings, refusals, ...sum } = tryAll(modules, 6);
  expect(findings).toEqual([]);
  expect(sum.calls).toBeGreaterThan(1000);
  expect(sum.recycled).toBeGreaterThan(500);
  // Each is refused for a reason that is one.
  const reasons = /^(has (\d memories|a shared memory|a 64-bit memory)|starts only with more headroom)$/;
  expect(Object.keys(refusals).filter((reason) => !reasons.test(reason))).toEqual([]);
});

const built = ["experiments/application/*/build", "experiments/application/*/target/*/release", "functions/*/*/build"]
  .flatMap((folder) => globSync(`${folder}/*.wasm`, { cwd: repository }))
  .filter((path) => existsSync(join(repository, path)));

(built.length === 0 ? test.skip : test)("a used instance is what a fresh one is, for what compilers make", () => {
  const modules = built.map((path) => [path, new Uint8Array(readFileSync(join(repository, path)))] as const);
  const { findings, refusals, ...sum } = tryAll(modules, 4, new Stage(512));
  expect(findings).toEqual([]);
  expect(refusals).toEqual({});
  expect(sum.returned).toBeGreaterThan(built.length);
});
