import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Access } from "../../src/access/access.ts";
import { Listener } from "../../src/http/server.ts";
import { wasmEngine } from "../../src/http/wasmengine.ts";
import { Metrics } from "../../src/metrics.ts";
import { rawExchange, StandInCore, startListener } from "../support/listener.ts";

const maxBodyBytes = 100_000;
const started = startListener({
  bounds: { maxBodyBytes, headersTimeoutMs: 300, requestTimeoutMs: 600, checkEveryMs: 50 },
});
const { core } = started;
const paths = ["/function/invoke", "/function/invoke?by=express", "/function/query"];
const head = (path: string, ...headers: string[]) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers.map((header) => `${header}\r\n`).join("")}\r\n`;
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const known = '{"function_name":"f"}';
const fold = (text: string) => text.replaceAll(/\r?\n/g, " | ");

beforeEach(async () => {
  core.result = () => Buffer.from("result");
  await core.deploy({
    ...{ namespace: "openfaas-fn", name: "f", wasiCap: true, limits: {}, env: {}, labels: {}, update: true },
    image: { text: "x", registry: "docker.io", repository: "library/x", tag: "latest" },
  });
});

describe.each(paths)("a body sent to %s", (path) => {
  test("may come in pieces, chunked or counted, as long as the bound", async () => {
    const long = known.padEnd(maxBodyBytes);
    const parts = [long.slice(0, 10), long.slice(10, 70_000), long.slice(70_000)];
    const chunked = await rawExchange(
      started.port,
      head(path, "Transfer-Encoding: chunked", "Connection: close"),
      ...parts.map(chunk),
      "0\r\n\r\n",
    );
    const counted = await rawExchange(
      started.port,
      head(path, `Content-Length: ${long.length}`, "Connection: close"),
      ...parts,
    );
    for (const answered of [chunked, counted]) expect(answered).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test("is 413 before it comes when its length says so", async () => {
    const answered = await rawExchange(started.port, head(path, `Content-Length: ${maxBodyBytes + 1}`));
    expect(fold(answered)).toMatch(
      /^HTTP\/1\.1 413 .*connection: close.*status code: 413, message: expected a body of at most 100000 bytes, got more \| $/i,
    );
  });

  test("is 413 before it comes to a client that waits to be told to go on", async () => {
    const answered = await rawExchange(
      started.port,
      head(path, `Content-Length: ${maxBodyBytes + 1}`, "Expect: 100-continue"),
    );
    expect(answered).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("is asked for when the client waits to be told to go on", async () => {
    const answered = await rawExchange(
      started.port,
      head(path, `Content-Length: ${known.length}`, "Expect: 100-continue", "Connection: close"),
      known,
    );
    expect(answered).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  });

  test("is 413 when more comes than may, and the client still reads the answer", async () => {
    const answered = await rawExchange(
      started.port,
      head(path, "Transfer-Encoding: chunked"),
      ...Array.from({ length: 64 }, () => chunk(" ".repeat(32_768))),
    );
    expect(fold(answered)).toMatch(/^HTTP\/1\.1 413 .*connection: close.*got more \| $/i);
  });

  test("that stops half way is 408 after the time for a request", async () => {
    const answered = await rawExchange(started.port, head(path, "Content-Length: 50"), "{");
    expect(fold(answered)).toMatch(
      /^HTTP\/1\.1 408 .*status code: 408, message: the request did not come in time \| $/,
    );
  });

  test("whose chunks are malformed is 400", async () => {
    const answered = await rawExchange(started.port, head(path, "Transfer-Encoding: chunked"), "zz\r\n");
    expect(fold(answered)).toMatch(/^HTTP\/1\.1 400 .*status code: 400, message: expected a HTTP\/1\.1 request: /);
  });

  test("whose client goes away half way harms nobody", async () => {
    const socket = connect(started.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(head(path, "Content-Length: 50") + "{");
    await sleep(20);
    socket.resetAndDestroy();
    await once(socket, "close");
    const response = await fetch(started.url + path, { method: "POST", body: known });
    expect(response.status).toBe(200);
  });
});

describe("bytes that are no request", () => {
  test.each([
    "nonsense\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  ])("%j are answered and the connection closed", async (bytes) => {
    const answered = await rawExchange(started.port, Buffer.from(bytes, "latin1"));
    expect(answered).toMatch(/^HTTP\/1\.1 (400|505) /);
  });

  test.each(["GET /healthz", "POST /function/invoke", "POST /nowhere"])(
    "without Host are refused in the dialect's words: %s",
    async (line) => {
      const asked = `${line} HTTP/1.1\r\nContent-Length: ${known.length}\r\n\r\n${known}`;
      expect(fold(await rawExchange(started.port, asked))).toMatch(
        /^HTTP\/1\.1 400 .*connection: close .*status code: 400, message: expected a Host header, as every HTTP\/1\.1 request has \| $/,
      );
      const json = `${line} HTTP/1.1\r\nAccept: application/json\r\n\r\n`;
      expect(fold(await rawExchange(started.port, json))).toMatch(
        /\| \{"status":400,"message":"expected a Host .*"\}$/,
      );
    },
  );

  test("without Host are answered where HTTP has none", async () => {
    expect(await rawExchange(started.port, "GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test("say what was expected", async () => {
    const answered = await rawExchange(started.port, "nonsense\r\n\r\n");
    expect(fold(answered)).toMatch(
      /^HTTP\/1\.1 400 Bad Request .*connection: close .*status code: 400, message: expected a HTTP\/1\.1 request: .* \| $/,
    );
  });

  const narrow = startListener({ bounds: { maxBodyBytes, maxConnections: 1 } });

  test("do not hold a connection that their client never closes", async () => {
    const socket = connect({ port: narrow.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write("nonsense\r\n\r\n");
    await once(socket.resume(), "end");
    const reach = () =>
      fetch(`${narrow.url}/healthz`)
        .then(({ status }) => status)
        .catch(() => 0);
    expect(await reach()).toBe(0);
    while ((await reach()) !== 200) await sleep(50);
    socket.destroy();
  });

  test("are 431 when the head is too long", async () => {
    const answered = await rawExchange(started.port, head("/healthz", `X-Long: ${"x".repeat(40_000)}`));
    expect(answered).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("are 408 when the head takes too long", async () => {
    const answered = await rawExchange(started.port, "GET /healthz HTTP/1.1\r\nHost: localh");
    expect(answered).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  });

  test("after a request do not come before its answer", async () => {
    core.result = async () => {
      await sleep(100);
      return Buffer.from("late");
    };
    const asked = head("/function/invoke", `Content-Length: ${known.length}`) + known;
    const answered = await rawExchange(started.port, `${asked}nonsense\r\n\r\n`);
    expect(answered).not.toMatch(/^HTTP\/1\.1 400/);
  });

  test("with two lengths are refused", async () => {
    const answered = await rawExchange(
      started.port,
      head("/function/invoke", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n",
    );
    expect(answered).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("connections", () => {
  test("are kept for many requests, also after refusals", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (const [path, body] of [
      ["/function/invoke", known],
      ["/function/invoke", "{"],
      ["/nowhere", "ignored"],
      ["/function/query", known],
      ["/function/deploy", "{}"],
    ]) {
      await new Promise<void>((resolve, reject) => {
        const asking = request({ port: started.port, path, method: "POST", agent }, (response) => {
          ports.add(asking.socket?.localPort);
          response.resume().on("end", resolve);
        });
        asking.on("error", reject).end(body);
      });
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  test("carry requests that come without waiting for answers", async () => {
    const one = head("/function/invoke", `Content-Length: ${known.length}`) + known;
    const last = head("/function/invoke", `Content-Length: ${known.length}`, "Connection: close") + known;
    core.result = () => sleep(Math.random() * 20, Buffer.from("r"));
    const answered = await rawExchange(started.port, one + one + last);
    expect(answered.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
    expect(answered.match(/message: r/g)).toHaveLength(3);
  });

  test("lost with several answers missing are forgotten", async () => {
    const { listener, port, stand } = await open();
    let calls = 0;
    stand.result = () => {
      calls++;
      return new Promise(() => undefined);
    };
    const socket = connect(port, "127.0.0.1");
    socket.write((head("/function/invoke", `Content-Length: ${known.length}`) + known).repeat(5));
    while (calls < 5) await sleep(5);
    socket.resetAndDestroy();
    await listener.close(600_000);
    expect(calls).toBe(5);
  });

  test("whose client goes away before the answer harm nobody", async () => {
    let release: (() => void) | undefined;
    core.result = () => new Promise((resolve) => (release = () => resolve(Buffer.alloc(2 ** 20))));
    const socket = connect(started.port, "127.0.0.1");
    socket.write(head("/function/invoke", `Content-Length: ${known.length}`) + known);
    while (release === undefined) await sleep(5);
    socket.destroy();
    await sleep(20);
    release();
    await sleep(20);
    core.result = () => Buffer.from("fine");
    const response = await fetch(`${started.url}/function/invoke`, { method: "POST", body: known });
    expect(await response.text()).toBe("status code: 200, message: fine");
    const { text } = await metricsOf(started.url);
    expect(text).toContain('route="/function/invoke",status="499"');
  });
});

describe("bodies together", () => {
  const small = startListener({ bounds: { maxBodyBytes: 50_000, maxBodyBytesTogether: 60_000 } });

  test("are bounded, and the bound is free again when they are gone", async () => {
    const half: Socket[] = [];
    for (let count = 0; count < 2; count++) {
      const socket = connect(small.port, "127.0.0.1");
      half.push(socket);
      socket.write(head("/function/query", "Content-Length: 30000") + " ".repeat(29_000));
    }
    await sleep(50);
    const third = await fetch(`${small.url}/function/query`, { method: "POST", body: " ".repeat(20_000) });
    expect([third.status, third.headers.get("retry-after")]).toEqual([429, "1"]);
    for (const socket of half) socket.destroy();
    await sleep(50);
    const fourth = await fetch(`${small.url}/function/query`, { method: "POST", body: " ".repeat(20_000) });
    expect(fourth.status).toBe(400);
  });

  test("hold their room until they are answered, which leaves short ones theirs", async () => {
    await small.core.deploy({
      ...{ namespace: "openfaas-fn", name: "f", wasiCap: true, limits: {}, env: {}, labels: {}, update: true },
      image: { text: "x", registry: "docker.io", repository: "library/x", tag: "latest" },
    });
    const invoke = (sizeBytes: number, signal: AbortSignal | null = null) =>
      fetch(`${small.url}/function/invoke`, { method: "POST", body: known.padEnd(sizeBytes), signal });
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    small.core.result = () => promise;
    const gone = new AbortController();
    const [running, left] = [invoke(29_000), invoke(29_000, gone.signal)];
    left.catch(() => undefined);
    while (small.core.invokes.length < 2) await sleep(5);
    // The second one's client goes, its call does not.
    gone.abort();
    await sleep(20);
    expect((await invoke(20_000)).status).toBe(429);
    const short = invoke(10_000);
    while (small.core.invokes.length < 3) await sleep(5);
    resolve(Buffer.from("done"));
    expect([(await running).status, (await short).status]).toEqual([200, 200]);
    expect((await invoke(20_000)).status).toBe(200);
  });
});

describe("a client that does not read its answer", () => {
  const impatient = startListener({ bounds: { maxBodyBytes, sendTimeoutMs: 200 } });

  test("is dropped", async () => {
    await impatient.core.deploy({
      ...{ namespace: "openfaas-fn", name: "f", wasiCap: true, limits: {}, env: {}, labels: {}, update: true },
      image: { text: "x", registry: "docker.io", repository: "library/x", tag: "latest" },
    });
    impatient.core.result = () => Buffer.alloc(64 * 2 ** 20);
    const socket = connect(impatient.port, "127.0.0.1");
    socket.pause();
    socket.write(head("/function/invoke", `Content-Length: ${known.length}`) + known);
    while (!(await metricsOf(impatient.url)).text.includes('status="499"')) await sleep(20);
    let bytes = 0;
    socket.on("data", (received) => (bytes += received.length)).resume();
    await once(socket, "close");
    expect(bytes).toBeLessThan(64 * 2 ** 20);
  });
});

describe("close()", () => {
  test("lets what runs end, tells its clients to close, and takes nothing new", async () => {
    const { stand, listener, port } = await open();
    let release: (() => void) | undefined;
    stand.result = () => new Promise((resolve) => (release = () => resolve(Buffer.from("done"))));
    const running = fetch(`http://127.0.0.1:${port}/function/invoke`, { method: "POST", body: known });
    while (release === undefined) await sleep(5);
    const agent = new Agent({ keepAlive: true });
    const closing = listener.close(60_000);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
    release();
    const response = await running;
    expect([response.status, response.headers.get("connection"), await response.text()]).toEqual([
      200,
      "close",
      "status code: 200, message: done",
    ]);
    await closing;
    agent.destroy();
  });

  test("drops what does not end in the grace period", async () => {
    const { stand, listener, port } = await open();
    let called = false;
    stand.result = () => {
      called = true;
      return new Promise(() => undefined);
    };
    const running = fetch(`http://127.0.0.1:${port}/function/invoke`, { method: "POST", body: known }).catch(
      (error: unknown) => error,
    );
    while (!called) await sleep(5);
    await listener.close(50);
    expect(await running).toMatchObject({ message: "fetch failed" });
  });

  test("does not wait for connections that are silent", async () => {
    const { listener, port } = await open();
    const silent = connect(port, "127.0.0.1");
    await once(silent, "connect");
    const idle = await fetch(`http://127.0.0.1:${port}/healthz`);
    await idle.text();
    await listener.close(600_000);
    if (!silent.closed) await once(silent, "close");
  });

  test("makes /readyz say so to whoever is still connected", async () => {
    const { stand, listener, port } = await open();
    let release: (() => void) | undefined;
    stand.result = () => new Promise((resolve) => (release = () => resolve(Buffer.from("done"))));
    const socket = connect(port, "127.0.0.1");
    let answered = "";
    socket.on("data", (bytes) => (answered += bytes.toString()));
    socket.write(head("/function/invoke", `Content-Length: ${known.length}`) + known);
    while (release === undefined) await sleep(5);
    const closing = listener.close(60_000);
    socket.write("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await sleep(20);
    release();
    await closing;
    if (!socket.closed) await once(socket, "close");
    expect(answered).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  test("leaves idle connections open until what runs has ended, and tells whoever asks there that it stops", async () => {
    const { stand, listener, port } = await open();
    let release: (() => void) | undefined;
    stand.result = () => new Promise((resolve) => (release = () => resolve(Buffer.from("done"))));
    const [ready, healthy, asks, silent] = await Promise.all([1, 2, 3, 4].map(() => kept(port)));
    const running = fetch(`http://127.0.0.1:${port}/function/invoke`, { method: "POST", body: known });
    while (release === undefined) await sleep(5);
    const closing = listener.close(60_000);
    await expect(kept(port)).rejects.toThrow("ECONNREFUSED");
    const readyz = await ready?.("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(fold(readyz ?? "")).toMatch(/^HTTP\/1\.1 503 .*connection: close .*not ready: draining \| $/);
    const healthz = await healthy?.("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(fold(healthz ?? "")).toMatch(/^HTTP\/1\.1 200 .*connection: close .*OK$/);
    const invoked = await asks?.(head("/function/invoke", `Content-Length: ${known.length}`) + known);
    expect(fold(invoked ?? "")).toMatch(
      /^HTTP\/1\.1 503 .*retry-after: 5 .*connection: close .*status code: 503, message: the gateway is stopping \| $/,
    );
    expect(stand.invokes).toHaveLength(1);
    release();
    expect(await (await running).text()).toBe("status code: 200, message: done");
    await closing;
    expect(await silent?.("")).toBe("");
  });

  test("of a port in use is an error of listen()", async () => {
    const { listener, port } = await open();
    const second = new Listener({
      dialect: wasmEngine(new StandInCore()),
      host: "127.0.0.1",
      port,
      allowedHosts: [],
      bounds: { maxBodyBytes },
      access: new Access({}),
      metrics: new Metrics(),
      log: { error: () => undefined, debug: () => undefined },
      notReady: () => [],
    });
    await expect(second.listen()).rejects.toMatchObject({ code: "EADDRINUSE" });
    await listener.close(0);
  });
});

/** A connection that was used once and kept; what is returned writes to it and resolves with what comes until its end. */
async function kept(port: number): Promise<(text: string) => Promise<string>> {
  const socket = connect(port, "127.0.0.1");
  let answered = "";
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject).on("data", (bytes) => {
      answered += bytes.toString();
      if (answered.endsWith("OK")) resolve();
    });
    socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  });
  answered = "";
  return async (text) => {
    if (text !== "") socket.write(text);
    if (!socket.closed) await once(socket, "close");
    return answered;
  };
}

async function metricsOf(url: string) {
  const response = await fetch(`${url}/metrics`);
  return { text: await response.text() };
}

/** A listener for a test that closes it itself. */
async function open() {
  const stand = new StandInCore();
  await stand.deploy({
    ...{ namespace: "openfaas-fn", name: "f", wasiCap: true, limits: {}, env: {}, labels: {}, update: true },
    image: { text: "x", registry: "docker.io", repository: "library/x", tag: "latest" },
  });
  const listener = new Listener({
    dialect: wasmEngine(stand),
    host: "127.0.0.1",
    port: 0,
    allowedHosts: [],
    bounds: { maxBodyBytes },
    access: new Access({}),
    metrics: new Metrics(),
    log: { error: () => undefined, debug: () => undefined },
    notReady: () => [],
  });
  return { stand, listener, port: (await listener.listen()).port };
}
