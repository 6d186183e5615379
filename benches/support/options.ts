/**
 * What every bench can be told on its command line.
 *
 *   --seconds 3       how long one round loads one side
 *   --rounds 5        rounds; subject and baseline alternate within each
 *   --checkout PATH   the working copy whose gateway is measured; this one unless said
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** How a bench runs. */
export type Options = { readonly seconds: number; readonly rounds: number; readonly checkout: string };

const root = join(import.meta.dirname, "..", "..");

/** Reads the command line; a bench's own defaults stand where it says nothing. */
export function readOptions(defaults: { readonly seconds: number; readonly rounds: number }): Options {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { seconds: text, rounds: text, checkout: text } });
  const checkout = values.checkout === undefined ? root : resolve(values.checkout);
  if (!existsSync(join(checkout, "src", "start.js"))) throw new Error(`${checkout} is no working copy of Wasmgate`);
  const rounds = Math.round(positive("rounds", values.rounds, defaults.rounds));
  return { seconds: positive("seconds", values.seconds, defaults.seconds), rounds, checkout };
}

function positive(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(value > 0 && value < 86_400)) throw new Error(`--${name}: expected a positive number, got ${given}`);
  return value;
}
