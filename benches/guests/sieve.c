// Counts the primes below 100000 in a sieve of bytes. Nothing but stores: the worst case of tracking.
enum { END = 100000 };
static unsigned char composite[END];

unsigned run(unsigned seed) {
  for (int at = 0; at < END; at++) composite[at] = 0;
  unsigned count = 0;
  for (int number = 2; number < END; number++) {
    if (composite[number]) continue;
    count++;
    if (number > 316) continue;
    for (int multiple = number * number; multiple < END; multiple += number) composite[multiple] = 1;
  }
  return count + seed;
}
