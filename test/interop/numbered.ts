/** Modules that tell which they are: called without arguments, number 7 answers 7. */
import { wat } from "../support/wat.ts";

/** Makes the module of a number. */
export function numbered(number: number): Uint8Array<ArrayBuffer> {
  return wat(`(module (func (export "number") (result i32) (i32.const ${number})))`);
}
