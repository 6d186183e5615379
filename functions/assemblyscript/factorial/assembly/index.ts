/** n! as an i64, which JavaScript's numbers could not hold: traps where 64 bits end, and below 0. */
export function factorial(n: i64): i64 {
  if (n < 0) unreachable();
  let product: i64 = 1;
  for (let i: i64 = 2; i <= n; i++) {
    if (product > i64.MAX_VALUE / i) unreachable();
    product *= i;
  }
  return product;
}
