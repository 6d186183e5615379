// MD5 (RFC 1321) of 64 KiB; answers the first word of the digest. Arithmetic in registers, loads, few stores.
enum { BYTES = 65536 };
static unsigned char buffer[BYTES + 64];

static const unsigned char shifts[16] = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
static unsigned constants[64];

// floor(2^32 * abs(sin(i + 1))), by a Taylor series of sine: there is no libm here.
static void make_constants(void) {
  if (constants[0]) return;
  for (int step = 0; step < 64; step++) {
    double angle = step + 1, term, sine;
    while (angle > 3.14159265358979323846) angle -= 2 * 3.14159265358979323846;
    term = sine = angle;
    for (int power = 3; power < 40; power += 2) {
      term *= -angle * angle / (double)((power - 1) * power);
      sine += term;
    }
    constants[step] = (unsigned)((sine < 0 ? -sine : sine) * 4294967296.0);
  }
}

static void block(unsigned state[4], const unsigned *words) {
  unsigned a = state[0], b = state[1], c = state[2], d = state[3];
  for (int step = 0; step < 64; step++) {
    unsigned mixed;
    int word;
    if (step < 16) mixed = (b & c) | (~b & d), word = step;
    else if (step < 32) mixed = (d & b) | (~d & c), word = (5 * step + 1) % 16;
    else if (step < 48) mixed = b ^ c ^ d, word = (3 * step + 5) % 16;
    else mixed = c ^ (b | ~d), word = (7 * step) % 16;
    unsigned sum = a + mixed + constants[step] + words[word];
    unsigned shift = shifts[step / 16 * 4 + step % 4];
    a = d;
    d = c;
    c = b;
    b += sum << shift | sum >> (32 - shift);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

unsigned run(unsigned seed) {
  make_constants();
  for (int at = 0; at < BYTES; at++) buffer[at] = (unsigned char)(seed + (unsigned)at);
  buffer[BYTES] = 0x80;
  for (int at = BYTES + 1; at < BYTES + 64; at++) buffer[at] = 0;
  *(unsigned *)(buffer + BYTES + 56) = BYTES * 8;
  unsigned state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (int at = 0; at < BYTES + 64; at += 64) block(state, (const unsigned *)(buffer + at));
  return state[0];
}
