import { GatewayError, errorCodes, type ErrorCode } from "../../src/errors.ts";
import { wasmEngine } from "../../src/http/wasmengine.ts";
import supertest from "supertest";
import { rawExchange, StandInCore, startListener } from "../support/listener.ts";

const started = startListener();
const startedWithRoom = startListener({ bounds: { maxBodyBytes: 2 ** 20 } });
const { core } = started;
const gateway = () => supertest(started.url);
const post = (path: string, body: unknown) =>
  gateway()
    .post(path)
    .type("text/plain")
    .send(typeof body === "string" ? body : JSON.stringify(body));
const invoke = (body: unknown) => post("/function/invoke", body);
const line = (status: number, message: string) => `status code: ${status}, message: ${message}\n`;

beforeEach(async () => {
  core.records.clear();
  core.deploys.length = 0;
  core.invokes.length = 0;
  core.result = () => Buffer.from("result");
  await post("/function/deploy", { function_name: "f", function_image: "127.0.0.1:5000/f:v1" });
});

describe("the curl session of WasmEngine's README", () => {
  /** What curl sends for `--header 'Content-Type: application/json' --header 'Content-Type: text/plain' --data-raw …`. */
  const curl = async (method: string, path: string, body?: string) => {
    const length = body === undefined ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    const types = "Content-Type: application/json\r\nContent-Type: text/plain\r\n";
    const head = `${method} ${path} HTTP/1.1\r\nHost: localhost:10000\r\nUser-Agent: curl/7.79.1\r\nAccept: */*\r\n`;
    const answered = await rawExchange(started.port, `${head}${types}${length}Connection: close\r\n\r\n${body ?? ""}`);
    const [headers = "", ...rest] = answered.split("\r\n\r\n");
    expect(headers).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain; charset=utf-8\r\n/);
    return rest.join("\r\n\r\n");
  };

  test("is answered byte for byte", async () => {
    core.records.clear();
    const image = "127.0.0.1:5000/authentication-wasm:v4";
    expect(
      await curl(
        "POST",
        "/function/deploy",
        `{\n    "function_name": "authentication",\n    "function_image": "${image}",\n    "wasi_cap": false\n}`,
      ),
    ).toBe("status code: 200, message: deploy function authentication successfully!\n");
    expect(
      await curl(
        "POST",
        "/function/deploy",
        '{ "function_name": "hello", "function_image": "127.0.0.1:5000/hello-wasm:v2", "wasi_cap": true }',
      ),
    ).toBe("status code: 200, message: deploy function hello successfully!\n");
    expect(core.deploys[1]).toMatchObject({
      namespace: "openfaas-fn",
      name: "authentication",
      image: { text: image, registry: "127.0.0.1:5000", repository: "authentication-wasm", tag: "v4" },
      wasiCap: false,
      limits: {},
      env: {},
      labels: {},
      update: false,
    });
    expect(await curl("GET", "/function/list")).toBe(
      "status code: 200, message: all deployed function info: [" +
        `{func_name: authentication, func_image_name: ${image}, wasi_cap: false}, ` +
        "{func_name: hello, func_image_name: 127.0.0.1:5000/hello-wasm:v2, wasi_cap: true}]\n",
    );
    expect(await curl("POST", "/function/query", '{ "function_name": "authentication" }')).toBe(
      `status code: 200, message: queried function info: FunctionEntry { func_name: "authentication", func_image_name: "${image}", ` +
        'func_local_path: "/var/lib/wasmengine/functions/authentication/authentication.wasm", wasi_cap: false }\n',
    );
    const result = '{"status":"403","body":"<html>…</html>"}';
    core.result = () => Buffer.from(result);
    expect(
      await curl(
        "POST",
        "/function/invoke",
        '{ "function_name": "authentication", "args": {"arg_uri": "yes", "arg_body": "yes", "arg_secret": "12345"} }',
      ),
    ).toBe(Buffer.from(`status code: 200, message: ${result}`).toString("latin1"));
    expect(core.invokes).toEqual([
      {
        namespace: "openfaas-fn",
        name: "authentication",
        args: { json: '{"arg_uri":"yes","arg_body":"yes","arg_secret":"12345"}' },
        limits: {},
        signal: expect.any(AbortSignal),
      },
    ]);
    expect(await curl("POST", "/function/delete", '{ "function_name": "hello" }')).toBe(
      "status code: 200, message: delete function hello successfully!\n",
    );
    expect([...core.records.keys()]).toEqual(["openfaas-fn/authentication"]);
  });

  test("lists nothing as an empty list", async () => {
    core.records.clear();
    expect(await curl("GET", "/function/list")).toBe(line(200, "all deployed function info: []"));
  });
});

