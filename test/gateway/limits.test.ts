import { running, testGateway } from "../support/gateway.ts";
import { complains, fills, grows, loops, prints, sleeps } from "../support/guests.ts";

const settings = {
  WASMGATE_MEMORY_LIMIT: "4Mi",
  WASMGATE_TIMEOUT: "20s",
  WASMGATE_MAX_OUTPUT: "1Ki",
  WASMGATE_MAX_STDERR: "100",
  WASMGATE_MAX_QUEUE: "3",
  WASMGATE_WORKERS: "1",
};
const { client, image, logged } = testGateway(settings);

const deployed = async (name: string, module: string, more: object = {}): Promise<void> =>
  client().mustDeploy({ function_name: name, function_image: image(name, module), ...more });

describe("memory", () => {
  test("grows to the gateway's limit, a deploy's, or a call's, and not by a page more", async () => {
    await deployed("grows", grows);
    await deployed("modest", grows, { limits: { memory: "1Mi" } });
    expect(await client().result("grows")).toBe("64");
    expect(await client().result("modest")).toBe("16");
    expect(await client().result("grows", {}, { limits: { memory: "192Ki" } })).toBe("3");
    expect(await client().result("modest", {}, { limits: { memory: 65_536 } })).toBe("1");
    // What is left over of a page is none.
    expect(await client().result("modest", {}, { limits: { memory: 5 * 65_536 - 1 } })).toBe("4");
  });

  test("is refused above the limit, at deploy and at invoke", async () => {
    await deployed("low", grows, { limits: { memory: "1Mi" } });
    const reference = image("greedy", grows);
    const greedy = await client().deploy({
      function_name: "greedy",
      function_image: reference,
      limits: { memory: "5Mi" },
    });
    expect(greedy).toMatchObject({
      status: 400,
      text: "status code: 400, message: limits.memory may be at most 4194304 bytes here, got 5242880\n",
    });
    expect((await client().post("/function/query", { function_name: "greedy" })).status).toBe(404);
    expect(await client().invoke("low", {}, { limits: { memory: "2Mi" } })).toMatchObject({
      status: 400,
      text: "status code: 400, message: limits.memory may be at most 1048576 bytes here, got 2097152\n",
    });
  });

  test("that a call leaves too little of to start is refused with what the module needs", async () => {
    await deployed("large", `(module (memory 10) (func (export "f") (result i32) (memory.size)))`);
    expect(await client().result("large")).toBe("10");
    const answer = await client().invoke("large", {}, { limits: { memory: "128Ki" } });
    expect(answer.status).toBe(422);
    expect(answer.text).toMatch(/starts with 10 pages .* limit is 2: .* limits\.memory of 640Ki or more, /);
  });
});

describe("time", () => {
  test("ends a call at the deploy's limit, or at a lower one of the call, as 504", async () => {
    await deployed("slow", loops, { limits: { timeout: "300ms" }, export: "f" });
    expect(await client().invoke("slow")).toMatchObject({
      status: 504,
      text: "status code: 504, message: function slow ran longer than 300 ms\n",
    });
    expect(await client().invoke("slow", {}, { limits: { timeout: "50ms" } })).toMatchObject({
      status: 504,
      text: "status code: 504, message: function slow ran longer than 50 ms\n",
    });
  });

  test("is refused above the limit, at deploy and at invoke", async () => {
    const function_image = image("patient", loops);
    const request = { function_name: "patient", function_image, export: "g" };
    expect(await client().deploy({ ...request, limits: { timeout: "21s" } })).toMatchObject({
      status: 400,
      text: "status code: 400, message: limits.timeout may be at most 20000ms here, got 21000ms\n",
    });
    await client().mustDeploy({ ...request, limits: { timeout: "1s" } });
    expect((await client().invoke("patient", {}, { limits: { timeout: "1001ms" } })).status).toBe(400);
    expect(await client().result("patient", {}, { limits: { timeout: "1s" } })).toBe("1");
  });

  test("cuts a guest that sleeps past its deadline", async () => {
    await deployed("sleeper", sleeps, { wasi_cap: true, limits: { timeout: "100ms" } });
    expect(await client().result("sleeper", [1])).toBe("1");
    expect((await client().invoke("sleeper", [60_000])).status).toBe(504);
  });
});

