/** A number in, a number out; the largest one wraps around to the smallest. */
export function add_one(number: i32): i32 {
  return number + 1;
}
