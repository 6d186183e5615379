/**
 * memory.fill, memory.copy, memory.init and memory.grow in the rewritten module: the original's effects and traps, for
 * every alignment, overlap and end, and nothing left behind.
 */
import { outcomeOf, recycled, type Recycled } from "../support/recycled.ts";
import { wat } from "../support/wat.ts";

const pageBytes = 65536;
const pages = 6;
const sizeBytes = pages * pageBytes;

const text = (length: number): string =>
  Array.from({ length }, (_, at) => `\\${((at * 7 + 1) & 0xff).toString(16).padStart(2, "0")}`).join("");

const source = `(module (memory (export "memory") ${pages} 9)
  (data (i32.const 100) "${text(5000)}")
  (data $passive "${text(300)}") (data $long "${text(140000)}")
  (func (export "pattern") (local $p i32) (loop $l (i32.store8 (local.get $p) (i32.mul (local.get $p) (i32.const 0x9e3779b1)))
    (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 7))) (i32.const ${sizeBytes})))))
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (memory.init $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "initLong") (param i32 i32 i32) (memory.init $long (local.get 0) (local.get 1) (local.get 2)))
  (func (export "initActive") (param i32 i32 i32) (memory.init 0 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "size") (result i32) memory.size)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`;
const bytes = wat(source);
const dropping = wat(
  source.replace('(func (export "size")', '(func (export "drop") data.drop $long) (func (export "size")'),
);

function original(module = bytes): { exports: WebAssembly.Exports; bytes(): Buffer } {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) throw new Error("no memory");
  return { exports, bytes: () => Buffer.from(memory.buffer) };
}

function variants(module = bytes, headroomPages = 0): Recycled[] {
  return [true, false].map((tracked) => recycled(module, { tracked, limitPages: 8, headroomPages }));
}

const lengths = [0, 1, 2, 15, 256, 4095, 4096, 4097, 65535, 65536, 65537, 131072, 131073, 200001];
const ends = [sizeBytes - 1, sizeBytes, sizeBytes + 1, 0xffff_ffff, 0xffff_0000];
const fills = lengths.flatMap((length) =>
  [0, 4095, 65530, sizeBytes - length, sizeBytes - length + 1].map((to) => [to, length]),
);

describe("bulk instructions", () => {
  const guests = variants();
  const twin = original();
  const initial = Buffer.from(twin.bytes());

  /** Calls all three and holds results, traps and memory against each other; then restores. */
  function same(name: string, ...args: number[]): void {
    for (const { exports } of [twin, ...guests]) outcomeOf(exports, "pattern");
    const expected = outcomeOf(twin.exports, name, ...args);
    for (const guest of guests) {
      expect([name, args, guest.call(name, ...args)]).toEqual([name, args, expected]);
      expect(twin.bytes().equals(guest.bytes())).toBe(true);
      guest.restore();
      expect(initial.equals(guest.bytes())).toBe(true);
    }
    twin.bytes().set(initial);
  }

  test.each(fills)("memory.fill at %p of %p bytes is as in the original", (to, length) => {
    same("fill", to ?? 0, 0xab, length ?? 0);
  });

  test.each([1, 5, 4096, 65535, 65536, 65537, 100_000])(
    "memory.copy over a distance of %p is as in the original",
    (distance) => {
      for (const length of lengths) {
        same("copy", 3000, 3000 + distance, length);
        same("copy", 3000 + distance, 3000, length);
      }
    },
  );

  test("memory.copy onto itself changes nothing", () => {
    for (const length of lengths) same("copy", 777, 777, length);
  });

  test.each(ends)("what ends past the memory from %p traps and writes nothing", (start) => {
    for (const length of [0, 1, 65536, 65537, 0x8000_0000, 0xffff_ffff]) {
      same("fill", start, 1, length);
      same("copy", start, 0, length);
      same("copy", 0, start, length);
      same("init", start, 0, Math.min(length, 300));
      same("initLong", start, 0, Math.min(length, 140_000));
    }
  });

  test("memory.init knows its segment's end", () => {
    for (const [from, length] of [
      [0, 300],
      [300, 0],
      [299, 1],
      [299, 2],
      [301, 0],
      [0, 301],
      [0xffff_ffff, 2],
    ] as const)
      same("init", 4090, from, length);
    for (const [from, length] of [
      [0, 140_000],
      [0, 140_001],
      [1, 140_000],
      [70_000, 70_000],
      [0xffff_ffff, 65_537],
    ] as const)
      same("initLong", 4090, from, length);
  });

  test("memory.init of an active segment finds it empty", () => {
    same("initActive", 0, 0, 0);
    same("initActive", 0, 0, 1);
    same("initActive", 0, 1, 0);
  });

  test("memory.init of a segment that was dropped traps, and the module is single-use", () => {
    for (const guest of variants(dropping)) {
      const dropped = original(dropping);
      expect(guest.rewritten.recyclable).toBe("uses data.drop");
      for (const length of [0, 1, 70_000]) {
        const call = ["initLong", 0, 0, length] as const;
        expect(guest.call(...call)).toEqual(outcomeOf(dropped.exports, ...call));
      }
      guest.call("drop");
      outcomeOf(dropped.exports, "drop");
      for (const length of [0, 1, 70_000]) {
        const call = ["initLong", 0, 0, length] as const;
        expect(guest.call(...call)).toEqual(outcomeOf(dropped.exports, ...call));
      }
    }
  });

  test("a deadline ends them between two steps", () => {
    for (const guest of guests) {
      guest.flag[0] = -1;
      for (const name of ["fill", "copy", "init"]) expect(guest.call(name, 0, 0, 3)).toEqual({ trap: "unreachable" });
      guest.flag[0] = 1;
      expect(guest.call("fill", 0, 0, 3)).toEqual({ result: undefined });
      guest.restore();
    }
  });
});

