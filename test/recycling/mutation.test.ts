/**
 * Real modules with bytes changed, inserted, cut out or cut off, and rewritten: what the engine refuses is
 * MODULE_INVALID; what it accepts is rewritten into what it accepts, or not, for a reason. (test/wasm has the same for
 * small modules, one for each part of the format.)
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { exportState } from "../../src/wasm/exported-state.ts";
import { rewrite } from "../../src/wasm/rewrite.ts";
import { readCorpus } from "../support/corpus.ts";
import { randomGuest } from "../support/random-guest.ts";
import { oneOf, type Random, randomFrom } from "../support/random.ts";

const repository = join(import.meta.dirname, "..", "..");
const seed = 20261120;
/** Mutants of large modules take longer, and only their code is more of the same. */
const mostBytes = 40_000;

function mutate(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let mutant = Buffer.from(bytes);
  for (let edits = 1 + random(3); edits > 0; edits -= 1) {
    const at = 8 + random(Math.max(1, mutant.length - 8));
    const some = Buffer.from(Array.from({ length: 1 + random(3) }, () => random(256)));
    const from = random(mutant.length);
    const parts = oneOf(random, [
      [mutant.subarray(0, at), some, mutant.subarray(at + some.length)],
      [mutant.subarray(0, at), some, mutant.subarray(at + some.length)],
      [mutant.subarray(0, at), Buffer.from([(mutant[at] ?? 0) ^ (1 << random(8))]), mutant.subarray(at + 1)],
      [mutant.subarray(0, at), some, mutant.subarray(at)],
      [mutant.subarray(0, at), mutant.subarray(at + some.length)],
      // Bytes of the module itself, elsewhere: more often valid than random ones.
      [mutant.subarray(0, at), mutant.subarray(from, from + 1 + random(12)), mutant.subarray(at + some.length)],
      random(8) === 0 ? [mutant.subarray(0, at)] : [mutant],
    ]);
    mutant = Buffer.concat(parts);
  }
  return new Uint8Array(mutant);
}

/** What is wrong with the rewriter's answer to these bytes; undefined when nothing is. */
function wrongAnswer(bytes: Uint8Array<ArrayBuffer>, tracked: boolean, seen: Record<string, number>): unknown {
  const valid = WebAssembly.validate(bytes);
  try {
    const made = rewrite(bytes, { tracked });
    const kind = made.rewritten ? "rewritten" : "refused with a reason";
    seen[kind] = (seen[kind] ?? 0) + 1;
    if (!valid) return "an invalid module was taken";
    if (!made.rewritten) return made.reason === "" ? "no reason" : undefined;
    if (!WebAssembly.validate(made.bytes)) return "the rewritten module is invalid";
    return WebAssembly.validate(exportState(made.bytes).bytes) ? undefined : "with its state exported it is invalid";
  } catch (error) {
    seen["invalid"] = (seen["invalid"] ?? 0) + 1;
    if (!(error instanceof GatewayError)) return error;
    const foreseen = error.code === "MODULE_INVALID" || error.code === "IMAGE_UNSUPPORTED";
    return foreseen && (!valid || error.message.includes("the limit is")) ? undefined : error;
  }
}

function tryMutants(sources: readonly Uint8Array<ArrayBuffer>[], rounds: number): Record<string, number> {
  const random = randomFrom(seed);
  const wrong: unknown[] = [];
  const seen: Record<string, number> = {};
  for (let round = 0; round < rounds; round += 1) {
    const mutant = mutate(oneOf(random, sources), random);
    const answer = wrongAnswer(mutant, random(2) === 0, seen);
    if (answer !== undefined) wrong.push([Buffer.from(mutant).toString("base64"), answer]);
  }
  expect(wrong).toEqual([]);
  return seen;
}

test("the rewriter takes what the engine takes, and no more, of mutants of generated modules", () => {
  const guests = Array.from({ length: 40 }, (_, place) => randomGuest(randomFrom(place)));
  const seen = tryMutants([...readCorpus(), ...guests], 8_000);
  expect(seen["rewritten"]).toBeGreaterThan(500);
  expect(seen["refused with a reason"]).toBeGreaterThan(5);
  expect(seen["invalid"]).toBeGreaterThan(2_000);
});

const built = ["experiments/application/*/build", "experiments/application/*/target/*/release", "functions/*/*/build"]
  .flatMap((folder) => globSync(`${folder}/*.wasm`, { cwd: repository }))
  .map((path) => new Uint8Array(readFileSync(join(repository, path))))
  .filter((bytes) => bytes.length < mostBytes);

(built.length === 0 ? test.skip : test)("the same of mutants of what compilers make", () => {
  const seen = tryMutants(built, 1_000);
  expect(seen["rewritten"]).toBeGreaterThan(50);
  expect(seen["invalid"]).toBeGreaterThan(50);
});
