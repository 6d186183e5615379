/* The greatest common divisor by Euclid, signs ignored: two i32 in, one out. */

static unsigned magnitude(int number) { return number < 0 ? -(unsigned)number : (unsigned)number; }

__attribute__((export_name("gcd")))
int gcd(int first, int second) {
  unsigned a = magnitude(first), b = magnitude(second);
  while (b != 0) {
    unsigned rest = a % b;
    a = b;
    b = rest;
  }
  return (int)a;
}
