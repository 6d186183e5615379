// The greatest common divisor of argv[0] and argv[1], as a WASI command.
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **values) {
  if (count != 2) return 1;
  unsigned a = (unsigned)atoi(values[0]), b = (unsigned)atoi(values[1]);
  while (b) {
    unsigned rest = a % b;
    a = b;
    b = rest;
  }
  return printf("%u\n", a) < 0;
}
