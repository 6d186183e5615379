// Writes a JSON text of some 40 KB, parses it into a tree of nodes, and answers a checksum of the tree. What a function
// does with its input: bytes in, small objects out, pointers followed.
enum { TEXT = 65536, NODES = 8192 };
enum kind { NUMBER, STRING, LIST, MAP };

struct node {
  enum kind kind;
  unsigned value;
  struct node *first, *next;
};

static char text[TEXT];
static struct node nodes[NODES];
static unsigned length, at, used;

static void put(const char *from) {
  while (*from) text[length++] = *from++;
}

static void put_number(unsigned number) {
  char digits[10];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while (number /= 10);
  while (count) text[length++] = digits[--count];
}

static void write(unsigned seed) {
  length = 0;
  put("[");
  for (unsigned entry = 0; entry < 512; entry++) {
    seed = seed * 1103515245u + 12345u;
    put(entry ? ", {\"id\": " : "{\"id\": ");
    put_number(seed >> 16);
    put(", \"name\": \"a name of some length\", \"tags\": [\"x\", \"\\u0041\", ");
    put_number(entry);
    put("]}");
  }
  put("]");
}

static void skip(void) {
  while (at < length && (text[at] == ' ' || text[at] == ',' || text[at] == ':')) at++;
}

static unsigned string(void) {
  unsigned hash = 5381;
  for (at++; at < length && text[at] != '"'; at++) {
    if (text[at] == '\\') at++;
    hash = hash * 33 + (unsigned char)text[at];
  }
  at++;
  return hash;
}

static struct node *parse(void) {
  struct node *node = &nodes[used++];
  node->value = 0;
  node->first = node->next = 0;
  skip();
  char begin = text[at];
  if (begin == '"') {
    node->kind = STRING;
    node->value = string();
  } else if (begin == '[' || begin == '{') {
    node->kind = begin == '[' ? LIST : MAP;
    struct node **last = &node->first;
    for (at++, skip(); at < length && text[at] != ']' && text[at] != '}'; skip()) {
      unsigned key = begin == '{' ? string() : 0;
      *last = parse();
      (*last)->value ^= key;
      last = &(*last)->next;
    }
    at++;
  } else {
    node->kind = NUMBER;
    while (text[at] >= '0' && text[at] <= '9') node->value = node->value * 10 + (unsigned)(text[at++] - '0');
  }
  return node;
}

static unsigned sum(const struct node *node) {
  unsigned total = 0;
  for (; node; node = node->next) total = total * 31 + node->value + (unsigned)node->kind + sum(node->first);
  return total;
}

unsigned run(unsigned seed) {
  write(seed);
  at = used = 0;
  return sum(parse());
}
