import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { testGateway } from "../support/gateway.ts";
import { answers, prints } from "../support/guests.ts";
import { fixture } from "../support/wat.ts";

const { client, dataDir, image, registry } = testGateway();

const deployed = async (name: string, module: string | Uint8Array, more: object = {}): Promise<string> => {
  const reference = image(name.toLowerCase(), module);
  await client().mustDeploy({ function_name: name, function_image: reference, ...more });
  return reference;
};

describe("a function's life over HTTP", () => {
  test("is deployed, listed, queried, called and deleted in the words of WasmEngine", async () => {
    const reference = image("greeter", prints("Hello, Budda!\n"));
    const path = join(dataDir, "functions", "hello", "hello.wasm");
    const deploy = await client().deploy({ function_name: "hello", function_image: reference, wasi_cap: true });
    expect(deploy).toMatchObject({
      status: 200,
      text: "status code: 200, message: deploy function hello successfully!\n",
    });
    expect((await client().get("/function/list")).text).toBe(
      `status code: 200, message: all deployed function info: [{func_name: hello, func_image_name: ${reference}, wasi_cap: true}]\n`,
    );
    expect((await client().post("/function/query", { function_name: "hello" })).text).toBe(
      `status code: 200, message: queried function info: FunctionEntry { func_name: "hello", ` +
        `func_image_name: "${reference}", func_local_path: "${path}", wasi_cap: true }\n`,
    );
    expect(readFileSync(path).subarray(0, 4).toString("latin1")).toBe("\0asm");
    expect(statSync(path).nlink).toBe(2);
    expect((await client().invoke("hello")).text).toBe("status code: 200, message: Hello, Budda!");
    expect(await client().remove("hello")).toMatchObject({
      status: 200,
      text: "status code: 200, message: delete function hello successfully!\n",
    });
    for (const answer of [await client().invoke("hello"), await client().remove("hello")]) {
      expect(answer).toMatchObject({
        status: 404,
        text: "status code: 404, message: function hello is not deployed\n",
      });
    }
    expect((await client().get("/function/list")).text).toBe(
      "status code: 200, message: all deployed function info: []\n",
    );
  });

  test("is told in JSON to whoever takes only that", async () => {
    const json = { accept: "application/json" };
    const reference = image("told", answers(7));
    const entry = { func_name: "told", func_image_name: reference, wasi_cap: false };
    const query = { ...entry, func_local_path: join(dataDir, "functions", "told", "told.wasm") };
    const request = { function_name: "told", function_image: reference };
    const tell = async (path: string, body?: unknown): Promise<unknown> =>
      JSON.parse((body === undefined ? await client().get(path, json) : await client().post(path, body, json)).text);
    expect(await tell("/function/deploy", request)).toMatchObject({ status: 200, function: query });
    expect(await tell("/function/list")).toMatchObject({ status: 200, functions: [entry] });
    expect(await tell("/function/query", request)).toMatchObject({ status: 200, function: query });
    expect(await tell("/function/invoke", request)).toMatchObject({ status: 200, result: "[7,7]" });
    expect(await tell("/function/deploy", request)).toMatchObject({ status: 409 });
    expect(await tell("/function/delete", request)).toMatchObject({ status: 200 });
    expect(await tell("/function/query", request)).toMatchObject({ status: 404 });
  });

  test("has a namespace of its own if it wants", async () => {
    const request = { function_name: "spaced", function_image: image("spaced", answers(1)), namespace: "other" };
    await client().mustDeploy(request);
    const path = join(dataDir, "namespaces", "other", "functions", "spaced", "spaced.wasm");
    expect((await client().post("/function/query", request)).text).toContain(`func_local_path: "${path}"`);
    expect((await client().invoke("spaced")).status).toBe(404);
    expect(await client().result("spaced", undefined, { namespace: "other" })).toBe("[1,1]");
    expect((await client().get("/function/list?namespace=other")).text).toContain("func_name: spaced");
    expect((await client().get("/function/list?namespace=openfaas-fn")).text).not.toContain("func_name: spaced");
    expect((await client().post("/function/delete", request)).status).toBe(200);
  });
});

