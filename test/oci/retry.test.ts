import { parseReference } from "../../src/oci/reference.ts";
import { retryAfterMs } from "../../src/oci/retry.ts";
import { putDockerImage } from "../support/image.ts";
import { MisbehavingRegistry, refuse } from "../support/misbehaving-registry.ts";
import { client } from "../support/pulling.ts";

const remote = await MisbehavingRegistry.start();
afterAll(() => remote.stop());
beforeEach(() => {
  remote.reset();
  putDockerImage(remote);
});

const app = (): ReturnType<typeof parseReference> => parseReference(`${remote.host}/app:v1`);
const limited = (retryAfterSeconds?: number): unknown =>
  expect.objectContaining({ code: "REGISTRY_RATE_LIMITED", retryAfterSeconds });

describe("a request", () => {
  test.each([408, 429, 500, 502, 503, 504])("that is answered with %i is tried again", async (status) => {
    remote.misbehave(/manifests/, (_request, response) => refuse(response, status, "LATER"), { times: 2 });
    await client().registry.resolve(app());
    expect(remote.asked(/manifests/)).toBe(3);
  });

  test("whose connection breaks is tried again", async () => {
    remote.misbehave(/manifests/, (_request, response) => void response.destroy(), { times: 2 });
    await client().registry.resolve(app());
    expect(remote.asked(/manifests/)).toBe(3);
  });

  test("whose answer breaks off is tried again", async () => {
    remote.misbehave(
      /manifests/,
      (_request, response) => {
        response.writeHead(200, { "content-length": 1000 });
        response.write("{", () => setTimeout(() => response.destroy(), 20));
      },
      { times: 1 },
    );
    await client().registry.resolve(app());
    expect(remote.asked(/manifests/)).toBe(2);
  });

  test("is tried no more often than the limit, and ends with the registry's words", async () => {
    remote.misbehave(/manifests/, (_request, response) => refuse(response, 503, "DOWN", "for repairs"));
    await expect(client({ limits: { attempts: 3 } }).registry.resolve(app())).rejects.toThrow("DOWN for repairs");
    expect(remote.asked(/manifests/)).toBe(3);
  });

  test("waits as long as Retry-After says", async () => {
    const times: number[] = [];
    remote.misbehave(/manifests/, (_request, response) => {
      times.push(performance.now());
      if (times.length > 1) return remote.serve(_request, response);
      response.writeHead(429, { "retry-after": "1" }).end();
    });
    await client().registry.resolve(app());
    const [first = 0, second = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(990);
  });

  test("that would have to wait too long is given up, saying how long", async () => {
    remote.misbehave(/manifests/, (_request, response) => void response.writeHead(429, { "retry-after": "61" }).end());
    await expect(client().registry.resolve(app())).rejects.toEqual(limited(61));
    expect(remote.asked(/manifests/)).toBe(1);
  });

  test("that would have to wait beyond its own deadline is given up at once, saying how long", async () => {
    remote.misbehave(/manifests/, (_request, response) => void response.writeHead(429, { "retry-after": "40" }).end());
    await expect(client().registry.resolve(app())).rejects.toEqual(limited(40));
    expect(remote.asked(/manifests/)).toBe(1);
  });

  test("is tried for so long and no longer, whatever the answers", async () => {
    remote.misbehave(/manifests/, (_request, response) => refuse(response, 503, "DOWN"));
    const { registry } = client({
      limits: { documentTimeoutMs: 300, retryBaseMs: 60, retryCapMs: 60, attempts: 1000 },
    });
    await expect(registry.resolve(app())).rejects.toEqual(expect.objectContaining({ code: "REGISTRY_UNAVAILABLE" }));
    expect(remote.asked(/manifests/)).toBeLessThan(12);
  });

  test("stops waiting when its caller gives up", async () => {
    const stop = new AbortController();
    remote.misbehave(/manifests/, (_request, response) => {
      response.writeHead(503, { "retry-after": "20" }).end();
      setTimeout(() => stop.abort(new Error("enough")), 50);
    });
    await expect(client().registry.resolve(app(), stop.signal)).rejects.toThrow("enough");
  });
});

test("retryAfterMs() reads seconds and dates, and no nonsense", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("7", now)).toBe(7000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:01:00 GMT", now)).toBe(60_000);
  expect(retryAfterMs("Thu, 01 Jan 2015 00:01:00 GMT", now)).toBe(0);
  expect(["", "soon", "-5x", "99999999999"].map((text) => retryAfterMs(text, now))).toEqual(Array(4).fill(undefined));
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
