/**
 * JSON (RFC 8259), as far as a function's arguments need it: one flat object of strings. Nested values, numbers and half
 * of a surrogate pair are refused; a key that comes twice has its last value.
 *
 * Text is put together from pieces: the stub runtime never frees, so growing a string by one character is quadratic.
 */

const NAMES = '"\\/bfnrt';
const MEANINGS = '"\\/\b\f\n\r\t';

/** Reads an object whose members are all strings; null for anything else. */
export function strings(text: string): Map<string, string> | null {
  const reader = new Reader(text);
  const members = new Map<string, string>();
  if (!reader.take("{")) return null;
  if (!reader.take("}")) {
    do {
      const key = reader.string();
      if (key === null || !reader.take(":")) return null;
      const value = reader.string();
      if (value === null) return null;
      members.set(key, value);
    } while (reader.take(","));
    if (!reader.take("}")) return null;
  }
  return reader.atEnd() ? members : null;
}

/** Writes text as a JSON string, quotes included. */
export function quote(text: string): string {
  const pieces: string[] = ['"'];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const escape = escapeOf(text.charCodeAt(i));
    if (escape === null) continue;
    pieces.push(text.substring(start, i));
    pieces.push(escape);
    start = i + 1;
  }
  pieces.push(text.substring(start));
  pieces.push('"');
  return pieces.join("");
}

function escapeOf(code: i32): string | null {
  if (code >= 0x20 && code !== 0x22 && code !== 0x5c) return null;
  const name = MEANINGS.indexOf(String.fromCharCode(code));
  return name < 0 ? "\\u" + code.toString(16).padStart(4, "0") : "\\" + NAMES.charAt(name);
}

class Reader {
  private at: i32 = 0;

  constructor(private text: string) {}

  /** Takes the next character behind white space, if it is the wanted one. */
  take(wanted: string): bool {
    this.skipSpace();
    if (this.at === this.text.length || this.text.charAt(this.at) !== wanted) return false;
    this.at++;
    return true;
  }

  atEnd(): bool {
    this.skipSpace();
    return this.at === this.text.length;
  }

  string(): string | null {
    if (!this.take('"')) return null;
    const pieces: string[] = [];
    let start = this.at;
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at++);
      if (code < 0x20) return null;
      if (code !== 0x22 && code !== 0x5c) continue;
      pieces.push(this.text.substring(start, this.at - 1));
      if (code === 0x22) return pieces.join("");
      const escaped = this.escape();
      if (escaped === null) return null;
      pieces.push(escaped);
      start = this.at;
    }
    return null;
  }

  private escape(): string | null {
    if (this.at === this.text.length) return null;
    const name = this.text.charAt(this.at++);
    if (name === "u") return this.unicode();
    const meaning = NAMES.indexOf(name);
    return meaning < 0 ? null : MEANINGS.charAt(meaning);
  }

  /** What follows \u: four digits, or a surrogate pair with its second \u in between. */
  private unicode(): string | null {
    const first = this.unit();
    if (first < 0) return null;
    if (first < 0xd800 || first > 0xdfff) return String.fromCharCode(first);
    if (first > 0xdbff || this.text.substr(this.at, 2) !== "\\u") return null;
    this.at += 2;
    const second = this.unit();
    return second < 0xdc00 || second > 0xdfff ? null : String.fromCharCode(first, second);
  }

  /** Four hexadecimal digits, or -1. */
  private unit(): i32 {
    if (this.text.length - this.at < 4) return -1;
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = "0123456789abcdef".indexOf(this.text.charAt(this.at++).toLowerCase());
      if (digit < 0) return -1;
      unit = (unit << 4) | digit;
    }
    return unit;
  }

  private skipSpace(): void {
    while (this.at < this.text.length && " \t\n\r".includes(this.text.charAt(this.at))) this.at++;
  }
}
