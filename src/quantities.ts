/**
 * Durations and sizes as people write them: "500ms", "1m30s", "64Mi", "10M".
 *
 * Durations follow Go's time.ParseDuration (https://pkg.go.dev/time#ParseDuration) without signs, sizes the memory
 * quantities of Kubernetes (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/), without
 * exponents. Neither knows bounds or who asks: a caller refuses with its own words and the sentences below.
 */

/** What parseDuration takes, to end a sentence that begins with "expected". */
export const durationForm = "a duration with its unit, such as 500ms, 10s, 5m or 1h30m";

/** What parseSize takes, to end a sentence that begins with "expected". */
export const sizeForm = "a size in bytes, such as 65536, 256Ki, 64Mi, 1Gi or 10M";

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const unitBytes: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

const number = String.raw`(?:\d{1,15}(?:\.\d{1,9})?)`;
const wholeDuration = new RegExp(`^(?:0|(?:${number}(?:ns|us|µs|ms|s|m|h))+)$`);
const durationPart = new RegExp(`(${number})(ns|us|µs|ms|s|m|h)`, "g");
const wholeSize = new RegExp(`^(${number})([kKMGT]?|[KMGT]i)$`);

/** Reads a duration, rounded up to whole milliseconds; undefined when the text is not `durationForm`. */
export function parseDuration(text: string): number | undefined {
  if (text.length > 64 || !wholeDuration.test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(durationPart)) totalMs += Number(count) * (unitMs[unit ?? ""] ?? NaN);
  return wholeAndSafe(totalMs);
}

/** Reads a size, rounded up to whole bytes; undefined when the text is not `sizeForm`. */
export function parseSize(text: string): number | undefined {
  const parts = wholeSize.exec(text);
  return parts === null ? undefined : wholeAndSafe(Number(parts[1]) * (unitBytes[parts[2] ?? ""] ?? NaN));
}

/** Rounds up what is no integer, but not the last bits that a product of floats gets wrong. */
function wholeAndSafe(value: number): number | undefined {
  const nearest = Math.round(value);
  const whole = Math.abs(value - nearest) < 1e-12 * Math.max(1, value) && nearest > 0 ? nearest : Math.ceil(value);
  return Number.isSafeInteger(whole) ? whole : undefined;
}
