/* n! as an i64, which JavaScript's numbers could not hold: traps where 64 bits end, and below 0. */
#include <stdint.h>

__attribute__((export_name("factorial")))
int64_t factorial(int64_t n) {
  if (n < 0) __builtin_trap();
  int64_t product = 1;
  for (int64_t i = 2; i <= n; i++) {
    if (product > INT64_MAX / i) __builtin_trap();
    product *= i;
  }
  return product;
}
