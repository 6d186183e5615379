// Prints argv[0] and a "b", as a WASI command.
#include <stdio.h>

int main(int count, char **values) {
  if (count != 1) return 1;
  return printf("%sb\n", values[0]) < 0;
}
