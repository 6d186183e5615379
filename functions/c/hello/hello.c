/* The smallest WASI command, with wasi-libc. */
#include <stdio.h>

int main(void) {
  return puts("Hello, Budda!") == EOF;
}
