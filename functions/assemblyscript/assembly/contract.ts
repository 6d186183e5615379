/**
 * The string contract in AssemblyScript, whose functions have one result: JSON comes as (pointer, length), the answer
 * goes back as one i64, pointer << 32 | length.
 *
 * AssemblyScript's heap begins where the host writes, so the input is made the heap's first block before anything else
 * is allocated. That needs `--runtime stub`, and nothing on the heap when the module is instantiated.
 */

/** Room for the header of a block, whose payload is aligned to 16. */
const HEADER: usize = 4;
const ALIGNMENT: usize = 16;

/** Where the host writes; to be exported as __heap_base. */
export const input: usize = (__heap_base + HEADER + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

/** Reads the host's text; to be called first. */
export function take(pointer: usize, length: usize): string {
  heap.reset();
  if (heap.alloc(length) !== pointer) unreachable();
  return String.UTF8.decodeUnsafe(pointer, length);
}

/** Hands text to the host. */
export function give(text: string): i64 {
  const bytes = String.UTF8.encode(text);
  return ((changetype<usize>(bytes) as i64) << 32) | (bytes.byteLength as i64);
}
