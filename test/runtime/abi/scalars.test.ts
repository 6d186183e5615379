/** Numbers in and out, exact or refused. */
import { callScalars, input } from "../../../src/runtime/abi/scalars.ts";
import type { ValueType } from "../../../src/wasm/contract.ts";
import { wat } from "../../support/wat.ts";
import { text } from "../wasi/ready.ts";

function contractOf(params: readonly ValueType[], results: readonly ValueType[] = []) {
  return { kind: "scalars", wasi: false, export: "f", params, results } as const;
}

/** The value that one argument becomes, or the code of the refusal. */
function read(type: ValueType, json: string): unknown {
  try {
    return input({ json: `[${json}]`, positional: [json] }, contractOf([type])).values[0];
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown ? thrown.code : thrown;
  }
}

/** What a real guest answers that gives its arguments back. */
function echo(types: readonly ValueType[], ...positional: string[]): string | undefined {
  const contract = contractOf(types, types);
  const gets = types.map((_, index) => `(local.get ${index})`).join(" ");
  const module = wat(`(module (func (export "f") (param ${types.join(" ")}) (result ${types.join(" ")}) ${gets}))`);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
  const outcome = callScalars({ exports }, { contract, input: input({ json: "", positional }, contract) });
  return outcome.kind === "returned" ? text(outcome.output) : undefined;
}

describe("input()", () => {
  test.each([
    ["i32", "0", 0],
    ["i32", "-2147483648", -2147483648],
    ["i32", "4294967295", 4294967295],
    ["i32", '"42"', 42],
    ["i32", "12.0", 12],
    ["i32", "1.2e1", 12],
    ["i32", "1200e-2", 12],
    ["i32", "-0", 0],
    ["i32", "0e999999999", 0],
    ["i64", "9007199254740993", 9007199254740993n],
    ["i64", "-9223372036854775808", -9223372036854775808n],
    ["i64", "18446744073709551615", 18446744073709551615n],
    ["i64", '"9007199254740993"', 9007199254740993n],
    ["i64", "1e18", 10n ** 18n],
    ["f64", "0.1", 0.1],
    ["f64", "-0", -0],
    ["f64", "1.7976931348623157e308", Number.MAX_VALUE],
    ["f64", "9007199254740992", 2 ** 53],
    ["f64", "9007199254740993.0", 2 ** 53],
    ["f64", '"NaN"', Number.NaN],
    ["f64", '"-Infinity"', Number.NEGATIVE_INFINITY],
    ["f32", "0.1", Math.fround(0.1)],
    ["f32", "16777216", 16777216],
    ["f32", '"Infinity"', Number.POSITIVE_INFINITY],
  ] as const)("reads an %s from %s", (type, json, value) => {
    expect(read(type, json)).toBe(value);
  });

  test.each([
    ["i32", "-2147483649"],
    ["i32", "4294967296"],
    ["i32", "1.5"],
    ["i32", "1e400"],
    ["i32", "1e999999999999"],
    ["i32", "1e-1"],
    ["i32", "true"],
    ["i32", "null"],
    ["i32", "[1]"],
    ["i32", '"NaN"'],
    ["i32", '""'],
    ["i32", '" 1"'],
    ["i32", '"0x10"'],
    ["i32", '"1_0"'],
    ["i32", '"+1"'],
    ["i32", '"01"'],
    ["i64", "-9223372036854775809"],
    ["i64", "18446744073709551616"],
    ["i64", "9".repeat(1000)],
    ["i64", "9".repeat(1_000_000)],
    ["f64", "1e400"],
    ["f64", "1e-400"],
    ["f64", "9007199254740993"],
    ["f64", "1" + "0".repeat(400)],
    ["f64", `0.${"1".repeat(1_000_000)}`],
    ["f64", '"nan"'],
    ["f64", "{}"],
    ["f32", "1e39"],
    ["f32", "1e-50"],
    ["f32", "16777217"],
  ] as const)("refuses what an %s cannot hold: %.40s", (type, json) => {
    expect(read(type, json)).toBe("INVALID_REQUEST");
  });

  test("says the signature and what came", () => {
    const contract = contractOf(["i32", "i64"], ["f64"]);
    expect(() => input({ json: "[1]", positional: ["1"] }, contract)).toThrow(
      "expected 2 arguments for f(i32, i64) -> (f64), got 1",
    );
    expect(() => input({ json: '{"a":1}' }, contract)).toThrow("got a keyed object");
    expect(() => input({ json: "[1,2.5]", positional: ["1", "2.5"] }, contract)).toThrow(
      "argument 1 is no i64 (an integer from -2^63 to 2^64-1): 2.5",
    );
    expect(() => input({ json: "", positional: ["1", "9".repeat(1000)] }, contract)).toThrow(/: 9{60}…$/);
  });

  test("needs no arguments where the export takes none", () => {
    expect(input({ json: "{}" }, contractOf([])).values).toEqual([]);
    expect(input({ json: "[]", positional: [] }, contractOf([])).values).toEqual([]);
    expect(() => input({ json: '{"a":1}' }, contractOf([]))).toThrow("keyed");
    expect(() => input({ json: "{}" }, contractOf(["i32"]))).toThrow("keyed");
  });
});

describe("callScalars()", () => {
  test("answers one result as its decimal text", () => {
    expect(echo(["i32"], "4294967295")).toBe("-1");
    expect(echo(["i64"], "9007199254740993")).toBe("9007199254740993");
    expect(echo(["i64"], "18446744073709551615")).toBe("-1");
    expect(echo(["f64"], "0.1")).toBe("0.1");
    expect(echo(["f64"], "-0")).toBe("-0");
    expect(echo(["f64"], '"NaN"')).toBe("NaN");
    expect(echo(["f64"], '"-Infinity"')).toBe("-Infinity");
  });

  test("answers an f32 with the fewest digits that read back as it", () => {
    for (const json of ["0.1", "3.4028235e+38", "1.1754944e-38", "16777216", "1e-45", "0.33333334", "-7.25"]) {
      expect(echo(["f32"], json)).toBe(json);
    }
    expect(echo(["f32"], "0.10000000149011612")).toBe("0.1");
    expect(echo(["f32"], '"Infinity"')).toBe("Infinity");
    expect(echo(["f32"], '"NaN"')).toBe("NaN");
  });

  test("answers several results as a JSON array, and none as nothing", () => {
    const answer = echo(["i64", "f32", "f64", "i32"], "9223372036854775807", "0.1", '"NaN"', "-1");
    expect(answer).toBe('[9223372036854775807,0.1,"NaN",-1]');
    expect(() => void JSON.parse(answer ?? "")).not.toThrow();
    expect(echo([])).toBe("");
  });

  test("names a trap", () => {
    const module = wat(`(module (func (export "f") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0))))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
    const contract = contractOf(["i32"], ["i32"]);
    const call = { contract, input: input({ json: "0", positional: ["0"] }, contract) };
    expect(callScalars({ exports }, call)).toMatchObject({ kind: "trapped", trap: "integer divide by zero" });
  });

  test("refuses results that are not the contract's", () => {
    const module = wat(`(module (func (export "f") (result i32) (i32.const 1)))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
    const contract = contractOf([], ["i64"]);
    expect(callScalars({ exports }, { contract, input: { kind: "scalars", values: [] } })).toMatchObject({
      code: "GUEST_CONTRACT_BROKEN",
    });
  });
});
