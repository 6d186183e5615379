/**
 * Real modules with a few bytes changed. A reader of hostile bytes answers MODULE_INVALID or reads on; it never crashes,
 * and it never refuses what the engine accepts, but for the documented limits.
 */
import { GatewayError } from "../../src/errors.ts";
import { defaultModuleLimits, inspect } from "../../src/wasm/inspect.ts";
import { prepare } from "../../src/wasm/rewrite.ts";
import { features } from "../support/features.ts";
import { randomFrom } from "../support/random.ts";

const rounds = 40_000;
const seed = 20261120;

/** Bytes that mean something in the format: flags, forms, types, prefixes, continuations. */
const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x07, 0x0b, 0x40, 0x4e, 0x50, 0x5f, 0x60, 0x63, 0x64, 0x70, 0x7b, 0x7f, 0x80,
  0xfb, 0xfd, 0xff,
];

function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  const mutant = [...bytes];
  for (let edits = 1 + random(3); edits > 0 && mutant.length > 8; edits -= 1) {
    const at = 8 + random(mutant.length - 8);
    const byte = random(2) === 0 ? random(256) : (telling[random(telling.length)] ?? 0);
    const kind = random(10);
    if (kind === 0) mutant.length = at;
    else if (kind === 1) mutant.splice(at, 0, byte);
    else if (kind === 2) mutant.splice(at, 1 + random(3));
    else mutant[at] = byte;
  }
  return new Uint8Array(mutant);
}

function failureOf(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

test(`of ${rounds} mutants none crashes the reader, and each that Node accepts is read and stays valid when prepared`, () => {
  const random = randomFrom(seed);
  const wrong: unknown[] = [];
  const seen = { accepted: 0, refused: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const mutant = mutate(features[random(features.length)]?.[1] ?? new Uint8Array(0), random);
    const failure = failureOf(() => inspect(mutant, defaultModuleLimits));
    const valid = WebAssembly.validate(mutant);
    seen[valid ? "accepted" : "refused"] += 1;
    const foreseen = failure === undefined || failure instanceof GatewayError;
    const limited = failure instanceof GatewayError && failure.message.includes("the limit is");
    if (!foreseen || (valid && failure !== undefined && !limited))
      wrong.push([Buffer.from(mutant).toString("hex"), failure]);
    const shared = failureOf(() => {
      const { bytes } = prepare(mutant);
      if (valid && !WebAssembly.validate(bytes))
        wrong.push([Buffer.from(mutant).toString("hex"), "prepared is invalid"]);
    });
    if (shared !== undefined && !(shared instanceof GatewayError)) wrong.push(shared);
    if (valid && shared instanceof GatewayError && shared.code !== "MODULE_UNSUPPORTED") wrong.push(shared);
  }
  expect(wrong).toEqual([]);
  expect(seen.accepted).toBeGreaterThan(rounds / 50);
  expect(seen.refused).toBeGreaterThan(rounds / 2);
});
