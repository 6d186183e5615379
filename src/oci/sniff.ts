/** What bytes are, by how they begin; media types and file names only claim it. */

/** What a layer or a file in it can be to us. */
export type Format = "module" | "component" | "gzip" | "zstd" | "tar" | "other";

/** How many bytes it takes to tell: a tar's first block. */
export const headBytes = 512;

const wasm = [0x00, 0x61, 0x73, 0x6d];
const magics: readonly (readonly [Format, readonly number[]])[] = [
  ["module", [...wasm, 0x01, 0x00, 0x00, 0x00]],
  ["component", [...wasm, 0x0d, 0x00, 0x01, 0x00]],
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

/** What people put where a module should be. */
const strangers: readonly (readonly [string, readonly number[]])[] = [
  ["WebAssembly of another version", wasm],
  ["a native program (ELF)", [0x7f, 0x45, 0x4c, 0x46]],
  ["a Windows program", [0x4d, 0x5a]],
  ["a script", [0x23, 0x21]],
  ["a zip archive", [0x50, 0x4b, 0x03, 0x04]],
  ["xz-compressed", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["bzip2-compressed", [0x42, 0x5a, 0x68]],
  ["WebAssembly text; assemble it first", [..."(module"].map((letter) => letter.charCodeAt(0))],
];

/** Tells what bytes are by their first `headBytes`, or fewer where there are no more. */
export function formatOf(head: Uint8Array): Format {
  const known = magics.find(([, magic]) => begins(head, magic));
  return known?.[0] ?? (isTarBlock(head) ? "tar" : "other");
}

/** Says for people what bytes are that are no module. */
export function describe(head: Uint8Array): string {
  if (head.byteLength === 0) return "empty";
  const format = formatOf(head);
  if (format !== "other")
    return format === "tar" ? "a tar archive" : `a ${format}`.replace("a gzip", "gzip-compressed");
  const known = strangers.find(([, magic]) => begins(head, magic));
  return known?.[0] ?? `something that begins with ${Buffer.from(head.subarray(0, 8)).toString("hex")}`;
}

function begins(head: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, position) => head[position] === byte);
}

/** "ustar", or the right checksum of the tars before it, or an archive that is empty. */
function isTarBlock(head: Uint8Array): boolean {
  if (head.byteLength < headBytes) return false;
  const block = Buffer.from(head.subarray(0, headBytes));
  if (block.toString("latin1", 257, 262) === "ustar" || block.every((byte) => byte === 0)) return true;
  const checksum = Number.parseInt(block.toString("latin1", 148, 156).trim(), 8);
  const sum = block.fill(" ", 148, 156).reduce((total, byte) => total + byte, 0);
  return checksum === sum;
}
