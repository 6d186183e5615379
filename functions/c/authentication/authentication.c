/* Checks a caller's secret, which is to be the MD5 of URI#BODY#argfunc. */
#include "../shared/contract.h"
#include "../shared/json.h"
#include "../shared/md5.h"

/* Keeps the caller's text from becoming markup. */
static Text escape_html(Text text) {
  char *start = allocate(5 * text.length), *at = start;
  for (size_t i = 0; i < text.length; i++) {
    char c = text.start[i];
    if (c == '&') at = put(at, TEXT("&amp;"));
    else if (c == '<') at = put(at, TEXT("&lt;"));
    else if (c == '>') at = put(at, TEXT("&gt;"));
    else *at++ = c;
  }
  return (Text){start, at - start};
}

static Text join(const Text *parts, size_t count) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += parts[i].length;
  char *start = allocate(length), *at = start;
  for (size_t i = 0; i < count; i++) at = put(at, parts[i]);
  return (Text){start, length};
}

#define JOIN(...) join((const Text[]){__VA_ARGS__}, sizeof((const Text[]){__VA_ARGS__}) / sizeof(Text))

static Text page(Text status, Text html) {
  char *escaped = allocate(6 * html.length);
  Text body = {escaped, put_escaped(escaped, html) - escaped};
  return JOIN(TEXT("{\"status\":\""), status, TEXT("\",\"body\":\"<html>"), body, TEXT("</html>\"}"));
}

static Text bad_request(Text subject, Text problem) {
  return page(TEXT("400"), JOIN(TEXT("<h1>Bad Request!</h1><p>"), subject, problem, TEXT("</p>")));
}

EXPORT("authentication")
Text authentication(const char *pointer, size_t length) {
  Member members[] = {{.key = TEXT("arg_uri")}, {.key = TEXT("arg_body")}, {.key = TEXT("arg_secret")}};
  if (!read_members((Text){pointer, length}, members, 3)) {
    return bad_request(TEXT("expected a JSON object"), TEXT(" of strings"));
  }
  for (size_t i = 0; i < 3; i++) {
    if (!members[i].found) return bad_request(members[i].key, TEXT(" is missing"));
  }
  Text secret = members[2].value;
  Text hash = md5(JOIN(members[0].value, TEXT("#"), members[1].value, TEXT("#argfunc")));
  if (equal(hash, secret)) return page(TEXT("200"), JOIN(TEXT("<h1>Auth Pass!</h1><p>hash "), hash, TEXT("</p>")));
  Text shown = escape_html(secret);
  return page(TEXT("403"), JOIN(TEXT("<h1>Auth Forbidden!</h1><p>hash "), hash, TEXT(" secret "), shown, TEXT("</p>")));
}
