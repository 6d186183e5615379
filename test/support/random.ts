/** Randomness that comes again: a failure is reported with its seed. */

/** Draws a whole number from 0 up to, not including, `below`. */
export type Random = (below: number) => number;

/** A generator of 32-bit words (sfc32 by Chris Doty-Humphrey, from PractRand), seeded by one number. */
export function randomFrom(seed: number): Random {
  let [a, b, c, count] = [0, seed | 0, (seed / 0x1_0000_0000) | 0, 1];
  const next = (): number => {
    const sum = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round += 1) next();
  return (below) => next() % below;
}

/** Draws one of several; there must be one. */
export function oneOf<T>(random: Random, choices: readonly T[]): T {
  const choice = choices[random(choices.length)];
  if (choice === undefined) throw new Error("nothing to choose from");
  return choice;
}
