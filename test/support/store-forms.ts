/** What random guests write with, and the numbers near which mistakes would lie. */

/** A store by its name, the type of its value, and how many lanes it may choose from. */
export type Store = {
  readonly name: string;
  readonly value: "i32" | "i64" | "f32" | "f64" | "v128";
  readonly lane?: number;
};

export const stores: readonly Store[] = [
  ...["i32.store", "i32.store8", "i32.store16"].map((name): Store => ({ name, value: "i32" })),
  ...["i64.store", "i64.store8", "i64.store16", "i64.store32"].map((name): Store => ({ name, value: "i64" })),
  { name: "f32.store", value: "f32" },
  { name: "f64.store", value: "f64" },
  { name: "v128.store", value: "v128" },
  { name: "v128.store8_lane", value: "v128", lane: 16 },
  { name: "v128.store16_lane", value: "v128", lane: 8 },
  { name: "v128.store32_lane", value: "v128", lane: 4 },
  { name: "v128.store64_lane", value: "v128", lane: 2 },
];
export const atomicForms = ["i32.*", "i32.*8", "i32.*16", "i64.*", "i64.*8", "i64.*16", "i64.*32"] as const;
export const rmw = ["add", "sub", "and", "or", "xor", "xchg", "cmpxchg"];
export const offsets = [0, 0, 0, 0, 1, 4, 8, 8, 16, 24, 200, 248, 255, 256, 257, 4088, 4095, 4096, 20000, 65536];
export const constants = [
  0, 1, 4, 8, 8, 16, 16, 24, 100, 240, 248, 255, 256, 264, 4080, 4093, 4096, 8190, 65520, 65533, -1, -4, -8, -256,
  -4096,
];
export const counts = [0, 1, 2, 15, 4096, 4097, 60000, 65536, 70000, 140000];

/** Changes of a random guest's globals: to an i32, to its parameters, to a function. */
export function globalSets(number: string, name: string): string[] {
  return [
    `(global.set $g0 ${number})`,
    "(global.set $g1 (local.get $c))",
    "(global.set $g2 (f32.reinterpret_i32 (local.get $a)))",
    "(global.set $g3 (f64.reinterpret_i64 (local.get $c)))",
    "(global.set $g4 (i64x2.splat (local.get $c)))",
    "(global.set $g5 (ref.null func))",
    `(global.set $g5 (ref.func ${name}))`,
  ];
}
