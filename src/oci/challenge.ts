/**
 * WWW-Authenticate headers (RFC 9110 section 11.6.1, formerly RFC 7235):
 *
 *   header    := challenge ("," challenge)*      challenge := scheme [SP (token68 | param ("," param)*)]
 *   param     := token "=" (token | quoted)      quoted    := DQUOTE (char | "\" char)* DQUOTE
 *
 * A comma separates both challenges and parameters, and may stand inside of a quoted string.
 */

/** One way to authenticate that a server offers. */
export type Challenge = {
  /** Lower case. */
  readonly scheme: string;
  /** By lower-case name; of a name that comes twice the first value. */
  readonly parameters: ReadonlyMap<string, string>;
};

const longestHeader = 16_384;
const blank = /[ \t,]*/y;
const space = /[ \t]*/y;
const word = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const equals = /[ \t]*=[ \t]*/y;
const quoted = /"((?:[^"\\]|\\.)*)"/sy;

/** Reads all challenges of all headers in order; what cannot be read ends its header, what was read before it counts. */
export function parseChallenges(headers: readonly string[]): Challenge[] {
  return headers.flatMap((header) => [...challengesOf(header.slice(0, longestHeader))]);
}

function* challengesOf(header: string): Generator<Challenge> {
  const reader = new Reader(header);
  reader.take(blank);
  let scheme = reader.take(word);
  while (scheme !== undefined) {
    const parameters = new Map<string, string>();
    const spaced = reader.take(space) !== "";
    if (spaced && reader.peek(token68) && !reader.peekParameter()) reader.take(token68);
    let parameter = spaced ? reader.parameter() : undefined;
    while (parameter !== undefined) {
      const [name, value] = parameter;
      if (!parameters.has(name)) parameters.set(name, value);
      parameter = reader.nextParameter();
    }
    yield { scheme: scheme.toLowerCase(), parameters };
    const separator = reader.take(blank) ?? "";
    scheme = separator.includes(",") ? reader.take(word) : undefined;
  }
}

/** A position in a header. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads what the sticky pattern matches here, or undefined. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[1] ?? match[0];
  }

  peek(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text);
  }

  peekParameter(): boolean {
    const start = this.#at;
    const found = this.parameter() !== undefined;
    this.#at = start;
    return found;
  }

  /** Reads name=value, or stays where it is. */
  parameter(): [string, string] | undefined {
    const start = this.#at;
    const name = this.take(word);
    const value = name !== undefined && this.take(equals) !== undefined ? this.#value() : undefined;
    if (name !== undefined && value !== undefined) return [name.toLowerCase(), value];
    this.#at = start;
    return undefined;
  }

  /** Reads a comma and name=value, or stays where it is. */
  nextParameter(): [string, string] | undefined {
    const start = this.#at;
    const parameter = this.take(blank)?.includes(",") === true ? this.parameter() : undefined;
    if (parameter === undefined) this.#at = start;
    return parameter;
  }

  #value(): string | undefined {
    if (this.#text[this.#at] !== '"') return this.take(word);
    return this.take(quoted)?.replace(/\\(.)/gs, "$1");
  }
}
