/**
 * What a client says it takes: the Accept header (RFC 9110, section 12.5.1), as far as our two kinds of answers need it.
 *
 * The most specific range that matches a type decides its weight, so `text/*;q=0, text/plain` takes text/plain.
 */

type Range = { readonly type: string; readonly weight: number };

const ours = ["text/plain", "application/json"] as const;

/** Tells whether a client takes application/json and does not take text/plain; a client that says nothing takes both. */
export function wantsJson(accept: string | undefined): boolean {
  if (accept === undefined || !/json|application/i.test(accept)) return false;
  const ranges = accept.split(",").map(parseRange);
  const [text, json] = ours.map((type) => weightOf(type, ranges));
  return text === 0 && json !== 0;
}

/** Reads `type/subtype;parameter=value;q=0.5`; parameters of a type do not narrow it for us. */
function parseRange(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.map((parameter) => /^q=([01](?:\.\d{0,3})?)$/.exec(parameter)?.[1]).find(Boolean);
  return { type, weight: weight === undefined ? 1 : Math.min(1, Number(weight)) };
}

function weightOf(type: (typeof ours)[number], ranges: readonly Range[]): number {
  const candidates = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  for (const candidate of candidates) {
    const found = ranges.filter((range) => range.type === candidate);
    if (found.length > 0) return Math.max(...found.map((range) => range.weight));
  }
  return 0;
}
