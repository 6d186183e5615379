/** Tars written by hand, so that they can be wrong in every way that a tar writer would not allow. */

/** One header and what follows it. */
export type TarEntry = {
  readonly name: string;
  readonly contents?: Uint8Array | string;
  /** "0" file, "1" hard link, "2" symbolic link, "5" folder, "x" pax, "g" global pax, "L" GNU long name. */
  readonly type?: string;
  /** What the header claims; absent: what the contents have. */
  readonly size?: number;
  readonly link?: string;
  /** Writes the size as a base-256 number. */
  readonly binarySize?: boolean;
  /** Absent: "ustar\0" and "00". */
  readonly magic?: string;
};

/** Writes entries, and the two blocks of zeros that end an archive. */
export function tar(entries: readonly TarEntry[], end: Uint8Array = Buffer.alloc(1024)): Buffer {
  return Buffer.concat([...entries.map(entryOf), end]);
}

/** Writes one pax record, its own length included. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}

function entryOf(entry: TarEntry): Buffer {
  const contents = Buffer.from(entry.contents ?? "");
  const padding = Buffer.alloc((512 - (contents.byteLength % 512)) % 512);
  return Buffer.concat([header(entry, contents.byteLength), contents, padding]);
}

function header(entry: TarEntry, length: number): Buffer {
  const block = Buffer.alloc(512);
  const size = entry.size ?? length;
  block.write(entry.name, 0, 100);
  block.write("0000644\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  if (entry.binarySize) {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  } else {
    block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, 12);
  }
  block.write("00000000000\0", 136);
  block.write(entry.type ?? "0", 156, 1, "latin1");
  block.write(entry.link ?? "", 157, 100);
  block.write(entry.magic ?? "ustar\x0000", 257, "latin1");
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
