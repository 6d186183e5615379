/*
 * WasmEngine's string contract in C without a libc: JSON comes as (pointer, length) and the answer goes back as the same
 * pair, in two wasm results (clang's multi-value ABI).
 *
 *   0        stack, data        __heap_base                  end of memory when called
 *   |--------|------------------|--- the host's JSON --------|--- allocate() --->
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <stdbool.h>
#include <stddef.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* Characters that somebody else keeps; not terminated by a zero. */
typedef struct {
  const char *start;
  size_t length;
} Text;

#define TEXT(literal) ((Text){literal, sizeof literal - 1})

/* Returns memory behind everything the host wrote; never freed. Traps when there is none. */
char *allocate(size_t size);

/* Copies text to `at` and returns where the copy ends. */
char *put(char *at, Text text);

bool equal(Text a, Text b);

#endif
