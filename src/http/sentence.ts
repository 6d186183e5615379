/**
 * Turns what zod found wrong into one plain sentence: `limits.timeout: expected a duration …, got "soon"`.
 *
 * Schemas say in their `error` what they expect, as the end of a sentence that begins with "expected". What came is
 * looked up by the issue's path, or given by the schema when a path cannot point at it (a key, a sum).
 */
import type { z } from "zod";

/** Writes the sentence about the first issue. */
export function sentenceOf(error: z.ZodError, input: unknown): string {
  const [issue] = error.issues;
  if (issue === undefined) return "expected another request";
  const given: unknown = issue.code === "custom" ? issue.params?.["got"] : undefined;
  const got =
    typeof given === "string" ? given : issue.code === "unrecognized_keys" ? quoted(issue.keys[0] ?? "") : undefined;
  const where = issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
  return `${where}expected ${issue.message}, got ${got ?? describe(valueAt(input, issue.path))}`;
}

/** Quotes at most 60 characters. */
export function quoted(text: string): string {
  return text.length <= 60 ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, 60))}…`;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return quoted(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value);
}
