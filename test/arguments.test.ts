import { readArguments } from "../src/arguments.ts";

const read = (text: string, member?: string) => {
  const { json, positional } = readArguments({ text, value: JSON.parse(text) as unknown }, member);
  return positional === undefined ? { json } : { json, positional };
};

describe("readArguments()", () => {
  test.each([
    ["{}", "{}", undefined],
    ['{"a" : 1 , "b":[ true,null ]}', '{"a":1,"b":[true,null]}', undefined],
    ['[1, "x", {"k" : [2]}]', '[1,"x",{"k":[2]}]', ["1", '"x"', '{"k":[2]}']],
    ["[]", "[]", []],
    [" 7 ", "7", ["7"]],
    ['"x"', '"x"', ['"x"']],
    ["true", "true", ["true"]],
    ["null", "null", ["null"]],
    ['{"": [1, 2]}', "[1,2]", ["1", "2"]],
    ['{"": 5}', "5", ["5"]],
    ['{"": {"a": 1}}', '{"a":1}', undefined],
    ['{"": 1, "a": 2}', '{"":1,"a":2}', undefined],
    ['{"a": 2, "": 1}', '{"a":2,"":1}', undefined],
  ])("reads %s", (text, json, positional) => {
    expect(read(text)).toEqual(positional === undefined ? { json } : { json, positional });
  });

  test.each([
    ["9007199254740993"],
    ["-9223372036854775808"],
    ["1e400"],
    ["-1E-400"],
    ["-0"],
    ["-0.0"],
    ["0.1000000000000000055511151231257827"],
    ["123456789.123456789"],
    ["1.7976931348623159e308"],
  ])("passes %s on as it was written, wherever it stands", (number) => {
    expect(read(number)).toEqual({ json: number, positional: [number] });
    expect(read(` [ 1 ,${number} , "a b" ] `)).toEqual({
      json: `[1,${number},"a b"]`,
      positional: ["1", number, '"a b"'],
    });
    expect(read(`{"a":\n${number}, "s": "x \\" , y\\\\"}`)).toEqual({ json: `{"a":${number},"s":"x \\" , y\\\\"}` });
    expect(read(`{"": [${number}]}`)).toEqual({ json: `[${number}]`, positional: [number] });
    expect(read(`{"":${number}}`)).toEqual({ json: number, positional: [number] });
    expect(read(`{"args": {"n": ${number}}, "x": 1}`, "args")).toEqual({ json: `{"n":${number}}` });
  });

  test("never changes a number's value, whichever way is taken", () => {
    const digits = "0123456789";
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    for (let round = 0; round < 5000; round++) {
      const whole = String(1 + random(9)) + Array.from({ length: random(18) }, () => digits[random(10)]).join("");
      const fraction =
        random(2) === 0 ? "" : `.${Array.from({ length: 1 + random(8) }, () => digits[random(10)]).join("")}`;
      const given = `${random(2) === 0 ? "-" : ""}${whole}${fraction}`;
      const { json } = read(`[${given}]`);
      const back = json.slice(1, -1);
      expect(exact(back)).toBe(exact(given));
    }
  });

  test("takes the named member, absent meaning {}", () => {
    expect(read('{"function_name":"f"}', "args")).toEqual({ json: "{}" });
    expect(read('{"x":1e400}', "args")).toEqual({ json: "{}" });
    expect(read('{"args":{"a":"b"}}', "args")).toEqual({ json: '{"a":"b"}' });
    expect(read('{"args":null}', "args")).toEqual({ json: "null", positional: ["null"] });
    expect(read('{"args":1,"args":2}', "args")).toEqual({ json: "2", positional: ["2"] });
    expect(read('{"args":1,"\\u0061rgs":1e400}', "args")).toEqual({ json: "1e400", positional: ["1e400"] });
    expect(read('{"a":{"args":1e400}}', "args")).toEqual({ json: "{}" });
  });

  test("does not take members from the prototype", () => {
    expect(read('{"a":1}', "constructor")).toEqual({ json: "{}" });
  });

  test.each([
    '{"__proto__":{"a":1},"constructor":2,"toJSON":3}',
    '{"__proto__":1e400,"constructor":2,"toJSON":3}',
    '{"a":[{"__proto__":null}]}',
  ])("leaves keys such as __proto__ untouched: %s", (text) => {
    expect(read(text)).toEqual({ json: text });
    expect(read(`{"args":${text}}`, "args")).toEqual({ json: text });
  });

  test("keeps spaces and quotes inside strings", () => {
    const text = '{"a\\"b ":"x : { [ , \\\\", "c": 1e400}';
    expect(read(text).json).toBe('{"a\\"b ":"x : { [ , \\\\","c":1e400}');
  });

  test("reads a large text with suspicious numbers in linear time", () => {
    const text = `{"args":[${'"\\\\\\"",1e400, '.repeat(100_000)}0]}`;
    const { json } = readArguments({ text, value: JSON.parse(text) as unknown }, "args");
    expect(json.length).toBe(13 * 100_000 + 3);
  });

  test.each([
    ["plain", "0"],
    ["as they were written", "1e1"],
  ])("makes no more single parameters than a guest may want: %s", (_title, element) => {
    const many = (count: number) => {
      const text = `[${Array(count).fill(element).join()}]`;
      return readArguments({ text, value: JSON.parse(text) as unknown });
    };
    expect(many(10_000).positional).toHaveLength(10_000);
    const { json } = many(10_001);
    expect(json.startsWith(`[${element},`)).toBe(true);
    expect(() => many(10_001).positional).toThrow("expected at most 10000 arguments without keys");
  });
});

/** Brings a plain decimal into one form: sign, digits without outer zeros, exponent. */
function exact(number: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(number) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const trimmed = digits.replace(/0+$/, "");
  return `${sign}${trimmed}e${Number(exponent) - fraction.length + digits.length - trimmed.length}`;
}
