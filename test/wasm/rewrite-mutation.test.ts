/**
 * Modules with a few bytes changed, rewritten: what the engine refuses is MODULE_INVALID, what it accepts is rewritten
 * into something that it accepts, or not rewritten for a reason. And the walk itself, on code that nobody has validated.
 */
import { GatewayError } from "../../src/errors.ts";
import { UnknownInstruction } from "../../src/wasm/body-rewriter.ts";
import { rewriteBodies } from "../../src/wasm/code-section.ts";
import { takeApart } from "../../src/wasm/module-parts.ts";
import { rewrite } from "../../src/wasm/rewrite.ts";
import { features } from "../support/features.ts";
import { leb, moduleOf, section } from "../support/module-bytes.ts";
import { randomFrom } from "../support/random.ts";

const rounds = 12_000;
const seed = 20261122;

const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x0e, 0x10, 0x11, 0x18, 0x1f, 0x20, 0x22, 0x24, 0x36, 0x3a,
  0x3f, 0x40, 0x41, 0x63, 0x6a, 0x70, 0x7b, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xfe, 0xff,
];

function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  const mutant = new Uint8Array(bytes);
  for (let edits = 1 + random(2); edits > 0 && mutant.length > 8; edits -= 1) {
    mutant[8 + random(mutant.length - 8)] = random(2) === 0 ? random(256) : (telling[random(telling.length)] ?? 0);
  }
  return mutant;
}

function failureOf(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

test(`of ${rounds} mutants each that Node accepts is rewritten into what it accepts, and no other`, () => {
  const random = randomFrom(seed);
  const wrong: unknown[] = [];
  const seen = { rewritten: 0, not: 0, refused: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const mutant = mutate(features[random(features.length)]?.[1] ?? new Uint8Array(0), random);
    const valid = WebAssembly.validate(mutant);
    const failure = failureOf(() => {
      const out = rewrite(mutant, { tracked: random(2) === 0 });
      seen[out.rewritten ? "rewritten" : "not"] += 1;
      if (!valid) wrong.push([Buffer.from(mutant).toString("hex"), "is invalid and was taken"]);
      if (out.rewritten && !WebAssembly.validate(out.bytes))
        wrong.push([Buffer.from(mutant).toString("hex"), "is invalid now"]);
    });
    if (failure === undefined) continue;
    seen.refused += 1;
    const foreseen = failure instanceof GatewayError && failure.code === "MODULE_INVALID";
    if (!foreseen || (valid && !failure.message.includes("the limit is")))
      wrong.push([Buffer.from(mutant).toString("hex"), failure]);
  }
  expect(wrong).toEqual([]);
  expect(Math.min(seen.rewritten, seen.not, seen.refused)).toBeGreaterThan(rounds / 100);
});

test("random bytes for code end the walk with an error or at their end, in linear time and room", () => {
  const random = randomFrom(seed);
  const wrong: unknown[] = [];
  for (let round = 0; round < 2_000; round += 1) {
    const code = Uint8Array.from({ length: random(300) }, () =>
      random(3) === 0 ? random(256) : (telling[random(telling.length)] ?? 0),
    );
    const bytes = moduleOf(
      section(1, 1, 0x60, 0, 0),
      section(3, 1, 0),
      section(5, 1, 0, 1),
      section(10, 1, leb(code.length + 1), 0, [...code]),
    );
    const failure = failureOf(() => {
      const context = {
        bytes,
        flag: 1,
        marks: 2,
        size: 0,
        injected: () => 9,
        importedFunctions: 0,
        arityOf: () => ({ params: 0, results: 0 }),
      };
      const { bodies } = rewriteBodies(takeApart(bytes), context);
      if (bodies.length > 100 + code.length * 20) wrong.push([Buffer.from(code).toString("hex"), bodies.length]);
    });
    if (failure !== undefined && !(failure instanceof GatewayError) && !(failure instanceof UnknownInstruction))
      wrong.push(failure);
  }
  expect(wrong).toEqual([]);
});

test("a hundred thousand nested blocks, loops and facts are no more than so many bytes", () => {
  const depth = 100_000;
  const store = [0x41, 8, 0x41, 0, 0x3a, 0, 0];
  for (const opener of [0x02, 0x03]) {
    const open = Array.from({ length: depth }, () => [opener, 0x40, ...store]).flat();
    const body = [0, ...open, ...Array<number>(depth + 1).fill(0x0b)];
    const bytes = moduleOf(
      section(1, 1, 0x60, 0, 0),
      section(3, 1, 0),
      section(5, 1, 0, 1),
      section(10, 1, leb(body.length), body),
    );
    const out = rewrite(bytes, { tracked: true });
    expect(out.rewritten && out.bytes.length).toBeLessThan(bytes.length * 5);
  }
});
