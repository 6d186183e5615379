/** Returns what it was given, and a "b". */
import { give, take } from "../../assembly/contract";

export { input as __heap_base } from "../../assembly/contract";

export function echo_string(pointer: usize, length: usize): i64 {
  return give(take(pointer, length) + "b");
}
