/* Memory for the string contract: whole pages from the end, so that the input is safe however long it is. */
#include "contract.h"

#define PAGE 65536

static char *next, *limit;

char *allocate(size_t size) {
  if (size > (size_t)(limit - next)) {
    size_t grown = __builtin_wasm_memory_grow(0, size / PAGE + 1);
    if (grown == (size_t)-1) __builtin_trap();
    next = (char *)(grown * PAGE);
    limit = next + (size / PAGE + 1) * PAGE;
  }
  char *start = next;
  next += size;
  return start;
}

char *put(char *at, Text text) {
  for (size_t i = 0; i < text.length; i++) *at++ = text.start[i];
  return at;
}

bool equal(Text a, Text b) {
  if (a.length != b.length) return false;
  for (size_t i = 0; i < a.length; i++) {
    if (a.start[i] != b.start[i]) return false;
  }
  return true;
}
