/**
 * Modules that do the same and are not the same: each gets a function type of its own at the end of its types, where it
 * moves no index. A custom section would not do: those are dropped, and the engine keeps one copy of code for equal bytes.
 */

const header = 8;
const customSection = 0;
const typeSection = 1;

type Section = { readonly id: number; readonly at: number; readonly contentAt: number; readonly end: number };

/** Returns a module that behaves as the given one, its bytes unlike those of any other number's. */
export function variantOf(module: Uint8Array, number: number): Uint8Array<ArrayBuffer> {
  const types = sectionsOf(module).find(({ id }) => id === typeSection);
  if (types === undefined) throw new Error("the module has no types to add one to");
  const count = readLeb(module, types.contentAt);
  const content = Buffer.concat([leb(count.value + 1), module.subarray(count.next, types.end), typeOf(number)]);
  const section = [Uint8Array.of(typeSection), leb(content.byteLength), content];
  return new Uint8Array(Buffer.concat([module.subarray(0, types.at), ...section, module.subarray(types.end)]));
}

/** Returns a module without its custom sections. */
export function stripped(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const kept = sectionsOf(module).filter(({ id }) => id !== customSection);
  const parts = [module.subarray(0, header), ...kept.map(({ at, end }) => module.subarray(at, end))];
  return new Uint8Array(Buffer.concat(parts));
}

/** (func (param …)) with the number's bits as parameters: i32 for 0, f64 for 1. */
function typeOf(number: number): Uint8Array {
  const bits = [...number.toString(2).padStart(16, "0")].map((bit) => (bit === "1" ? 0x7c : 0x7f));
  return Uint8Array.from([0x60, bits.length, ...bits, 0]);
}

/** Returns a module with a custom section of noise, so that it has about so many bytes; noise does not compress. */
export function paddedTo(module: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const noise = new Uint8Array(Math.max(0, sizeBytes - module.byteLength - 8));
  for (let at = 0, state = 1; at < noise.byteLength; at += 1) {
    state = Math.imul(state, 1_103_515_245) + 12_345;
    noise[at] = state >>> 16;
  }
  const parts = [module, Uint8Array.of(0), leb(noise.byteLength + 1), Uint8Array.of(0), noise];
  return new Uint8Array(Buffer.concat(parts));
}

function sectionsOf(module: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = header; at < module.byteLength;) {
    const size = readLeb(module, at + 1);
    const end = size.next + size.value;
    sections.push({ id: module[at] ?? 0, at, contentAt: size.next, end });
    at = end;
  }
  return sections;
}

function readLeb(bytes: Uint8Array, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at += 1, shift += 7) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next: at + 1 };
  }
}

function leb(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Uint8Array.from([...bytes, left]);
}
