/**
 * Every instruction that stores, in both variants against the original: the same results, traps and memory. In the
 * tracked one the marks are all that restore() looks at, so a store without its mark stays behind.
 */
import { storeForms } from "../../src/wasm/instructions.ts";
import { leb, moduleOf, section, text } from "../support/module-bytes.ts";
import { outcomeOf, recycled, type Recycled } from "../support/recycled.ts";
import { wat } from "../support/wat.ts";

const sizeBytes = 131_072;
const end = 0x0b;

/** Two numbers become the value that a store takes, by its type. */
const valueFrom: Readonly<Record<number, readonly number[]>> = {
  0x7f: [0x20, 1],
  0x7e: [0x20, 1, 0xad, 0x42, 0x21, 0x86, 0x20, 1, 0xad, 0x7c], // i64: both halves of it
  0x7d: [0x20, 1, 0xbe],
  0x7c: [0x20, 1, 0xb7],
  0x7b: [0x20, 1, 0xfd, 0x11],
};

const prefixes = [undefined, 0xfb, 0xfc, 0xfd, 0xfe];

/** Ways in which an address reaches its store: as it came, out of a computation, a constant and an offset apart. */
const addresses = {
  local: { code: [0x20, 0], offset: 0 },
  computed: { code: [0x20, 0, 0x20, 2, 0x6a], offset: 0 },
  "local and offset": { code: [0x20, 0], offset: 4088 },
  "computed and offset": { code: [0x20, 0, 0x20, 2, 0x6a], offset: 4088 },
  "local less a constant": { code: [0x20, 0, 0x41, 8, 0x6b], offset: 4096 },
  "local and the largest offset": { code: [0x20, 0], offset: 0xffff_ffff },
} as const;

type Form = { readonly name: string; readonly offset: number; readonly body: readonly number[] };

const stores: readonly Form[] = [...storeForms.entries()].flatMap(([code, form]) => {
  if (form === undefined) return [];
  const prefix = prefixes[Math.floor(code / 512)];
  const opcode = prefix === undefined ? [code % 512] : [prefix, ...leb(code % 512)];
  const lane = code >= 1536 + 0x54 && code <= 1536 + 0x5b ? [0] : [];
  return Object.entries(addresses).map(([title, { code: address, offset }]) => {
    const align = code >= 2048 ? Math.log2(form.sizeBytes) : 0;
    const values = form.values.flatMap((type) => valueFrom[type] ?? []);
    const drops = Array<number>(form.pushes).fill(0x1a);
    const body = [0, ...address, ...values, ...opcode, align, ...leb(offset), ...lane, ...drops, end];
    return { name: `${code.toString(16)} ${title}`, offset, body };
  });
});

/** One function for each form: (i32 address, i32 value, i32 0). */
const everyStore = moduleOf(
  section(1, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0),
  section(3, leb(stores.length), Array<number>(stores.length).fill(0)),
  section(5, 1, 1, 2, 4),
  section(7, leb(stores.length + 1), ...stores.map(({ name }, index) => [...text(name), 0, ...leb(index)]), [
    ...text("memory"),
    2,
    0,
  ]),
  section(10, leb(stores.length), ...stores.map(({ body }) => [...leb(body.length), ...body])),
  section(11, 1, 0, 0x41, 0xf8, 0x1f, end, 16, Array<number>(16).fill(0x55)),
);

function original(bytes: Uint8Array<ArrayBuffer>): {
  readonly exports: WebAssembly.Exports;
  readonly bytes: () => Buffer;
} {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const { memory } = exports;
  if (!(memory instanceof WebAssembly.Memory)) throw new Error("no memory");
  return { exports, bytes: () => Buffer.from(memory.buffer) };
}

function variants(bytes: Uint8Array<ArrayBuffer>): Recycled[] {
  return [true, false].map((tracked) => recycled(bytes, { tracked, limitPages: 4 }));
}

const places = [0, 1, 4080, 4089, 4095, 4096, 8191, 65_527, 65_535, sizeBytes - 4096 - 16, sizeBytes - 17];
const brink = [16, 8, 4, 2, 1, 0].map((left) => sizeBytes - left);
const far = [-1, -4, -4096, -65536, 0x7fff_ffff];

