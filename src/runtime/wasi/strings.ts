/**
 * argv and environ: lists of strings that a guest asks for in two steps, first how much room, then the bytes.
 * Both answers come from the same UTF-8 bytes, made when first asked for.
 */
import { wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";

const encoder = new TextEncoder();

/** One list of NUL-terminated strings. */
export class Strings {
  #texts: readonly string[] = [];
  #bytes: Uint8Array | undefined;

  /** Takes the next call's strings. @throws {Error} when one holds a NUL, which the edge should have refused */
  begin(texts: readonly string[]): void {
    if (texts.some((text) => text.includes("\0"))) throw new Error("an argument or variable for a guest holds a NUL");
    this.#texts = texts;
    this.#bytes = undefined;
  }

  writeSizes(memory: GuestMemory, countAt: number, sizeAt: number): number {
    memory.check(sizeAt, 4);
    memory.writeU32(countAt, this.#texts.length);
    memory.writeU32(sizeAt, this.#encoded().byteLength);
    return wasi.ERRNO_SUCCESS;
  }

  writeStrings(memory: GuestMemory, pointersAt: number, bytesAt: number): number {
    const bytes = this.#encoded();
    memory.check(pointersAt, this.#texts.length * 4);
    memory.write(bytesAt, bytes);
    let start = 0;
    for (let index = 0; index < this.#texts.length; index++) {
      memory.writeU32(pointersAt + 4 * index, (bytesAt >>> 0) + start);
      start = bytes.indexOf(0, start) + 1;
    }
    return wasi.ERRNO_SUCCESS;
  }

  #encoded(): Uint8Array {
    this.#bytes ??= encoder.encode(this.#texts.map((text) => `${text}\0`).join(""));
    return this.#bytes;
  }
}

/** The imports that give argv and environ. */
export function strings(host: { readonly memory: GuestMemory; readonly args: Strings; readonly env: Strings }) {
  return {
    args_sizes_get: (count: number, size: number) => host.args.writeSizes(host.memory, count, size),
    args_get: (pointers: number, bytes: number) => host.args.writeStrings(host.memory, pointers, bytes),
    environ_sizes_get: (count: number, size: number) => host.env.writeSizes(host.memory, count, size),
    environ_get: (pointers: number, bytes: number) => host.env.writeStrings(host.memory, pointers, bytes),
  };
}
