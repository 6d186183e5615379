/** MD5 (RFC 1321). Broken as a signature; here because the sample's contract says so. */

/** How far each step of a round rotates; each row is used four times. */
const ROTATIONS: StaticArray<u32> = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];

/** Returns the digest of text's UTF-8 as 32 hexadecimal digits. */
export function md5(text: string): string {
  const blocks = padded(String.UTF8.encode(text));
  const state: u32[] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let at = 0; at < blocks.byteLength; at += 64) absorb(state, changetype<usize>(blocks) + at);
  return state.map<string>((word) => bswap<u32>(word).toString(16).padStart(8, "0")).join("");
}

/** The message, a one bit, zeros, and its length in bits in the last eight bytes of a block. */
function padded(message: ArrayBuffer): ArrayBuffer {
  const length = message.byteLength;
  const blocks = new ArrayBuffer(((length + 8) / 64 + 1) * 64);
  const at = changetype<usize>(blocks);
  memory.copy(at, changetype<usize>(message), length);
  store<u8>(at + length, 0x80);
  store<u64>(at + blocks.byteLength - 8, (length as u64) * 8);
  return blocks;
}

function absorb(state: u32[], block: usize): void {
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  for (let step: u32 = 0; step < 64; step++) {
    const round = step / 16;
    // RFC 1321, 3.4: the integer part of 4294967296 times abs(sin(i)), i from 1, in radians.
    const constant = Math.floor(Math.abs(Math.sin(step + 1)) * 4294967296) as u32;
    const word = load<u32>(block + (wordOf(round, step) % 16) * 4);
    const sum = a + mix(round, b, c, d) + constant + word;
    a = d;
    d = c;
    c = b;
    b += rotl<u32>(sum, ROTATIONS[round * 4 + (step % 4)]);
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

function mix(round: u32, b: u32, c: u32, d: u32): u32 {
  switch (round) {
    case 0:
      return (b & c) | (~b & d);
    case 1:
      return (b & d) | (c & ~d);
    case 2:
      return b ^ c ^ d;
    default:
      return c ^ (b | ~d);
  }
}

function wordOf(round: u32, step: u32): u32 {
  switch (round) {
    case 0:
      return step;
    case 1:
      return 5 * step + 1;
    case 2:
      return 3 * step + 5;
    default:
      return 7 * step;
  }
}