describe("every form of store", () => {
  const guests = variants(everyStore);
  const { exports, bytes } = original(everyStore);
  const initial = Buffer.from(bytes());

  test.each(stores)("$name has the original's effects and leaves nothing behind", ({ name, offset }) => {
    for (const address of [...places, ...far, ...brink.map((at) => (offset === 4088 ? at - offset : at))]) {
      const expected = outcomeOf(exports, name, address, 0x01020304, 0);
      for (const guest of guests) {
        expect(guest.call(name, address, 0x01020304, 0)).toEqual(expected);
        expect(bytes().equals(guest.bytes())).toBe(true);
        guest.restore();
        expect(initial.equals(guest.bytes())).toBe(true);
      }
      bytes().set(initial);
    }
  });
});

test("there is a function for every form of store", () => {
  expect(stores.length).toBe(70 * Object.keys(addresses).length);
});

/** A guest in which one mark stands for several stores, or must not. */
const blocks = `(module (memory (export "memory") 2)
  (func $nothing)
  (func (export "near") (param $p i32)
    (i64.store (local.get $p) (i64.const -1)) (i64.store offset=240 (local.get $p) (i64.const -1))
    (i64.store offset=249 (local.get $p) (i64.const -1)) (i64.store offset=1000 (local.get $p) (i64.const -1))
    (i64.store (i32.sub (local.get $p) (i32.const 256)) (i64.const -1))
    (i64.store (i32.sub (local.get $p) (i32.const 257)) (i64.const -1))
    (v128.store offset=241 (local.get $p) (v128.const i64x2 -1 -1)) (v128.store offset=242 (local.get $p) (v128.const i64x2 -1 -1)))
  (func (export "just within") (param $p i32)
    (i32.store8 (local.get $p) (i32.const 1)) (v128.store offset=241 (local.get $p) (v128.const i64x2 -1 -1)))
  (func (export "just past") (param $p i32)
    (i32.store8 (local.get $p) (i32.const 1)) (v128.store offset=242 (local.get $p) (v128.const i64x2 -1 -1)))
  (func (export "just before") (param $p i32)
    (i32.store8 offset=256 (local.get $p) (i32.const 1)) (i32.store8 (local.get $p) (i32.const 1)))
  (func (export "too far before") (param $p i32)
    (i32.store8 offset=257 (local.get $p) (i32.const 1)) (i32.store8 (local.get $p) (i32.const 1)))
  (func (export "stale") (param $p i32) (i32.store (local.get $p) (local.tee $p (i32.const 60000))))
  (func (export "either") (param $p i32) (param $which i32)
    (if (local.get $which) (then (i32.store (local.get $p) (i32.const 1))) (else (i32.store offset=4 (local.get $p) (i32.const 2)))))
  (func (export "assigned") (param $p i32)
    (i32.store (local.get $p) (i32.const 7)) (local.set $p (i32.add (local.get $p) (i32.const 8192)))
    (i32.store (local.get $p) (i32.const 7))
    (i32.store (local.get $p) (local.tee $p (i32.const 60000))) (i32.store (local.get $p) (i32.const 9)))
  (func (export "branches") (param $p i32) (param $which i32)
    (if (local.get $which) (then (i32.store (local.get $p) (i32.const 1))) (else (i32.store offset=9000 (local.get $p) (i32.const 2))))
    (i32.store offset=4 (local.get $p) (i32.const 3))
    (if (local.get $which) (then) (else (i32.store offset=20000 (local.get $p) (i32.const 4))))
    (i32.store offset=20008 (local.get $p) (i32.const 5)))
  (func (export "skipped") (param $p i32) (param $which i32)
    (block $out (br_if $out (local.get $which)) (i32.store (local.get $p) (i32.const 1)))
    (i32.store offset=8 (local.get $p) (i32.const 2))
    (block $a (block $b (block $c (br_table $a $b $c (local.get $which))) (i32.store offset=30000 (local.get $p) (i32.const 3)))
      (i32.store offset=30004 (local.get $p) (i32.const 4)))
    (i32.store offset=30008 (local.get $p) (i32.const 5)))
  (func (export "turns") (param $p i32) (param $count i32)
    (i32.store (local.get $p) (i32.const 1))
    (loop $again
      (i32.store offset=4 (local.get $p) (local.get $count))
      (local.set $p (i32.add (local.get $p) (i32.const 5000)))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (i32.store offset=8 (local.get $p) (i32.const 1)))
  (func (export "inside") (param $p i32) (param $count i32)
    (i32.store (local.get $p) (i32.const 1))
    (loop $again
      (block (i32.store offset=4 (local.get $p) (i32.const 2)) (call $nothing))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (local.set $p (select (i32.add (local.get $p) (i32.const 4096)) (local.get $p) (local.get $count)))
      (br_if $again (local.get $count)))
    (i32.store offset=12 (local.get $p) (i32.const 3)))
  (func (export "under a call") (param $p i32)
    local.get $p call $nothing i32.const 5 i32.store
    local.get $p (local.set $p (i32.const 70000)) i32.const 6 i32.store offset=4
    local.get $p block end i32.const 7 i32.store offset=4)
  (func (export "constants") (param $p i32)
    (i32.store (i32.const 4094) (local.get $p)) (i32.store offset=8 (i32.const 4094) (local.get $p))
    (i32.store (i32.add (i32.const 100000) (i32.const 24)) (local.get $p))
    (i32.store offset=65536 (i32.add (local.get $p) (i32.const -8)) (local.get $p)))
  (func (export "caught") (param $p i32) (param $which i32)
    try (if (local.get $which) (then (throw $e))) (i32.store (local.get $p) (i32.const 1))
    catch $e (i32.store offset=4 (local.get $p) (i32.const 2)) end
    (i32.store offset=8 (local.get $p) (i32.const 3)))
  (tag $e))`;