describe("a contract", () => {
  test("of JSON by a pair of numbers returns what was given", async () => {
    await deployed("pair", fixture("json-pointer-echo.wat"));
    expect(await client().result("pair", { arg: "ü", more: "\u0000" })).toBe('{"arg":"ü","more":"\\u0000"}');
    expect(await client().result("pair", '{"n": 9007199254740993}')).toBe('{"n":9007199254740993}');
    expect(await client().result("pair")).toBe("{}");
    expect(await client().result("pair", { "": "keyless" })).toBe('"keyless"');
  });

  test("of JSON by a packed number returns what was given", async () => {
    await deployed("packed", fixture("json-pointer-echo.wat"));
    expect(await client().result("packed", { arg: "x" })).toBe('{"arg":"x"}');
    expect(await client().result("packed", { arg: "y".repeat(100_000) })).toHaveLength(100_010);
  });

  test("of a WASI command gives it its arguments and takes what it prints", async () => {
    await deployed("argv", printsArguments, { wasi_cap: true });
    expect(await client().result("argv", { a: "ü" })).toBe('{"a":"ü"}');
    expect(await client().result("argv", ["one", 2, { three: 3 }])).toBe('one\x002\x00{"three":3}');
    expect(await client().result("argv", "1e400")).toBe("1e400");
  });

  test("of a WASI reactor runs its _initialize before the call", async () => {
    await deployed("reactor", reactor, { wasi_cap: true });
    for (let call = 0; call < 3; call++) expect(await client().result("reactor", [40])).toBe("42");
  });

  test("of numbers takes and returns each type without rounding", async () => {
    await deployed("numbers", numbers);
    expect(await client().result("numbers", "[-2147483648, 9223372036854775807, 0.5, 1e-320]")).toBe(
      "[-2147483648,9223372036854775807,0.5,1e-320]",
    );
    await deployed(
      "next",
      `(module (func (export "next") (param i64) (result i64) (i64.add (local.get 0) (i64.const 1))))`,
    );
    expect(await client().result("next", "9007199254740992")).toBe("9007199254740993");
    expect(await client().result("next", '{"":"9007199254740993"}')).toBe("9007199254740994");
    expect(await client().invoke("next", "18446744073709551616")).toMatchObject({ status: 400 });
    expect(await client().invoke("next", "1.5")).toMatchObject({ status: 400 });
    expect(await client().invoke("next", "[1, 2]")).toMatchObject({ status: 400 });
  });

  test("is chosen by the deploy's export, and one image serves several names", async () => {
    const two = `(module (func (export "one") (result i32) (i32.const 1)) (func (export "two") (result i32) (i32.const 2)))`;
    const reference = await deployed("one", two);
    await client().mustDeploy({ function_name: "two", function_image: reference });
    await client().mustDeploy({ function_name: "other", function_image: reference, export: "two" });
    const refused = await client().deploy({ function_name: "nobody", function_image: reference });
    expect(refused).toMatchObject({ status: 422 });
    expect(refused.text).toMatch(/"export" could be: "?one"? .*"?two"? /);
    expect(await Promise.all(["one", "two", "other"].map((name) => client().result(name)))).toEqual(["1", "2", "2"]);
  });

  test("of WASI is a grant", async () => {
    const reference = image("ungranted", prints("x"));
    const refused = await client().deploy({ function_name: "ungranted", function_image: reference });
    expect(refused.status).toBe(422);
    expect(refused.text).toContain("wasi_cap");
  });
});

test("a guest sees the environment that its deploy gave it, and neither the host's nor the host's files", async () => {
  process.env["WASMGATE_TEST_SECRET"] = "host";
  await deployed("looks", looksAround, { wasi_cap: true, env: { COLOUR: "blue" } });
  delete process.env["WASMGATE_TEST_SECRET"];
  const seen = await client().result("looks");
  // Eight errnos of path_open(fd 3..10, "etc/passwd"), each as a letter after "a" (0, opened): none is.
  expect(seen).toMatch(/^COLOUR=blue\0[b-z]{8}$/);
});

test("a function that was deployed without env sees no environment at all", async () => {
  await deployed("looks-bare", looksAround, { wasi_cap: true });
  expect(await client().result("looks-bare")).toMatch(/^[b-z]{8}$/);
  expect(registry().asked(/passwd/)).toBe(0);
});

const printsArguments = `(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 1024) (i32.const 4096)))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.sub (i32.load (i32.const 4)) (i32.const 1)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))`;

const reactor = `(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $offset (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $offset (i32.add (global.get $offset) (i32.const 2))))
  (func (export "reactor") (param i32) (result i32)
    (drop (call $random (i32.const 0) (i32.const 8))) (i32.add (local.get 0) (global.get $offset))))`;

const numbers = `(module (func (export "numbers") (param i32 i64 f32 f64) (result i32 i64 f32 f64)
  (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`;

/** Prints its environ block, then a letter for what path_open answers on each of the descriptors 3 to 10. */
const looksAround = `(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "etc/passwd")
  (data (i32.const 96) "/etc/passwd")
  (func (export "_start") (local $fd i32) (local $end i32)
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 1024) (i32.const 4096)))
    (local.set $end (i32.add (i32.const 4096) (i32.load (i32.const 4))))
    (local.set $fd (i32.const 3))
    (loop $again
      (i32.store8 (local.get $end) (i32.add (i32.const 97) (i32.rem_u
        (call $path_open (local.get $fd) (i32.const 1) (i32.const 64) (i32.const 10)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32))
        (i32.const 25))))
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $again (i32.le_u (local.get $fd) (i32.const 10))))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.sub (local.get $end) (i32.const 4096)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))`;
