/** The host's one way into a guest's memory. */
import { GuestMemory, memoryFault } from "../../src/runtime/guest-memory.ts";

const pageBytes = 65536;

function memory(options: { initial: number; maximum?: number; shared?: boolean } = { initial: 1, maximum: 3 }) {
  const real = new WebAssembly.Memory(options);
  return { real, memory: new GuestMemory(real) };
}

describe("GuestMemory", () => {
  test("reads what it wrote, little-endian", () => {
    const { memory: guest } = memory();
    guest.writeU32(8, 0xfffefdfc);
    guest.writeU64(16, -2n);
    guest.write(32, Uint8Array.of(1, 2, 3));
    expect([guest.readU8(8), guest.readU16(8), guest.readU32(8)]).toEqual([0xfc, 0xfdfc, 0xfffefdfc]);
    expect(guest.readU64(16)).toBe(0xfffffffffffffffen);
    expect([...guest.read(32, 4)]).toEqual([1, 2, 3, 0]);
  });

  test("reaches its last byte and none after it", () => {
    const { memory: guest } = memory();
    guest.writeU32(pageBytes - 4, 7);
    expect(guest.readU32(pageBytes - 4)).toBe(7);
    expect(guest.read(pageBytes, 0)).toHaveLength(0);
    const outside: readonly (() => unknown)[] = [
      () => guest.writeU32(pageBytes - 3, 1),
      () => guest.writeU64(pageBytes - 7, 1n),
      () => guest.write(pageBytes - 1, Uint8Array.of(1, 2)),
      () => guest.readU8(pageBytes),
      () => guest.readU16(pageBytes - 1),
      () => guest.readU32(-1),
      () => guest.readU64(-8),
      () => guest.read(-1, 1),
      () => guest.read(0, -1),
      () => guest.read(pageBytes + 1, 0),
      () => guest.check(-2147483648, 0),
    ];
    for (const access of outside) expect(access).toThrow(memoryFault);
    expect(guest.readU32(pageBytes - 4)).toBe(7);
  });

  test("follows the memory when the guest grows it", () => {
    const { real, memory: guest } = memory();
    guest.writeU32(0, 1);
    real.grow(1);
    expect(guest.read(0, 0)).toHaveLength(0);
    expect(guest.readU32(0)).toBe(1);
    guest.writeU32(pageBytes, 2);
    expect(guest.sizeBytes).toBe(2 * pageBytes);
    expect(() => guest.readU8(2 * pageBytes)).toThrow(memoryFault);
  });

  test("follows a shared memory, whose old buffer stays alive", () => {
    const { real, memory: guest } = memory({ initial: 1, maximum: 2, shared: true });
    guest.writeU32(0, 1);
    real.grow(1);
    guest.writeU32(pageBytes, 2);
    expect([guest.readU32(0), guest.readU32(pageBytes)]).toEqual([1, 2]);
  });

  test("reaches nothing of a memory without pages", () => {
    const { memory: guest } = memory({ initial: 0, maximum: 0 });
    expect(guest.read(0, 0)).toHaveLength(0);
    expect(() => guest.readU8(0)).toThrow(memoryFault);
  });

  test("grows to a size, and says when it may not", () => {
    const { memory: guest } = memory();
    expect(guest.grow(10)).toBe(true);
    expect(guest.sizeBytes).toBe(pageBytes);
    expect(guest.grow(pageBytes + 1)).toBe(true);
    expect(guest.sizeBytes).toBe(2 * pageBytes);
    expect(guest.grow(3 * pageBytes + 1)).toBe(false);
    expect(guest.grow(2 ** 33)).toBe(false);
    expect(guest.sizeBytes).toBe(2 * pageBytes);
  });
});
