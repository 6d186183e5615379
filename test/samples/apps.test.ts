import { answersAsDocumented, refusesHalfSurrogates, type Ask } from "./authentication.ts";
import { build, compile, describeSample } from "./build.ts";
import { callScalars, callText, runCommand } from "./call.ts";

const folder = "experiments/application";
const library = (name: string): string => `${folder}/${name}/target/wasm32-unknown-unknown/release/${name}.wasm`;
const command = (name: string): string => `${folder}/${name}/target/wasm32-wasi/release/${name}.wasm`;

build(`${folder}/build.mk`, "apps");

describeSample(library("authentication"), (path) => {
  const ask: Ask = async (texts) => {
    const module = await compile(path);
    return Promise.all(texts.map((text) => callText(module, "authentication", text)));
  };
  answersAsDocumented(ask);
  refusesHalfSurrogates(ask);
});

describeSample(command("authentication-wasi"), (path) => {
  const ask: Ask = async (texts) => {
    const ended = runCommand(
      path,
      texts.map((text) => [text]),
    );
    return ended.map(({ stdout }) => stdout.replace(/\n$/, ""));
  };
  answersAsDocumented(ask);
  refusesHalfSurrogates(ask);

  test("exits with 1 and says so on stderr when there is more than the JSON", () => {
    expect(runCommand(path, [["authentication-wasi", "{}"]])).toEqual([
      { result: 1, stdout: "", stderr: "authentication-wasi: expected one argument, the JSON, got 2\n" },
    ]);
  });
});

describeSample(command("hello"), (path) => {
  test("greets", () => {
    expect(runCommand(path, [["{}"]])).toEqual([{ result: 0, stdout: "Hello, Budda!\n", stderr: "" }]);
  });
});

describeSample(command("fibonacci"), (path) => {
  test("prints the number at the place in argv[0]", () => {
    const ended = runCommand(path, [["0"], ["1"], ["2"], ["10"], ["25"]]);
    expect(ended.map(({ stdout }) => stdout)).toEqual(["0\n", "1\n", "1\n", "55\n", "75025\n"]);
  });

  test("exits with 1 and names what came when it is no such number", () => {
    const places = ["{}", "", "-1", "1.5", "94", "18446744073709551616"];
    const ended = runCommand(
      path,
      places.map((place) => [place]),
    );
    expect(ended).toEqual(
      places.map((place) => ({
        result: 1,
        stdout: "",
        stderr: `fibonacci: expected a whole number from 0 to 93, got ${JSON.stringify(place)}\n`,
      })),
    );
  });
});

describeSample(library("echo_string"), (path) => {
  test("returns its input and a b", async () => {
    expect(await callText(await compile(path), "echo_string", '{"a":"é😀"}')).toBe('{"a":"é😀"}b');
  });

  test("returns a megabyte", async () => {
    const text = JSON.stringify({ a: "x".repeat(1 << 20) });
    expect(await callText(await compile(path), "echo_string", text)).toBe(`${text}b`);
  });
});

describeSample(library("add_one"), (path) => {
  test("adds one and wraps around", async () => {
    const module = await compile(path);
    const results = [41, -1, 2147483647].map((number) => callScalars(module, "add_one", [number]));
    expect(await Promise.all(results)).toEqual([42, 0, -2147483648]);
  });
});

describeSample(`${folder}/gcd/build/gcd.wasm`, (path) => {
  test("finds the greatest common divisor whatever the signs", async () => {
    const module = await compile(path);
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
    const results = pairs.map((pair) => callScalars(module, "gcd", pair));
    expect(await Promise.all(results)).toEqual([6, 6, 6, 1, 9, 9, 0, 2]);
  });
});