describe("deploy", () => {
  const deploy = (more: object) => post("/function/deploy", { function_name: "g", function_image: "hello", ...more });

  test("passes namespace, limits, env, labels, export and update on", async () => {
    await deploy({
      namespace: "team-a",
      wasi_cap: true,
      export: "run",
      limits: { memory: "64Mi", timeout: "500ms" },
      env: { LOG_LEVEL: "debug", "dotted.name": "" },
      labels: { "com.example/tier": "gold" },
      update: true,
      something_else: [1],
    }).expect(200, line(200, "deploy function g successfully!"));
    expect(core.deploys.at(-1)).toEqual({
      namespace: "team-a",
      name: "g",
      image: expect.objectContaining({ text: "hello", registry: "docker.io", repository: "library/hello" }),
      wasiCap: true,
      exportName: "run",
      limits: { memoryBytes: 64 * 2 ** 20, timeoutMs: 500 },
      env: { LOG_LEVEL: "debug", "dotted.name": "" },
      labels: { "com.example/tier": "gold" },
      update: true,
    });
    await deploy({ limits: { memory: 131_072 } }).expect(200);
    expect(core.deploys.at(-1)?.limits).toEqual({ memoryBytes: 131_072 });
  });

  test("of a name that exists is 409, and an update is not", async () => {
    await deploy({ function_name: "f" }).expect(409, line(409, "function f is already deployed"));
    await deploy({ function_name: "f", update: true }).expect(200);
  });

  const nameForm =
    "expected a name of 1 to 63 letters, digits, - and _ that begins and ends with a letter or digit, got";
  const durationForm = "expected a duration with its unit, such as 500ms, 10s, 5m or 1h30m, and 1ms at least, got";
  const sizeForm =
    "expected a size in bytes, such as 65536, 256Ki, 64Mi, 1Gi or 10M, and one page (64Ki) at least, got";
  test.each([
    [{ function_name: undefined }, `function_name: ${nameForm} nothing`],
    [{ function_name: 7 }, `function_name: ${nameForm} 7`],
    [{ function_name: "" }, `function_name: ${nameForm} ""`],
    [{ function_name: "-f" }, `function_name: ${nameForm} "-f"`],
    [{ function_name: "f_" }, `function_name: ${nameForm} "f_"`],
    [{ function_name: "a/../b" }, `function_name: ${nameForm} "a/../b"`],
    [{ function_name: "f\n" }, `function_name: ${nameForm} "f\\n"`],
    [{ function_name: "a".repeat(64) }, `function_name: ${nameForm} "${"a".repeat(60)}"…`],
    [{ namespace: null }, `namespace: ${nameForm} null`],
    [{ namespace: "a.b" }, `namespace: ${nameForm} "a.b"`],
    [
      { function_image: undefined },
      "function_image: expected an image reference such as 127.0.0.1:5000/hello-wasm:v2, got nothing",
    ],
    [{ wasi_cap: "true" }, 'wasi_cap: expected true or false, got "true"'],
    [{ update: 1 }, "update: expected true or false, got 1"],
    [{ export: "" }, 'export: expected the name of an export, 1 to 1024 characters, got ""'],
    [{ limits: [] }, "limits: expected an object with memory or timeout, got a list"],
    [{ limits: { memry: "1Mi" } }, 'limits: expected only memory and timeout, got "memry"'],
    [{ limits: { timeout: "10" } }, `limits.timeout: ${durationForm} "10"`],
    [{ limits: { timeout: 10 } }, `limits.timeout: ${durationForm} 10`],
    [{ limits: { timeout: "0s" } }, `limits.timeout: ${durationForm} "0s"`],
    [{ limits: { memory: "1Ki" } }, `limits.memory: ${sizeForm} "1Ki"`],
    [{ limits: { memory: 100_000.5 } }, `limits.memory: ${sizeForm} 100000.5`],
    [{ limits: { memory: null } }, `limits.memory: ${sizeForm} null`],
    [{ env: [] }, "env: expected an object whose values are strings, got a list"],
    [{ env: null }, "env: expected an object whose values are strings, got null"],
    [{ env: { A: 1 } }, "env.A: expected a string, got 1"],
    [
      { env: { "1A": "" } },
      'env: expected names of letters, digits, _ - and . that do not begin with a digit, got "1A"',
    ],
    [
      { env: { "A=B": "" } },
      'env: expected names of letters, digits, _ - and . that do not begin with a digit, got "A=B"',
    ],
    [{ env: { A: "x\0y" } }, 'env.A: expected text without NUL or lone surrogates, got "x\\u0000y"'],
    [{ env: { A: "x".repeat(40_000) } }, "env.A: expected at most 32768 characters, got 40000"],
    [
      { env: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`A${i}`, ""])) },
      "env: expected at most 256 entries, got 257",
    ],
    [{ labels: { "": "x" } }, 'labels: expected keys such as tier or com.example/tier, got ""'],
    [{ labels: { a: {} } }, "labels.a: expected a string, got an object"],
  ])("refuses %j", async (more, message) => {
    core.deploys.length = 0;
    await deploy(more).expect(400, line(400, message));
    expect(core.deploys).toEqual([]);
  });

  test("refuses env entries named __proto__, which a copy would lose", async () => {
    const response = await post(
      "/function/deploy",
      '{"function_name":"g","function_image":"x","env":{"__proto__":"1"}}',
    );
    expect(response.status).toBe(400);
    expect(response.text).toContain('got "__proto__"');
  });

  test("refuses env that is long in all", async () => {
    const env = (entries: number) =>
      Object.fromEntries(Array.from({ length: entries }, (_, index) => [`A${index + 10}`, "x".repeat(1000)]));
    await deploy({ env: env(50) }).expect(200);
    const refused = await supertest(startedWithRoom.url)
      .post("/function/deploy")
      .send({ function_name: "g", function_image: "x", env: env(200) });
    expect([refused.status, refused.text]).toEqual([
      400,
      line(400, "env: expected at most 131072 characters in all, got 200710"),
    ]);
  });

  test("says what is wrong with an image", async () => {
    const response = await deploy({ function_image: "127.0.0.1:5000/UPPER case" });
    expect(response.status).toBe(400);
    expect(response.text).toMatch(/^status code: 400, message: .+\n$/);
    expect(core.deploys).toHaveLength(1);
  });
});

