/* Returns what it was given, and a "b". */
#include "../shared/contract.h"

EXPORT("echo_string")
Text echo_string(const char *pointer, size_t length) {
  char *start = allocate(length + 1);
  put(put(start, (Text){pointer, length}), TEXT("b"));
  return (Text){start, length + 1};
}
