/** Small guests as WebAssembly text, to be read by what they do. */

/** Answers one number, twice: once out of its code and once out of its memory. */
export function answers(number: number): string {
  return `(module (memory 1) (data (i32.const 8) "${bytesOf(number)}")
    (func (export "f") (result i32 i32) (i32.const ${number}) (i32.load (i32.const 8))))`;
}

/** Prints a text and ends. */
export function prints(text: string): string {
  return `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "${bytesOf(16)}${bytesOf(text.length)}") (data (i32.const 16) ${JSON.stringify(text)})
    (func (export "_start") (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`;
}

/** Writes a text to stderr so many times, then answers how often. */
export function complains(text: string, times: number): string {
  return `(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "${bytesOf(16)}${bytesOf(text.length)}") (data (i32.const 16) ${JSON.stringify(text)})
    (func (export "f") (result i32) (local $turns i32)
      (loop $again
        (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $turns) (i32.const ${times}))))
      (local.get $turns)))`;
}

/** Loops for ever by branching. */
export const loops = `(module (func (export "f") (loop $again (br $again)) unreachable) (func (export "g") (result i32) (i32.const 1)))`;

/** Loops for ever around a fill of 16 MiB. */
export const fills = `(module (memory 256)
  (func (export "f") (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) (br $again))))`;

/** Grows page by page until refused, and answers how many pages it has then. */
export const grows = `(module (memory 1) (func (export "f") (result i32)
  (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)))`;

/** Sleeps for as many milliseconds as it is told, and answers them. */
export const sleeps = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\\01")
  (func (export "f") (param $ms i32) (result i32)
    (i64.store (i32.const 24) (i64.mul (i64.extend_i32_u (local.get $ms)) (i64.const 1000000)))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
    (local.get $ms)))`;

function bytesOf(number: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(number);
  return [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
}