describe("stores that share a mark", () => {
  const bytes = wat(blocks);
  const guests = variants(bytes);
  const calls: [name: string, ...args: number[]][] = [
    ["near", 3840],
    ["near", 3847],
    ["near", 4096],
    ["near", 5000],
    ["just within", 4095],
    ["just past", 4095],
    ["just before", 7936],
    ["too far before", 7935],
    ["stale", 20000],
    ["either", 4090, 0],
    ["either", 4090, 1],
    ["assigned", 100],
    ["branches", 4090, 0],
    ["branches", 4090, 1],
    ["skipped", 4090, 0],
    ["skipped", 4090, 1],
    ["skipped", 4090, 2],
    ["skipped", 4090, 3],
    ["turns", 4090, 9],
    ["inside", 4090, 5],
    ["inside", 12, 1],
    ["under a call", 20000],
    ["constants", 4096],
    ["constants", 65500],
    ["caught", 4090, 0],
    ["caught", 4090, 1],
  ];

  test.each(calls)("%s %p %p has the original's effects and leaves nothing behind", (...given) => {
    const [name, ...args] = given;
    const fresh = original(bytes);
    const expected = outcomeOf(fresh.exports, name, ...args);
    expect(expected).toEqual({ result: undefined });
    for (const guest of guests) {
      expect(guest.call(name, ...args)).toEqual(expected);
      expect(fresh.bytes().equals(guest.bytes())).toBe(true);
      guest.restore();
      expect(guest.bytes().every((byte) => byte === 0)).toBe(true);
    }
  });

  test("after random calls in a row nothing is left behind", () => {
    let state = 77;
    const random = (below: number): number => (state = (state * 48271) % 0x7fff_ffff) % below;
    for (let round = 0; round < 300; round += 1) {
      for (let turn = random(4); turn >= 0; turn -= 1) {
        const [name] = calls[random(calls.length)] ?? ["near"];
        for (const guest of guests) guest.call(name, 300 + random(65_236), random(7) + 1);
      }
      for (const guest of guests) {
        guest.restore();
        expect(Buffer.from(guest.bytes()).equals(Buffer.alloc(guest.bytes().length))).toBe(true);
      }
    }
  });
});

test("without restore() what was stored stays: these tests can fail", () => {
  const [guest] = variants(wat(blocks));
  guest?.call("assigned", 100);
  expect(guest?.bytes().some((byte) => byte !== 0)).toBe(true);
  guest?.marks?.fill(0);
  guest?.restore();
  expect(guest?.bytes().some((byte) => byte !== 0)).toBe(true);
});
