/**
 * What a caller passed to a function, kept as JSON text so that no number is rounded on the way to a guest.
 *
 *   "args" of the request        json                 positional
 *   absent                       {}                   -
 *   {"a": 1}                     {"a":1}              -            keyed: only contracts that take JSON can use it
 *   [1, "x"]                     [1,"x"]              1  "x"       keyless: the values are the parameters
 *   7, "x", true, null           7                    7
 *   {"": [1, 2]}                 [1,2]                1  2         the only key is empty: its value is meant
 *
 * Most JSON holds no number that JavaScript could round; then what JSON.parse made is written out again. Only text that
 * might hold one is cut out of the request as it was written, its spaces left out.
 */
import { GatewayError } from "./errors.ts";

/** One call's arguments, before the function's contract is known. */
export type Arguments = {
  /** Compact JSON of the whole, numbers as they were written. */
  readonly json: string;
  /** The keyless parameters, each as JSON text; absent when the arguments are a keyed object. */
  readonly positional?: readonly string[];
};

/** A JSON text beside what JSON.parse made of it. */
export type ParsedJson = { readonly text: string; readonly value: unknown };

/**
 * A number of 16 characters or more, with an exponent, or of minus zero, where a number may stand. What does not match
 * has at most 15 digits and no exponent, which a double keeps (IEEE 754: 15 decimal digits survive the way there and
 * back). Text that merely looks so inside a string costs time, nothing else.
 */
const mayBeRounded = /(?:^|[\s:,[])-?(?:[\d.]{16}|[\d.]+[eE]|(?<=-)0)/;

/**
 * Reads the arguments out of a request: its member of that name, or the whole JSON when no member is named.
 * @throws {GatewayError} INVALID_REQUEST when they are nested deeper than can be written out again
 */
export function readArguments({ text, value }: ParsedJson, member?: string): Arguments {
  if (mayBeRounded.test(text)) {
    return argumentsOfText(member === undefined ? text : lastMember(text, member));
  }
  return argumentsOfValue(member === undefined ? value : memberOf(value, member));
}

function argumentsOfValue(given: unknown): Arguments {
  const value = isOnlyEmptyKey(given) ? given[""] : given;
  if (value === undefined) return { json: "{}" };
  if (Array.isArray(value)) {
    const positional = value.map(write);
    return { json: `[${positional.join(",")}]`, positional };
  }
  const json = write(value);
  return typeof value === "object" && value !== null ? { json } : { json, positional: [json] };
}

/** Writes JSON; V8 may do so recursively, and hostile nesting must not become a failure of ours. */
function write(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new GatewayError("INVALID_REQUEST", "args: expected values nested less deeply", { cause: error });
  }
}

function isOnlyEmptyKey(value: unknown): value is Readonly<Record<"", unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  for (const key in value) if (key !== "") return false;
  return Object.hasOwn(value, "");
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

function argumentsOfText(given: string | undefined): Arguments {
  if (given === undefined) return { json: "{}" };
  const json = compact(given);
  if (json.startsWith("[")) return { json, positional: [...elements(json)] };
  if (!json.startsWith("{")) return { json, positional: [json] };
  const members = [...elements(json)].map(keyAndValue);
  const [first] = members;
  return first !== undefined && members.every(({ key }) => key === "") ? unwrapped(members) : { json };
}

/** Takes the value of the only key, which is empty; written twice, the last counts, as in JSON.parse. */
function unwrapped(members: readonly { readonly value: string }[]): Arguments {
  const json = members.at(-1)?.value ?? "{}";
  if (json.startsWith("[")) return { json, positional: [...elements(json)] };
  return json.startsWith("{") ? { json } : { json, positional: [json] };
}

/** Finds a member's text in an object's; undefined when it has none. */
function lastMember(text: string, name: string): string | undefined {
  const json = compact(text);
  if (!json.startsWith("{")) return undefined;
  let found: string | undefined;
  for (const element of elements(json)) {
    const { key, value } = keyAndValue(element);
    if (key === name) found = value;
  }
  return found;
}

/** Parts a member of a compact object: `"key":value`. */
function keyAndValue(member: string): { readonly key: unknown; readonly value: string } {
  const colon = endOfString(member, 0);
  return { key: JSON.parse(member.slice(0, colon)), value: member.slice(colon + 1) };
}

/** Yields what stands between the commas of a compact array or object. The text has been parsed, so it is well formed. */
function* elements(json: string): Generator<string> {
  let depth = 0;
  let start = 1;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at) - 1;
    else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") depth--;
    else if (character === "," && depth === 1) {
      yield json.slice(start, at);
      start = at + 1;
    }
  }
  if (json.length > 2) yield json.slice(start, -1);
}

/** Leaves out the spaces between the tokens of a JSON text. */
function compact(text: string): string {
  let kept = "";
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === " " || character === "\n" || character === "\r" || character === "\t") {
      kept += text.slice(start, at);
      start = at + 1;
    }
  }
  return kept + text.slice(start);
}

/** Returns the index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1;
    while (text[before] === "\\") before--;
    if ((quote - before) % 2 === 1) return quote + 1;
  }
}