describe("memory.grow", () => {
  test.each([0, 1, 5])("with a headroom of %p pages goes to the limit and no further", (headroomPages) => {
    for (const guest of variants(bytes, headroomPages)) {
      for (let round = 0; round < 3; round += 1) {
        const grown = [0, 1, 2, 1, 0, 1, 0x7fff_ffff, -1].map((by) => guest.call("grow", by));
        expect(grown.map((outcome) => "result" in outcome && outcome.result)).toEqual([6, 6, -1, 7, 8, -1, -1, -1]);
        expect(guest.call("size")).toEqual({ result: 8 });
        expect(guest.sizePages()).toBe(8);
        guest.restore();
        expect(guest.call("size")).toEqual({ result: 6 });
        expect(guest.sizePages()).toBe(6);
      }
    }
  });

  test("never passes the module's own maximum, whatever the limit", () => {
    for (const tracked of [true, false]) {
      const guest = recycled(bytes, { tracked, limitPages: 5000 });
      expect([3, 1].map((by) => guest.call("grow", by))).toEqual([{ result: 6 }, { result: -1 }]);
    }
  });

  test("answers -1 until begin() has said how far, also in the start function", () => {
    const starting = wat(`(module (memory 1) (global $g (mut i32) (i32.const 5)) (start $s)
      (func $s (global.set $g (memory.grow (i32.const 200)))) (func (export "got") (result i32) (global.get $g)))`);
    expect(recycled(starting, { tracked: true, limitPages: 100 }).call("got")).toEqual({ result: -1 });
    expect(recycled(starting, { tracked: true, limitPages: 300 }).call("got")).toEqual({ result: 1 });
  });

  test.each([0, 2])(
    "gives zeros to the next call where this one stored, with a headroom of %p pages",
    (headroomPages) => {
      for (const guest of variants(bytes, headroomPages)) {
        for (let round = 0; round < 2; round += 1) {
          guest.call("grow", 2);
          for (let page = pages; page < 8; page += 1) {
            const start = page * pageBytes;
            expect(
              guest
                .bytes()
                .subarray(start, start + pageBytes)
                .every((byte) => byte === 0),
            ).toBe(true);
          }
          guest.call("fill", sizeBytes - 3, 0xee, 2 * pageBytes);
          guest.restore();
        }
      }
    },
  );

  test("gives zeros where an earlier call stored beyond its size, in the headroom", () => {
    for (const guest of variants(bytes, 2)) {
      expect(guest.call("fill", 7 * pageBytes + 5, 0xee, pageBytes - 5)).toEqual({ result: undefined });
      guest.restore();
      guest.call("grow", 2);
      expect(
        guest
          .bytes()
          .subarray(sizeBytes)
          .every((byte) => byte === 0),
      ).toBe(true);
    }
  });

  test("restores a page that an image brings beyond the declared size", () => {
    const beyond =
      wat(`(module (memory (export "memory") 1) (start $s) (func $s (i32.store (i32.const 70000) (i32.const 9)))
      (func (export "store") (param i32) (i32.store (local.get 0) (i32.const 1))))`);
    for (const tracked of [true, false]) {
      const guest = recycled(beyond, { tracked, headroomPages: 3 });
      for (const address of [70_000, 69_999, 131_071, 131_072, 200_000]) guest.call("store", address);
      guest.restore();
      const expected = Buffer.alloc(4 * pageBytes);
      expected.writeUInt32LE(9, 70_000);
      expect(expected.equals(guest.bytes())).toBe(true);
    }
  });
});
