/** Modules assembled by hand, for what wabt's text format cannot say or refuses to. */

type Bytes = number | readonly Bytes[];

/** An unsigned LEB128 number in its shortest form. */
export function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 128) + 0x80, ...leb(Math.floor(value / 128))];
}

/** A name: its length, then UTF-8. */
export function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...leb(bytes.length), ...bytes];
}

/** A section: its id, its size, its content. */
export function section(id: number, ...content: Bytes[]): number[] {
  const bytes = flat(content);
  return [id, ...leb(bytes.length), ...bytes];
}

/** A module: the header, then its sections. */
export function moduleOf(...sections: Bytes[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...flat(sections)]);
}

function flat(bytes: Bytes): number[] {
  return typeof bytes === "number" ? [bytes] : bytes.flatMap((each) => flat(each));
}
