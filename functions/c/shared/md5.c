/* RFC 1321, section 3, step by step. */
#include "md5.h"

#include <stdint.h>

/* 3.4: the integer part of 4294967296 times abs(sin(i)), i from 1, in radians. */
static const uint32_t constants[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* How far each step of a round rotates; each row is used four times. */
static const int rotations[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t word(const unsigned char *block, int index) {
  const unsigned char *at = block + index % 16 * 4;
  return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static void absorb(uint32_t *state, const unsigned char *block) {
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  for (int step = 0; step < 64; step++) {
    uint32_t mixed;
    int index;
    switch (step / 16) {
      case 0: mixed = (b & c) | (~b & d), index = step; break;
      case 1: mixed = (b & d) | (c & ~d), index = 5 * step + 1; break;
      case 2: mixed = b ^ c ^ d, index = 3 * step + 5; break;
      default: mixed = c ^ (b | ~d), index = 7 * step;
    }
    uint32_t sum = a + mixed + constants[step] + word(block, index);
    int rotation = rotations[step / 16][step % 4];
    a = d, d = c, c = b;
    b += sum << rotation | sum >> (32 - rotation);
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

/* The message, a one bit, zeros, and its length in bits in the last eight bytes of a block. */
static Text padded(Text message) {
  size_t length = (message.length + 8) / 64 * 64 + 64;
  char *start = allocate(length), *at = put(start, message);
  *at++ = (char)0x80;
  while (at < start + length - 8) *at++ = 0;
  uint64_t bits = (uint64_t)message.length * 8;
  for (int i = 0; i < 8; i++) *at++ = (char)(bits >> 8 * i);
  return (Text){start, length};
}

Text md5(Text message) {
  uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  Text blocks = padded(message);
  for (size_t i = 0; i < blocks.length; i += 64) absorb(state, (const unsigned char *)blocks.start + i);
  static const char digits[] = "0123456789abcdef";
  char *hex = allocate(32);
  for (int i = 0; i < 16; i++) {
    int byte = state[i / 4] >> i % 4 * 8 & 0xff;
    hex[2 * i] = digits[byte >> 4];
    hex[2 * i + 1] = digits[byte & 15];
  }
  return (Text){hex, 32};
}
