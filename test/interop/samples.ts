/** The samples that `make apps` and `make functions` build: how each is deployed, and one call with its answer. */

/** One sample, and one call of it. */
export type Sample = {
  /** Where its Dockerfile is, from the repository's top folder. */
  readonly folder: string;
  /** Where its module is, alone in a folder that can be an image's context. */
  readonly module: string;
  readonly wasi: boolean;
  readonly args?: unknown;
  readonly answer: string;
};

const hash = "c5187dd86a648a819f527c7a8a4f7bf4";
const authentication = {
  args: { arg_uri: "yes", arg_body: "yes", arg_secret: "12345" },
  answer: `{"status":"403","body":"<html><h1>Auth Forbidden!</h1><p>hash ${hash} secret 12345</p></html>"}`,
};
const hello = { wasi: true, answer: "Hello, Budda!" };
const echo = { args: { text: "é😀" }, answer: '{"text":"é😀"}b' };
const gcd = { args: [1071, 462], answer: "21" };
const factorial = { args: [20], answer: "2432902008176640000" };
const hypotenuse = { args: [3, 4], answer: "5" };
const addOne = { args: [41], answer: "42" };

type Call = Partial<Pick<Sample, "wasi" | "args">> & Pick<Sample, "answer">;

/** All samples. */
export const samples: readonly Sample[] = [
  app("authentication", "target/wasm32-unknown-unknown/release", authentication),
  app("authentication-wasi", "target/wasm32-wasi/release", { wasi: true, ...authentication }),
  app("hello", "target/wasm32-wasi/release", hello),
  app("fibonacci", "target/wasm32-wasi/release", { wasi: true, args: [20], answer: "6765" }),
  app("echo_string", "target/wasm32-unknown-unknown/release", echo),
  app("add_one", "target/wasm32-unknown-unknown/release", addOne),
  app("gcd", "build", gcd),
  ...["c", "assemblyscript"].flatMap((language) => [
    other(language, "authentication", authentication),
    other(language, "echo_string", echo),
    other(language, "hello", hello),
    other(language, "factorial", factorial),
    other(language, "hypotenuse", hypotenuse),
  ]),
  other("c", "gcd", gcd),
  other("assemblyscript", "add_one", addOne),
  other("go", "authentication", { wasi: true, ...authentication }),
  other("go", "echo_string", { wasi: true, ...echo }),
  other("go", "hello", hello),
  other("go", "gcd", { wasi: true, ...gcd }),
];

function app(name: string, built: string, call: Call): Sample {
  const folder = `experiments/application/${name}`;
  return { folder, module: `${folder}/${built}/${name}.wasm`, wasi: false, ...call };
}

function other(language: string, name: string, call: Call): Sample {
  const folder = `functions/${language}/${name}`;
  return { folder, module: `${folder}/build/${name}.wasm`, wasi: false, ...call };
}
