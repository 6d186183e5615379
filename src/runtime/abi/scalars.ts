/**
 * The scalars contract: an export of numbers to numbers, called with the keyless arguments in order.
 *
 *   type       takes                                                              gives
 *   i32        -2^31 … 2^32-1, so that signed and unsigned can be said            signed decimal
 *   i64        -2^63 … 2^64-1, exact                                              signed decimal, exact
 *   f32, f64   a number, or "NaN", "Infinity", "-Infinity"                        the shortest decimal that reads back
 *
 * A number may also come as a string of the same form, since WasmEngine's args are strings. An integer that the type
 * cannot hold is refused, never rounded, and so is a number that would become infinite or zero; what is written with a
 * fraction or an exponent is rounded to the nearest, as reading a decimal always does. One result is its text, several are a JSON array (NaN and the infinities in
 * it as strings), none is the empty text.
 */
import type { Arguments } from "../../arguments.ts";
import { GatewayError } from "../../errors.ts";
import type { Contract, ValueType } from "../../wasm/contract.ts";
import { contractBroken, enter, exportedFunction, type Guest } from "../guest.ts";
import type { Input, Outcome, Value } from "../protocol.ts";

type Scalars = Extract<Contract, { kind: "scalars" }>;
type ScalarInput = Extract<Input, { kind: "scalars" }>;

const encoder = new TextEncoder();

/** Longer than any number that fits; keeps the conversion of a megabyte of digits off the ingress thread. */
const maxNumberLength = 1100;

const decimal = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

const ranges = {
  i32: { least: -(2n ** 31n), most: 2n ** 32n - 1n },
  i64: { least: -(2n ** 63n), most: 2n ** 64n - 1n },
} as const;

/** Makes an export's parameters of a caller's arguments. @throws {GatewayError} INVALID_REQUEST */
export function input(args: Arguments, contract: Scalars): ScalarInput {
  const { params } = contract;
  // Absent arguments are {}: all that an export without parameters needs.
  const given = args.positional ?? (args.json === "{}" && params.length === 0 ? [] : undefined);
  if (given === undefined) {
    throw new GatewayError("INVALID_REQUEST", `expected ${signature(contract)}, such as [1, 2]; got a keyed object`);
  }
  if (given.length !== params.length) {
    throw new GatewayError("INVALID_REQUEST", `expected ${signature(contract)}, got ${given.length}`);
  }
  const values = params.map((type, index) => {
    const json = given[index] ?? "";
    const value = valueOf(type, json);
    if (value !== undefined) return value;
    const got = json.length > 60 ? `${json.slice(0, 60)}…` : json;
    throw new GatewayError(
      "INVALID_REQUEST",
      `expected ${signature(contract)}; argument ${index} is no ${type} (${descriptions[type]}): ${got}`,
    );
  });
  return { kind: "scalars", values };
}

/** Calls a ready guest; its answer is text. */
export function callScalars(guest: Guest, call: { readonly contract: Scalars; readonly input: ScalarInput }): Outcome {
  const { contract } = call;
  const guestFunction = exportedFunction(guest, contract.export);
  const body = (): Outcome => {
    const result = guestFunction(...call.input.values);
    const values: readonly unknown[] = Array.isArray(result) ? result : [result];
    const texts = contract.results.map((type, index) => textOf(type, values[index]));
    if (texts.includes(undefined)) return contractBroken("the guest returned something other than numbers");
    const text = texts.length > 1 ? `[${texts.map((item) => inJson(item ?? "")).join(",")}]` : (texts[0] ?? "");
    return { kind: "returned", output: encoder.encode(text) };
  };
  return enter(guest, body);
}

const descriptions: Readonly<Record<ValueType, string>> = {
  i32: "an integer from -2^31 to 2^32-1",
  i64: "an integer from -2^63 to 2^64-1",
  f32: 'a number up to 3.4e38, whole ones exact, or "NaN", "Infinity", "-Infinity"',
  f64: 'a number up to 1.8e308, whole ones exact, or "NaN", "Infinity", "-Infinity"',
};

function signature({ export: name, params, results }: Scalars): string {
  const count = params.length === 1 ? "1 argument" : `${params.length} arguments`;
  return `${count} for ${name}(${params.join(", ")}) -> (${results.join(", ")})`;
}

function valueOf(type: ValueType, json: string): Value | undefined {
  const text = json.startsWith('"') ? json.slice(1, -1) : json;
  switch (type) {
    case "i32": {
      const integer = integerOf(text, ranges.i32);
      return integer === undefined ? undefined : Number(integer);
    }
    case "i64":
      return integerOf(text, ranges.i64);
    case "f32":
      return floatOf(json, text, Math.fround);
    case "f64":
      return floatOf(json, text, (number) => number);
  }
}

/** Reads an integer however a number may be written: 12, 12.0, 1.2e1; undefined when it is none or out of range. */
function integerOf(text: string, { least, most }: { least: bigint; most: bigint }): bigint | undefined {
  const parts = text.length > maxNumberLength ? null : decimal.exec(text);
  if (parts === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = (whole + fraction).replace(/0+$/, "");
  if (digits === "") return 0n;
  const zeros = Number(exponent) - fraction.length + (whole.length + fraction.length - digits.length);
  // Digits are left after the point, or it is beyond every range before any BigInt is made.
  if (zeros < 0 || zeros > 20) return undefined;
  const integer = BigInt(`${sign}${digits}`) * 10n ** BigInt(zeros);
  return integer >= least && integer <= most ? integer : undefined;
}

const special = new Map([
  ['"NaN"', Number.NaN],
  ['"Infinity"', Number.POSITIVE_INFINITY],
  ['"-Infinity"', Number.NEGATIVE_INFINITY],
]);

function floatOf(json: string, text: string, round: (number: number) => number): number | undefined {
  if (special.has(json)) return special.get(json);
  const parts = text.length > maxNumberLength ? null : decimal.exec(text);
  if (parts === null) return undefined;
  const number = round(Number(text));
  if (!Number.isFinite(number)) return undefined;
  const [, , whole = "", fraction = "", exponent] = parts;
  if (number === 0 && /[1-9]/.test(whole + fraction)) return undefined;
  const isWhole = fraction === "" && exponent === undefined;
  return isWhole && BigInt(text) !== BigInt(number) ? undefined : number;
}

function textOf(type: ValueType, value: unknown): string | undefined {
  if (type === "i64") return typeof value === "bigint" ? value.toString() : undefined;
  if (typeof value !== "number") return undefined;
  if (Object.is(value, -0)) return "-0";
  return type === "f32" ? shortest(value) : String(value);
}

/** An f32 arrives as a double; the fewest digits that name the same f32 are what a person wrote. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return String(candidate);
  }
  return String(Number.isFinite(value) ? Number(value.toPrecision(9)) : value);
}

function inJson(text: string): string {
  return /^-?\d/.test(text) ? text : JSON.stringify(text);
}