describe("bodies", () => {
  test.each([
    ["", "expected a JSON object, got an empty body"],
    ["[]", "expected a JSON object with function_name, got a list"],
    ["null", "expected a JSON object with function_name, got null"],
    ['"f"', 'expected a JSON object with function_name, got "f"'],
  ])("refuses %j", async (body, message) => {
    await post("/function/query", body).expect(400, line(400, message));
  });

  test.each(["{", "function_name=f", "{'function_name':'f'}"])("refuses %j, which is no JSON", async (body) => {
    const response = await post("/function/query", body);
    expect(response.status).toBe(400);
    expect(response.text).toMatch(/^status code: 400, message: expected JSON, got something else: .+\n$/);
  });

  test("refuses what is not UTF-8", async () => {
    const body = Buffer.from('{"function_name":"f","args":"\xff"}', "latin1");
    const answered = await rawExchange(
      started.port,
      `POST /function/invoke HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
      body,
    );
    expect(answered).toContain(line(400, "expected JSON in UTF-8, got other bytes"));
  });

  test.each([
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
    "text/html; charset=utf-16",
    "nonsense",
  ])("are JSON when they say %s", async (type) => {
    const headers = { "content-type": type };
    const response = await fetch(`${started.url}/function/query`, {
      method: "POST",
      headers,
      body: '{"function_name":"f"}',
    });
    expect(response.status).toBe(200);
  });

  test("may begin with a byte order mark", async () => {
    await post("/function/query", '\uFEFF{"function_name":"f"}').expect(200);
  });

  test("in another encoding are refused", async () => {
    const response = await post("/function/query", '{"function_name":"f"}').set("content-encoding", "gzip");
    expect([response.status, response.text]).toEqual([
      400,
      line(400, "expected a body without Content-Encoding, got gzip"),
    ]);
  });
});

describe("query and delete", () => {
  test("of a function that is not deployed are 404", async () => {
    for (const path of ["/function/query", "/function/delete"]) {
      await post(path, { function_name: "nope" })
        .expect("content-type", "text/plain; charset=utf-8")
        .expect(404, line(404, "function nope is not deployed"));
    }
  });

  test("look in the namespace that is named", async () => {
    await post("/function/deploy", { function_name: "g", function_image: "x", namespace: "other" });
    await post("/function/query", { function_name: "g" }).expect(404);
    await post("/function/query", { function_name: "g", namespace: "other" }).expect(200);
    await post("/function/delete", { function_name: "g", namespace: "other" }).expect(200);
    expect([...core.records.keys()]).toEqual(["openfaas-fn/f"]);
  });

  test("quote strings as Rust's Debug does", async () => {
    const record = core.get("f", "openfaas-fn");
    core.records.set("openfaas-fn/f", { ...record, image: 'a"b\\c\n\u0001\u007fé' });
    const response = await post("/function/query", { function_name: "f" });
    expect(response.text).toContain('func_image_name: "a\\"b\\\\c\\n\\u{1}\\u{7f}é", ');
  });
});

describe("list", () => {
  test("shows all namespaces, or the one that is asked for", async () => {
    await post("/function/deploy", { function_name: "g", function_image: "x", namespace: "other" });
    const all = await gateway().get("/function/list");
    expect(all.text).toContain("{func_name: f, ");
    expect(all.text).toContain("{func_name: g, ");
    await gateway()
      .get("/function/list?namespace=other")
      .expect(200, line(200, "all deployed function info: [{func_name: g, func_image_name: x, wasi_cap: false}]"));
    const refused = await gateway().get("/function/list?namespace=a/b");
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("namespace: expected a name")]);
  });

  test("answers HEAD without a body", async () => {
    const head = await fetch(`${started.url}/function/list`, { method: "HEAD" });
    const get = await fetch(`${started.url}/function/list`);
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String((await get.arrayBuffer()).byteLength));
    expect(await head.text()).toBe("");
  });
});

describe("invoke", () => {
  test.each([
    [undefined, { json: "{}" }],
    ['{"a": "b"}', { json: '{"a":"b"}' }],
    ["[1, 2]", { json: "[1,2]", positional: ["1", "2"] }],
    ["7", { json: "7", positional: ["7"] }],
    ['{"": [3]}', { json: "[3]", positional: ["3"] }],
    ["9007199254740993", { json: "9007199254740993", positional: ["9007199254740993"] }],
    ['{"n": 1e400}', { json: '{"n":1e400}' }],
    ['{"__proto__": {"a": 1}}', { json: '{"__proto__":{"a":1}}' }],
  ])("passes the arguments %s on", async (args, expected) => {
    const body = args === undefined ? '{"function_name":"f"}' : `{"function_name":"f", "args": ${args}}`;
    await invoke(body).expect(200);
    const { json, positional } = core.invokes.at(-1)?.args ?? {};
    expect({ json, ...(positional && { positional }) }).toEqual(expected);
  });

  test("passes limits on, and refuses those it does not know", async () => {
    await invoke({ function_name: "f", limits: { timeout: "1s" } }).expect(200);
    expect(core.invokes.at(-1)?.limits).toEqual({ timeoutMs: 1000 });
    await invoke({ function_name: "f", limits: { tiemout: "1s" } }).expect(
      400,
      line(400, 'limits: expected only memory and timeout, got "tiemout"'),
    );
  });

  test("passes the result's bytes on as they are", async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 10, 200]);
    core.result = () => bytes;
    const response = await fetch(`${started.url}/function/invoke`, { method: "POST", body: '{"function_name":"f"}' });
    const got = Buffer.from(await response.arrayBuffer());
    expect(got).toEqual(Buffer.concat([Buffer.from("status code: 200, message: "), bytes]));
    expect(response.headers.get("content-length")).toBe(String(got.length));
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("answers an empty result", async () => {
    core.result = () => new Uint8Array();
    await invoke({ function_name: "f" }).expect(200, "status code: 200, message: ");
  });

  test.each(['{"1":', '{"a":', "["])(
    "takes %s nested 999 deep, with every kind of number, and no deeper",
    async (opening) => {
      const close = opening === "[" ? "]" : "}";
      for (const leaf of ["1", "1e400", '"[[[{{{"', `"${"[".repeat(3000)}"`]) {
        const nested = (levels: number) => opening.repeat(levels) + leaf + close.repeat(levels);
        const body = (levels: number) => `{"function_name":"f","args":${nested(levels)}}`;
        await invoke(body(999)).expect(200);
        expect(core.invokes.at(-1)?.args.json).toBe(nested(999));
        await invoke(body(1000)).expect(400, line(400, "expected JSON of at most 1000 levels, got more"));
      }
    },
  );

  test("refuses a body full of brackets", async () => {
    await invoke("[".repeat(60_000)).expect(400, line(400, "expected JSON of at most 1000 levels, got more"));
  });

  test("answers the same by node:http and by Express", async () => {
    for (const body of ['{"function_name":"f","args":[1]}', '{"function_name":"nope"}', "{", '{"function_name":1}']) {
      const [hot, slow] = await Promise.all(["/function/invoke", "/function/invoke?"].map((path) => post(path, body)));
      const of = (response: typeof hot) => {
        const { date: _date, ...headers } = response?.headers ?? {};
        return { status: response?.status, text: response?.text, headers };
      };
      expect(of(slow)).toEqual(of(hot));
    }
  });
});

describe("clients that take JSON only", () => {
  const json = (path: string, body: unknown) => post(path, body).set("accept", "application/json");

  test("get the same facts as JSON", async () => {
    const path = "/var/lib/wasmengine/functions/g/g.wasm";
    const g = { func_name: "g", func_image_name: "x", func_local_path: path, wasi_cap: false };
    await json("/function/deploy", { function_name: "g", function_image: "x" })
      .expect("content-type", "application/json")
      .expect(200, { status: 200, message: "deploy function g successfully!", function: g });
    await json("/function/query", { function_name: "g" }).expect(200, {
      status: 200,
      message: "queried function info",
      function: g,
    });
    await gateway()
      .get("/function/list")
      .set("accept", "application/json")
      .expect(200, {
        status: 200,
        message: "all deployed function info",
        functions: [
          { func_name: "f", func_image_name: "127.0.0.1:5000/f:v1", wasi_cap: false },
          { func_name: "g", func_image_name: "x", wasi_cap: false },
        ],
      });
    core.result = () => Buffer.from('\uFEFF{"a":"é\n"}');
    await json("/function/invoke", { function_name: "g" }).expect(200, {
      status: 200,
      message: "invoke function g successfully!",
      result: '\uFEFF{"a":"é\n"}',
    });
    await json("/function/delete", { function_name: "g" }).expect(200, {
      status: 200,
      message: "delete function g successfully!",
    });
  });

  test("get refusals as JSON", async () => {
    await json("/function/query", { function_name: "nope" })
      .expect("content-type", "application/json")
      .expect(404, { status: 404, message: "function nope is not deployed" });
    const lost = await gateway().get("/nowhere").set("accept", "application/json");
    expect(lost.body).toEqual({ status: 404, message: expect.stringContaining("no such path") });
  });

  test("get 502 for a result that is not UTF-8", async () => {
    core.result = () => Buffer.from([0xff]);
    const response = await json("/function/invoke", { function_name: "f" });
    expect([response.status, response.body]).toEqual([
      502,
      { status: 502, message: expect.stringContaining("not UTF-8") },
    ]);
  });

  test.each(["*/*", "application/json, text/plain, */*", "text/plain", "text/*, application/json", "text/html"])(
    "are not those that send Accept: %s",
    async (accept) => {
      const response = await post("/function/query", { function_name: "f" }).set("accept", accept);
      expect(response.headers["content-type"]).toBe("text/plain; charset=utf-8");
    },
  );
});

describe("paths and methods", () => {
  test.each([
    "/",
    "/function",
    "/function/",
    "/function/invoke/",
    "/Function/list",
    "/function/lists",
    "/%ff",
    "//function/list",
  ])("%s is 404", async (path) => {
    for (const method of ["GET", "POST", "OPTIONS"]) {
      const answered = await rawExchange(
        started.port,
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      expect(answered).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
      expect(answered).toMatch(
        /\r\n\r\nstatus code: 404, message: no such path here, expected one of POST \/function\/deploy, .*\n$/,
      );
    }
  });

  test.each([
    ["GET", "/function/deploy", "POST"],
    ["PUT", "/function/invoke", "POST"],
    ["GET", "/function/invoke", "POST"],
    ["OPTIONS", "/function/delete", "POST"],
    ["POST", "/function/list", "GET, HEAD"],
    ["DELETE", "/healthz", "GET, HEAD"],
  ])("%s %s is 405 with Allow: %s", async (method, path, allow) => {
    const response = await fetch(started.url + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.text()).toBe(line(405, `expected ${allow} on ${path}`));
  });

  test("carry no header that names the software", async () => {
    for (const path of ["/function/list", "/nowhere", "/healthz"]) {
      const { headers } = await gateway().get(path);
      expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["x-powered-by"]));
      expect(headers["etag"]).toBeUndefined();
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });
});

describe("failures of the core", () => {
  const expected: Record<ErrorCode, number> = {
    ...{ INVALID_REQUEST: 400, INVALID_REFERENCE: 400, REQUEST_TOO_LARGE: 413, FUNCTION_NOT_FOUND: 404 },
    ...{ FUNCTION_EXISTS: 409, UNAUTHENTICATED: 401, FORBIDDEN: 403, TOO_MANY_ATTEMPTS: 429, IMAGE_NOT_FOUND: 404 },
    ...{ REGISTRY_NOT_ALLOWED: 403, REGISTRY_DENIED: 502, REGISTRY_RATE_LIMITED: 503, REGISTRY_UNAVAILABLE: 502 },
    ...{ DIGEST_MISMATCH: 502, IMAGE_INVALID: 422, IMAGE_UNSUPPORTED: 422, IMAGE_TOO_LARGE: 422, MODULE_INVALID: 422 },
    ...{ MODULE_UNSUPPORTED: 422, MODULE_UNAVAILABLE: 503, GUEST_TRAP: 502, GUEST_EXIT: 502, GUEST_TIMEOUT: 504 },
    ...{ GUEST_OUTPUT_TOO_LARGE: 502, GUEST_CONTRACT_BROKEN: 502, QUEUE_FULL: 429, QUEUE_TIMEOUT: 503 },
    ...{ SHUTTING_DOWN: 503, CALLER_GONE: 499, STORAGE_FULL: 507 },
  };

  test.each(Object.keys(errorCodes) as ErrorCode[])("%s has a status of its own", async (code) => {
    core.result = () => {
      throw new GatewayError(code, `what ${code} says`, { cause: new Error("secret") });
    };
    await invoke({ function_name: "f" }).expect(expected[code], line(expected[code], `what ${code} says`));
  });

  test.each([
    ["QUEUE_FULL", undefined, "1"],
    ["QUEUE_FULL", 2.5, "3"],
    ["QUEUE_TIMEOUT", undefined, "1"],
    ["REGISTRY_RATE_LIMITED", 90, "90"],
    ["GUEST_TIMEOUT", undefined, undefined],
  ] as const)("%s with a wait of %s has Retry-After %s", async (code, retryAfterSeconds, header) => {
    core.result = () => {
      throw new GatewayError(code, "wait", retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
    };
    expect((await invoke({ function_name: "f" })).headers["retry-after"]).toBe(header);
  });

  test("that were not foreseen are 500, hidden from the client and logged under a number", async () => {
    started.logged.length = 0;
    core.result = () => {
      throw new TypeError("secret detail");
    };
    const response = await invoke({ function_name: "f" });
    expect(response.status).toBe(500);
    const requestId = response.headers["x-request-id"] ?? "";
    expect(requestId).toMatch(/^[0-9a-f]{8}-\d+$/);
    expect(response.text).toBe(line(500, `internal error, request id ${requestId}`));
    expect(started.logged).toEqual([
      {
        level: "error",
        message: expect.any(String),
        fields: { requestId, route: "/function/invoke", error: expect.objectContaining({ message: "secret detail" }) },
      },
    ]);
  });
});

test("the table of statuses has no code that does not exist", () => {
  expect(Object.keys(wasmEngine(new StandInCore()).statuses).sort()).toEqual(Object.keys(errorCodes).sort());
});
