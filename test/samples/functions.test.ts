import { answersAsDocumented, refusesHalfSurrogates, type Ask } from "./authentication.ts";
import { build, compile, describeSample } from "./build.ts";
import { callScalars, callText, runCommand, runReactor } from "./call.ts";

const sample = (language: string, name: string): string => `functions/${language}/${name}/build/${name}.wasm`;

build("functions/build.mk", "functions");

describe.each(["c", "assemblyscript"])("%s", (language) => {
  describeSample(sample(language, "authentication"), (path) => {
    const ask: Ask = async (texts) => {
      const module = await compile(path);
      return Promise.all(texts.map((text) => callText(module, "authentication", text)));
    };
    answersAsDocumented(ask);
    refusesHalfSurrogates(ask);
  });

  describeSample(sample(language, "echo_string"), (path) => {
    test("returns its input and a b", async () => {
      expect(await callText(await compile(path), "echo_string", '{"a":"é😀"}')).toBe('{"a":"é😀"}b');
    });

    test("returns nothing but the b to nothing", async () => {
      expect(await callText(await compile(path), "echo_string", "")).toBe("b");
    });

    test("returns a megabyte", async () => {
      const text = JSON.stringify({ a: "x".repeat(1 << 20) });
      expect(await callText(await compile(path), "echo_string", text)).toBe(`${text}b`);
    });
  });

  describeSample(sample(language, "factorial"), (path) => {
    test("is exact up to the end of 64 bits", async () => {
      const module = await compile(path);
      const results = [0n, 1n, 5n, 20n].map((n) => callScalars(module, "factorial", [n]));
      expect(await Promise.all(results)).toEqual([1n, 1n, 120n, 2432902008176640000n]);
    });

    test("traps behind it, and below zero", async () => {
      const module = await compile(path);
      await expect(callScalars(module, "factorial", [21n])).rejects.toThrow("unreachable");
      await expect(callScalars(module, "factorial", [-1n])).rejects.toThrow("unreachable");
    });
  });

  describeSample(sample(language, "hypotenuse"), (path) => {
    test("takes and returns numbers with a fraction", async () => {
      const module = await compile(path);
      expect(await callScalars(module, "hypotenuse", [3, 4])).toBe(5);
      expect(await callScalars(module, "hypotenuse", [1, 1])).toBe(Math.SQRT2);
    });
  });
});

describe.each(["c", "assemblyscript", "go"])("%s", (language) => {
  describeSample(sample(language, "hello"), (path) => {
    test("greets", () => {
      expect(runCommand(path, [["{}"]])).toEqual([{ result: 0, stdout: "Hello, Budda!\n", stderr: "" }]);
    });
  });
});

describeSample(sample("assemblyscript", "add_one"), (path) => {
  test("adds one and wraps around", async () => {
    const module = await compile(path);
    const results = [41, -1, 2147483647].map((number) => callScalars(module, "add_one", [number]));
    expect(await Promise.all(results)).toEqual([42, 0, -2147483648]);
  });
});

const pairs = [
  [12, 18],
  [18, 12],
  [-12, 18],
  [17, 5],
  [0, 9],
  [9, 0],
  [0, 0],
  [-2147483648, 6],
] as const;
const divisors = [6, 6, 6, 1, 9, 9, 0, 2];

describeSample(sample("c", "gcd"), (path) => {
  test("finds the greatest common divisor whatever the signs", async () => {
    const module = await compile(path);
    expect(await Promise.all(pairs.map((pair) => callScalars(module, "gcd", pair)))).toEqual(divisors);
  });
});

describeSample(sample("go", "gcd"), (path) => {
  test("finds the greatest common divisor once initialized", () => {
    expect(runReactor(path, "gcd", pairs).map(({ result }) => result)).toEqual(divisors);
  });
});

describeSample(sample("go", "echo_string"), (path) => {
  test("prints its argument and a b", () => {
    expect(runCommand(path, [['{"a":"é😀"}']])).toEqual([{ result: 0, stdout: '{"a":"é😀"}b\n', stderr: "" }]);
  });
});

describeSample(sample("go", "authentication"), (path) => {
  answersAsDocumented(async (texts) => {
    const ended = runCommand(
      path,
      texts.map((text) => [text]),
    );
    return ended.map(({ stdout }) => stdout.replace(/\n$/, ""));
  });

  test("exits with 1 and says so on stderr when there is more than the JSON", () => {
    expect(runCommand(path, [["authentication", "{}"]])).toEqual([
      { result: 1, stdout: "", stderr: "authentication: expected one argument, the JSON, got 2\n" },
    ]);
  });
});
