import { request } from "node:http";
import { Access } from "../../src/access/access.ts";
import { parseUsers } from "../../src/access/users.ts";
import { rawExchange, startListener } from "../support/listener.ts";
import { basic, userLine } from "../support/users.ts";

const lines = (...more: string[]) =>
  parseUsers(
    [
      userLine("root", "root-password", "read,deploy,invoke"),
      userLine("viewer", "viewer-password", "read"),
      ...more,
    ].join("\n"),
  );
const open = startListener({ allowedHosts: ["faas.example"] });
const guarded = startListener({ access: new Access({ users: lines() }) });
const closed = startListener({ access: new Access({ users: lines("anonymous::") }) });

type Headers = Readonly<Record<string, string>>;

/** fetch() sets Host and the Sec-Fetch headers itself, so this asks with node:http. */
function ask(port: number, target: string, headers: Headers = {}, body = '{"function_name":"f"}') {
  const [method = "", path = ""] = target.split(" ");
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const asking = request({ port, host: "127.0.0.1", method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asking.on("error", reject);
    asking.end(method === "POST" ? body : undefined);
  });
}

const control = [
  "POST /function/deploy",
  "POST /function/delete",
  "POST /function/query",
  "GET /function/list",
  "GET /metrics",
];
const free = ["POST /function/invoke", "GET /healthz", "GET /readyz"];

describe("foreign pages and hosts", () => {
  const foreign: Headers[] = [
    { origin: "http://evil.example" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { host: "rebound.example:10000" },
  ];

  test.each(control)("are kept away from %s", async (target) => {
    for (const headers of foreign) {
      const answered = await ask(open.port, target, headers);
      expect(answered).toMatchObject({
        status: 403,
        text: expect.stringMatching(/^status code: 403, message: expected a /),
      });
    }
    expect(open.core.deploys).toEqual([]);
  });

  test.each(free)("are none to %s", async (target) => {
    for (const headers of foreign) expect((await ask(open.port, target, headers)).status).not.toBe(403);
  });

  test.each(["localhost:10000", "[::1]", "faas.example", "10.1.2.3:80"])("are not meant by Host %s", async (host) => {
    expect((await ask(open.port, "GET /function/list", { host })).status).toBe(200);
    expect((await ask(open.port, "GET /function/list", { host, origin: `http://${host}` })).status).toBe(200);
  });

  test("are not meant by a client of HTTP/1.0 without Host", async () => {
    expect(await rawExchange(open.port, "GET /function/list HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 OK/);
  });
});

describe("a file of users", () => {
  const root = { authorization: basic("root", "root-password") };
  const viewer = { authorization: basic("viewer", "viewer-password") };

  test.each(control)("asks callers of %s for a password", async (target) => {
    const answered = await ask(guarded.port, target);
    expect(answered).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'Basic realm="wasmgate", charset="UTF-8"' },
      text: "status code: 401, message: expected a user and password (HTTP Basic), got none\n",
    });
    expect((await ask(guarded.port, target, { authorization: basic("root", "wrong") })).status).toBe(401);
    expect((await ask(guarded.port, target, { authorization: "Bearer" })).status).toBe(401);
    expect([401, 403]).not.toContain((await ask(guarded.port, target, root)).status);
  });

  test("leaves invoke, healthz and readyz open", async () => {
    expect((await ask(guarded.port, "POST /function/invoke")).status).toBe(404);
    expect((await ask(guarded.port, "POST /function/invoke", { authorization: "Bearer" })).status).toBe(404);
    expect((await ask(guarded.port, "GET /healthz")).status).toBe(200);
    expect((await ask(guarded.port, "GET /readyz")).status).toBe(200);
  });

  test("closes invoke when it says so", async () => {
    expect((await ask(closed.port, "POST /function/invoke")).status).toBe(401);
    expect((await ask(closed.port, "POST /function/invoke?")).status).toBe(401);
    expect((await ask(closed.port, "POST /function/invoke", root)).status).toBe(404);
    expect((await ask(closed.port, "POST /function/invoke", viewer)).status).toBe(403);
    expect((await ask(closed.port, "GET /healthz")).status).toBe(200);
  });

  test("gives each user its rights and no more", async () => {
    for (const target of control) {
      const { status } = await ask(guarded.port, target, viewer);
      if (/deploy|delete/.test(target)) expect(status).toBe(403);
      else expect([200, 404]).toContain(status);
    }
  });

  test("is asked before a body is read", async () => {
    const answered = await rawExchange(
      guarded.port,
      "POST /function/deploy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    );
    expect(answered).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
  });

  test("answers 429 with Retry-After after many wrong passwords", async () => {
    const statuses = new Map<number, number>();
    let last: Record<string, unknown> = {};
    for (let count = 0; count < 15; count++) {
      const answered = await ask(guarded.port, "GET /function/list", {
        authorization: basic("root", `guess ${count}`),
      });
      statuses.set(answered.status, (statuses.get(answered.status) ?? 0) + 1);
      last = answered.headers;
    }
    expect(statuses.get(429)).toBeGreaterThan(4);
    expect(Number(last["retry-after"])).toBeGreaterThanOrEqual(1);
    expect((await ask(guarded.port, "POST /function/invoke")).status).toBe(404);
  });
});
