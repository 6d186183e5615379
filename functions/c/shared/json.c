/* A reader by recursive descent, without the recursion: the object is flat. */
#include "json.h"

typedef struct {
  const char *at;
  const char *end;
} Reader;

static void skip_space(Reader *reader) {
  while (reader->at < reader->end) {
    char c = *reader->at;
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
    reader->at++;
  }
}

/* Takes the next character behind white space, if it is the wanted one. */
static bool take(Reader *reader, char wanted) {
  skip_space(reader);
  if (reader->at == reader->end || *reader->at != wanted) return false;
  reader->at++;
  return true;
}

static int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Four hexadecimal digits, or -1. */
static int read_unit(Reader *reader) {
  if (reader->end - reader->at < 4) return -1;
  int unit = 0;
  for (int i = 0; i < 4; i++) {
    int digit = digit_value(*reader->at++);
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

static char *put_utf8(char *at, int code) {
  if (code < 0x80) {
    *at++ = code;
    return at;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  *at++ = (0xff00 >> (more + 1) & 0xff) | code >> 6 * more;
  while (more-- > 0) *at++ = 0x80 | (code >> 6 * more & 0x3f);
  return at;
}

/* What follows \u: four digits, or a surrogate pair with its second \u in between; -1 when neither. */
static int read_unicode(Reader *reader) {
  int first = read_unit(reader);
  if (first < 0xd800 || first > 0xdfff) return first;
  if (first > 0xdbff || reader->end - reader->at < 2) return -1;
  if (*reader->at++ != '\\' || *reader->at++ != 'u') return -1;
  int second = read_unit(reader);
  if (second < 0xdc00 || second > 0xdfff) return -1;
  return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

/* Writes what the escape behind a backslash means; NULL when it means nothing. */
static char *read_escape(Reader *reader, char *at) {
  if (reader->at == reader->end) return NULL;
  char c = *reader->at++;
  if (c == 'u') {
    int code = read_unicode(reader);
    return code < 0 ? NULL : put_utf8(at, code);
  }
  static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  for (size_t i = 0; i < sizeof names - 1; i++) {
    if (names[i] == c) {
      *at++ = meanings[i];
      return at;
    }
  }
  return NULL;
}

/* Decoding never makes a string longer, so where it closes bounds it. */
static bool read_string(Reader *reader, Text *text) {
  if (!take(reader, '"')) return false;
  const char *close = reader->at;
  while (close < reader->end && *close != '"') close += *close == '\\' ? 2 : 1;
  char *start = allocate(close - reader->at), *at = start;
  while (reader->at < reader->end) {
    unsigned char c = *reader->at++;
    if (c == '"') {
      *text = (Text){start, at - start};
      return true;
    }
    if (c < 0x20) return false;
    if (c != '\\') {
      *at++ = c;
    } else if ((at = read_escape(reader, at)) == NULL) {
      return false;
    }
  }
  return false;
}

bool read_members(Text json, Member *members, size_t count) {
  Reader reader = {json.start, json.start + json.length};
  if (!take(&reader, '{')) return false;
  if (!take(&reader, '}')) {
    do {
      Text key, value;
      if (!read_string(&reader, &key) || !take(&reader, ':') || !read_string(&reader, &value)) return false;
      for (size_t i = 0; i < count; i++) {
        if (equal(members[i].key, key)) members[i] = (Member){members[i].key, value, true};
      }
    } while (take(&reader, ','));
    if (!take(&reader, '}')) return false;
  }
  skip_space(&reader);
  return reader.at == reader.end;
}

char *put_escaped(char *at, Text text) {
  static const char digits[] = "0123456789abcdef", names[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
  for (size_t i = 0; i < text.length; i++) {
    unsigned char c = text.start[i];
    size_t name = 0;
    while (name < sizeof names - 1 && meanings[name] != (char)c) name++;
    if (name < sizeof names - 1) {
      *at++ = '\\';
      *at++ = names[name];
    } else if (c < 0x20) {
      at = put(at, TEXT("\\u00"));
      *at++ = digits[c >> 4];
      *at++ = digits[c & 15];
    } else {
      *at++ = c;
    }
  }
  return at;
}
