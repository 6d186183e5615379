/** WebAssembly text to bytes, so that a guest in a test can be read where it is used. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import wabt from "wabt";

const toolkit = await wabt();

/** Every proposal that wabt knows; Node decides what it accepts. */
const features = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  threads: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  extended_const: true,
  multi_memory: true,
  memory64: true,
};

/** Assembles WebAssembly text. */
export function wat(source: string): Uint8Array<ArrayBuffer> {
  const parsed = toolkit.parseWat("test.wat", source, features);
  try {
    return new Uint8Array(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
}

/** Assembles a guest of test/fixtures by its file name, such as "loops.wat". */
export function fixture(name: string): Uint8Array<ArrayBuffer> {
  return wat(readFileSync(join(import.meta.dirname, "..", "fixtures", name), "utf8"));
}
