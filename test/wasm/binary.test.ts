import { Reader, Writer } from "../../src/wasm/binary.ts";
import { refusalOf } from "../support/refusal.ts";

function readerOf(...bytes: number[]): Reader {
  return new Reader(new Uint8Array(bytes));
}

describe("Reader", () => {
  test.each([
    [[0x00], 0],
    [[0x7f], 127],
    [[0x80, 0x00], 0],
    [[0xe5, 0x8e, 0x26], 624485],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
    [[0x80, 0x80, 0x80, 0x80, 0x00], 0],
  ])("u32() reads %j as %d", (bytes, value) => {
    const reader = readerOf(...bytes);
    expect(reader.u32("it")).toBe(value);
    expect(reader.remaining).toBe(0);
  });

  test.each([
    [[0xff, 0xff, 0xff, 0xff, 0x1f]],
    [[0x80, 0x80, 0x80, 0x80, 0x10]],
    [[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    [[0x80]],
    [[]],
  ])("u32() refuses %j: too long, unused bits or cut off", (bytes) => {
    expect(refusalOf(() => readerOf(...bytes).u32("it")).code).toBe("MODULE_INVALID");
  });

  test("u64() reads ten bytes and refuses an eleventh and unused bits", () => {
    const nine = Array<number>(9).fill(0xff);
    expect(readerOf(...nine, 0x01).u64("it")).toBe(2 ** 64);
    expect(readerOf(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f).u64("it")).toBe(Number.MAX_SAFE_INTEGER);
    expect(refusalOf(() => readerOf(...nine, 0x02).u64("it")).code).toBe("MODULE_INVALID");
    expect(refusalOf(() => readerOf(...nine, 0x80, 0x00).u64("it")).code).toBe("MODULE_INVALID");
  });

  test.each([
    [32, [0x00], 0],
    [32, [0x7f], -1],
    [32, [0x3f], 63],
    [32, [0x40], -64],
    [32, [0xc0, 0xbb, 0x78], -123456],
    [32, [0xff, 0xff, 0xff, 0xff, 0x07], 2 ** 31 - 1],
    [32, [0x80, 0x80, 0x80, 0x80, 0x78], -(2 ** 31)],
    [33, [0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
    [33, [0x80, 0x80, 0x80, 0x80, 0x70], -(2 ** 32)],
    [33, [0xf0, 0xff, 0xff, 0xff, 0x7f], -16],
    [64, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f], -(2 ** 63)],
  ] as const)("signed() of %d bits reads %j as %d", (bits, bytes, value) => {
    const reader = readerOf(...bytes);
    expect(reader.signed("it", bits)).toBe(value);
    expect(reader.remaining).toBe(0);
  });

  test.each([
    [32, [0xff, 0xff, 0xff, 0xff, 0x0f]],
    [32, [0x80, 0x80, 0x80, 0x80, 0x70]],
    [32, [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
    [33, [0xf0, 0xff, 0xff, 0xff, 0x6f]],
    [64, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    [64, [0x80]],
  ] as const)("signed() of %d bits refuses %j", (bits, bytes) => {
    expect(refusalOf(() => readerOf(...bytes).signed("it", bits)).code).toBe("MODULE_INVALID");
  });

  test("a window cannot be left, even where the module goes on", () => {
    const window = readerOf(1, 2, 3, 4).window(2, "a section");
    window.skip(1, "a byte");
    expect(refusalOf(() => window.skip(2, "a pair")).message).toContain(
      "invalid WebAssembly at byte 1: expected 2 bytes of a pair, got the end after 1 bytes",
    );
    expect(window.byte("a byte")).toBe(2);
    expect(refusalOf(() => window.byte("one more")).code).toBe("MODULE_INVALID");
    expect(refusalOf(() => readerOf(1).window(2 ** 32 - 1, "a section")).code).toBe("MODULE_INVALID");
  });

  test("vector() refuses a count larger than the bytes left, before it reads an entry", () => {
    let reads = 0;
    const read = (reader: Reader): number => (reads++, reader.byte("an entry"));
    const refusal = refusalOf(() => readerOf(0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2).vector("entries", 2, read));
    expect(refusal.message).toContain("expected at most 2 entries in the bytes that are left, got 4294967295");
    expect(refusalOf(() => readerOf(3, 1, 2, 3).vector("entries", 2, read)).message).toBe(
      "the module has 3 entries; the limit is 2: build it with fewer",
    );
    expect(reads).toBe(0);
    expect(readerOf(2, 8, 9).vector("entries", 2, read)).toEqual([8, 9]);
  });

  test.each([
    ["a stray continuation byte", [1, 0x80]],
    ["an overlong form", [2, 0xc0, 0x80]],
    ["a surrogate", [3, 0xed, 0xa0, 0x80]],
    ["a code point past the last", [4, 0xf4, 0x90, 0x80, 0x80]],
    ["a length past the end", [9, 0x61]],
  ])("name() refuses %s", (_what, bytes) => {
    expect(refusalOf(() => readerOf(...bytes).name("a name")).code).toBe("MODULE_INVALID");
  });

  test("name() keeps a zero byte and a byte order mark", () => {
    expect(readerOf(4, 0xef, 0xbb, 0xbf, 0x00).name("a name")).toBe("\ufeff\0");
  });

  test("since() and rest() stay within the window", () => {
    const window = readerOf(1, 2, 3, 4, 5).window(4, "a section");
    window.skip(3, "bytes");
    expect([...window.since(1)]).toEqual([2, 3]);
    expect([...window.rest()]).toEqual([4]);
  });
});

describe("Writer", () => {
  test("writes what Reader reads, far past its first buffer", () => {
    const numbers = [0, 127, 128, 2 ** 31, 2 ** 32 - 1];
    const writer = new Writer();
    for (let round = 0; round < 200; round += 1) for (const number of numbers) writer.u32(number);
    writer.name("größe").section(7, new Uint8Array([1, 2, 3]));
    const reader = new Reader(writer.finish());
    for (let round = 0; round < 200; round += 1) {
      expect(numbers.map(() => reader.u32("a number"))).toEqual(numbers);
    }
    expect(reader.name("a name")).toBe("größe");
    expect([...reader.rest()]).toEqual([7, 3, 1, 2, 3]);
  });
});
