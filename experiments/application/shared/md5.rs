//! MD5 (RFC 1321). Broken as a signature; here because the sample's contract says so.

/// How far each step of a round rotates; each row is used four times.
const ROTATIONS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// Returns the digest of `message` as 32 hexadecimal digits.
pub fn hex(message: &[u8]) -> String {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded(message).chunks_exact(64) {
        absorb(&mut state, block);
    }
    state.iter().flat_map(|word: &u32| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

/// The message, a one bit, zeros, and its length in bits in the last eight bytes of a block.
fn padded(message: &[u8]) -> Vec<u8> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_le_bytes());
    padded
}

fn absorb(state: &mut [u32; 4], block: &[u8]) {
    let word = |index: usize| {
        let at = index % 16 * 4;
        u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
    };
    let [mut a, mut b, mut c, mut d] = *state;
    for step in 0..64 {
        let (mixed, index) = match step / 16 {
            0 => (b & c | !b & d, step),
            1 => (b & d | c & !d, 5 * step + 1),
            2 => (b ^ c ^ d, 3 * step + 5),
            _ => (c ^ (b | !d), 7 * step),
        };
        // RFC 1321, 3.4: the integer part of 4294967296 times abs(sin(i)), i from 1, in radians.
        let constant = (((step + 1) as f64).sin().abs() * 4294967296.0) as u32;
        let sum = a.wrapping_add(mixed).wrapping_add(constant).wrapping_add(word(index));
        (a, d, c) = (d, c, b);
        b = b.wrapping_add(sum.rotate_left(ROTATIONS[step / 16][step % 4]));
    }
    for (total, part) in state.iter_mut().zip([a, b, c, d]) {
        *total = total.wrapping_add(part);
    }
}
