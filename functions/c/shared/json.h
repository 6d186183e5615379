/*
 * JSON (RFC 8259), as far as a function's arguments need it: one flat object of strings. Nested values, numbers and half
 * of a surrogate pair are refused; a key that comes twice has its last value.
 */
#ifndef JSON_H
#define JSON_H

#include "contract.h"

typedef struct {
  Text key;
  Text value;
  bool found;
} Member;

/* Fills in the members whose keys are in `json`; false when it is anything but an object of strings. */
bool read_members(Text json, Member *members, size_t count);

/* Writes text as the inside of a JSON string; at most six characters for one. */
char *put_escaped(char *at, Text text);

#endif