describe("output", () => {
  test("of exactly the limit is answered, and one byte more is refused", async () => {
    await deployed("fits", prints("x".repeat(1024)), { wasi_cap: true });
    await deployed("spills", prints("x".repeat(1025)), { wasi_cap: true });
    expect(await client().result("fits")).toBe("x".repeat(1024));
    const answer = await client().invoke("spills");
    expect(answer.status).toBe(502);
    expect(answer.text).toMatch(/^status code: 502, message: function spills: .*1024/);
  });

  test("on stderr goes to the log under the function's name, so much of it and no more", async () => {
    await deployed("complains", complains("alas ", 1000), { wasi_cap: true });
    expect(await client().result("complains")).toBe("1000");
    const events = logged().filter(({ message }) => message === "guest stderr");
    expect(events).toEqual([
      {
        level: "info",
        message: "guest stderr",
        fields: { namespace: "openfaas-fn", function: "complains", text: "alas ".repeat(20) },
      },
    ]);
  });
});

describe("a guest that fails", () => {
  test.each([
    ["unreachable", "(unreachable)", "unreachable"],
    ["an access out of bounds", "(i32.load (i32.const 0x7fffffff))", "memory access out of bounds"],
    ["a stack overflow", "(i32.add (call $f) (i32.const 1))", "Maximum call stack size exceeded|stack overflow"],
    ["a division by zero", "(i32.div_s (i32.const 1) (i32.const 0))", "divide by zero"],
  ])("by %s answers 502 with the trap's name", async (title, body, name) => {
    const function_name = title.replaceAll(/[^a-z]/g, "");
    await deployed(function_name, `(module (memory 1) (func $f (export "f") (result i32) ${body}))`);
    const answer = await client().invoke(function_name);
    expect(answer.status).toBe(502);
    expect(answer.text).toMatch(
      new RegExp(`^status code: 502, message: function ${function_name} trapped: .*(?:${name})`),
    );
  });

  test("by an exit answers 502 with its code, and an exit with 0 is an answer", async () => {
    const exits = (code: number): string => `(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const ${code}))))`;
    await deployed("exits", exits(42), { wasi_cap: true });
    await deployed("ends", exits(0), { wasi_cap: true });
    expect(await client().invoke("exits")).toMatchObject({
      status: 502,
      text: "status code: 502, message: function exits exited with code 42\n",
    });
    expect(await client().result("ends")).toBe("");
  });
});

describe("the queue", () => {
  test("refuses what it cannot hold with 429 and a time to wait, and answers what it can", async () => {
    await deployed("waits", sleeps, { wasi_cap: true });
    const first = client().result("waits", [700]);
    await running(client(), 1);
    const rest = await Promise.all(Array.from({ length: 8 }, () => client().invoke("waits", [1])));
    const refused = rest.filter(({ status }) => status === 429);
    expect(rest.filter(({ status }) => status === 200)).toHaveLength(8 - refused.length);
    expect(refused).toHaveLength(5);
    for (const { headers, text } of refused) {
      expect(headers.get("retry-after")).toBe("1");
      expect(text).toMatch(/^status code: 429, message: .* try again later\n$/);
    }
    expect(await first).toBe("700");
  });
});

test("a loop around memory.fill is ended like any other", async () => {
  // 16 MiB do not fit into this gateway's limit, 1 MiB does.
  await deployed("fills", fills.replace("(memory 256)", "(memory 16)").replace("16777216", "1048576"), {
    limits: { timeout: "200ms" },
    export: "f",
  });
  expect((await client().invoke("fills")).status).toBe(504);
});
