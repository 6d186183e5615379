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
 * might hold one is cut out of the request as it was written, its spaces left out. The parameters one by one are made
 * when a contract asks for them: an array may have a million elements and a guest that takes it whole. Of so many, no
 * single ones are made: 4 MB of them took the ingress thread 0.5 s.
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

/** Parameters one by one; a function of WebAssembly has at most 1000, a command's argv seldom more. */
const mostSingle = 10_000;

/** Reads the arguments out of a request: its member of that name, or the whole JSON when no member is named. */
export function readArguments({ text, value }: ParsedJson, member?: string): Arguments {
  if (mayBeRounded.test(text)) {
    const json = compact(text);
    return argumentsOfText(member === undefined ? json : lastMember(json, member));
  }
  return argumentsOfValue(member === undefined ? value : memberOf(value, member));
}

function argumentsOfValue(given: unknown): Arguments {
  const value = isOnlyEmptyKey(given) ? given[""] : given;
  if (value === undefined) return { json: "{}" };
  const json = JSON.stringify(value);
  if (Array.isArray(value)) return new Keyless(json, () => value.values().map((element) => JSON.stringify(element)));
  return typeof value === "object" && value !== null ? { json } : new Keyless(json, () => [json]);
}

/** Arguments without keys. */
class Keyless implements Arguments {
  readonly json: string;
  readonly #split: () => Iterable<string>;

  constructor(json: string, split: () => Iterable<string>) {
    this.json = json;
    this.#split = split;
  }

  /** @throws {GatewayError} INVALID_REQUEST when there are too many to make single ones of */
  get positional(): readonly string[] {
    const single: string[] = [];
    for (const text of this.#split()) {
      if (single.push(text) <= mostSingle) continue;
      throw new GatewayError("INVALID_REQUEST", `expected at most ${mostSingle} arguments without keys, got more`);
    }
    return single;
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
  const json = givenByOnlyEmptyKey(given) ?? given;
  if (json.startsWith("[")) return new Keyless(json, () => elements(json));
  return json.startsWith("{") ? { json } : new Keyless(json, () => [json]);
}

/** Takes the value of an object's only key when that is empty; written twice, the last counts, as in JSON.parse. */
function givenByOnlyEmptyKey(json: string): string | undefined {
  if (!json.startsWith("{")) return undefined;
  let found: string | undefined;
  for (const member of elements(json)) {
    const { key, value } = keyAndValue(member);
    if (key !== "") return undefined;
    found = value;
  }
  return found;
}

/** Finds a member's text in a compact object's; undefined when it has none. */
function lastMember(json: string, name: string): string | undefined {
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

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

/** Yields what stands between the commas of a compact array or object. The text has been parsed, so it is well formed. */
function* elements(json: string): Generator<string> {
  let depth = 0;
  let start = 1;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === quote) at = endOfString(json, at) - 1;
    else if (isOpening(code)) depth++;
    else if (isClosing(code)) depth--;
    else if (code === comma && depth === 1) {
      yield json.slice(start, at);
      start = at + 1;
    }
  }
  if (json.length > 2) yield json.slice(start, -1);
}

/** "[" and "{". */
function isOpening(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

/** "]" and "}". */
function isClosing(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}

/** Returns the index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === backslash) before--;
    if ((end - before) % 2 === 1) return end + 1;
  }
}

/** Leaves out the spaces between the tokens of a JSON text. */
function compact(text: string): string {
  const bytes = Buffer.from(text);
  let kept = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    // Outside of strings everything up to the space is white.
    if (!inString && byte <= 0x20) continue;
    bytes[kept++] = byte;
    if (byte === quote) inString = !inString;
    else if (byte === backslash) bytes[kept++] = bytes[++at] ?? 0;
  }
  return bytes.toString("utf8", 0, kept);
}
