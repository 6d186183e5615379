// Sorts 8192 pseudorandom numbers by quicksort and answers a checksum of their order. Loads, compares, swaps.
enum { COUNT = 8192 };
static unsigned numbers[COUNT];

static void sort(int low, int high) {
  while (low < high) {
    unsigned pivot = numbers[low + (high - low) / 2];
    int left = low, right = high;
    while (left <= right) {
      while (numbers[left] < pivot) left++;
      while (numbers[right] > pivot) right--;
      if (left <= right) {
        unsigned kept = numbers[left];
        numbers[left++] = numbers[right];
        numbers[right--] = kept;
      }
    }
    if (right - low < high - left) {
      sort(low, right);
      low = left;
    } else {
      sort(left, high);
      high = right;
    }
  }
}

unsigned run(unsigned seed) {
  for (int at = 0; at < COUNT; at++) {
    seed = seed * 1103515245u + 12345u;
    numbers[at] = seed;
  }
  sort(0, COUNT - 1);
  unsigned sum = 0;
  for (int at = 0; at < COUNT; at++) sum = sum * 31u + (numbers[at] ^ (unsigned)at);
  return sum;
}
