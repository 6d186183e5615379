/** Calls of exported functions with arguments drawn for their types. */
import { trapped } from "../../src/runtime/traps.ts";
import type { ModuleInfo } from "../../src/wasm/inspect.ts";
import { oneOf, type Random } from "./random.ts";

/** One call: the name of an export and what it is given. */
export type RandomCall = { readonly name: string; readonly inputs: readonly unknown[] };

const integers = [
  0, 1, 2, 7, 8, 255, 4080, 4095, 4096, 61440, 65528, 65535, 65536, 131071, 0x7fff_ffff, -1, -8, -65536,
];
const floats = [0, -0, 1, -1.5, 4096, 65535.5, 1e300, -1e-300, Infinity, -Infinity, NaN];

/** Returns the exported functions that JavaScript can call: no v128, no exception reference, nothing that is not null. */
export function callableExports(info: ModuleInfo): { name: string; params: readonly string[] }[] {
  return info.exports.flatMap((each) => {
    if (each.kind !== "function") return [];
    const { params, results } = each.type;
    const foreign = [...params, ...results].some((type) => /v128|exn/.test(type));
    return foreign || params.some((type) => type.startsWith("(ref ") && !type.startsWith("(ref null"))
      ? []
      : [{ name: each.name, params }];
  });
}

/** Draws a call; undefined when there is nothing to call. */
export function drawCall(functions: ReturnType<typeof callableExports>, random: Random): RandomCall | undefined {
  if (functions.length === 0) return undefined;
  const { name, params } = oneOf(random, functions);
  return { name, inputs: params.map((type) => drawInput(type, random)) };
}

function drawInput(type: string, random: Random): unknown {
  const integer = random(3) === 0 ? random(0x1_0000_0000) | 0 : oneOf(random, integers) + random(3) - 1;
  if (type === "i32") return integer;
  if (type === "i64") return (BigInt(integer) << BigInt(oneOf(random, [0, 0, 0, 16, 32]))) ^ BigInt(random(9));
  if (type === "f32" || type === "f64") return random(2) === 0 ? oneOf(random, floats) : integer / 3;
  return type === "(ref null extern)" ? oneOf(random, [null, "a", 7]) : null;
}

/** What a call came to, as text that can be compared: its results, or the name of its trap. */
export function resultOf(exports: WebAssembly.Exports, { name, inputs }: RandomCall): string {
  const called = exports[name];
  if (typeof called !== "function") return "no such function";
  try {
    return `returned ${describe(called(...inputs))}`;
  } catch (thrown) {
    const { trap, message } = trapped(thrown);
    return trap === "trap" ? `trapped: ${message}` : `trapped: ${trap}`;
  }
}

/** Names a value of a guest; functions by their index, other objects by their kind. */
export function describe(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(describe).join()}]`;
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "number" || typeof value === "bigint")
    return Object.is(value, -0) ? "-0" : `${typeof value} ${value}`;
  return value === null ? "null" : typeof value;
}
