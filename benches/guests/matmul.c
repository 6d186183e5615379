// Multiplies two 64x64 matrices of doubles and answers the sum of the product. Much arithmetic, few stores.
enum { SIZE = 64 };
static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

unsigned run(unsigned seed) {
  for (int row = 0; row < SIZE; row++) {
    for (int column = 0; column < SIZE; column++) {
      left[row][column] = (double)((row * 7 + column + (int)(seed % 97)) % 13);
      right[row][column] = (double)((row + column * 5) % 11);
    }
  }
  double sum = 0;
  for (int row = 0; row < SIZE; row++) {
    for (int column = 0; column < SIZE; column++) {
      double cell = 0;
      for (int at = 0; at < SIZE; at++) cell += left[row][at] * right[at][column];
      product[row][column] = cell;
      sum += product[row][column] * (double)(row - column);
    }
  }
  return (unsigned)(int)sum;
}
