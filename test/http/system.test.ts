import supertest from "supertest";
import { Metrics } from "../../src/metrics.ts";
import { startListener } from "../support/listener.ts";

const reasons: string[] = [];
const metrics = new Metrics();
const started = startListener({ notReady: () => reasons, metrics });
const gateway = () => supertest(started.url);

afterEach(() => {
  reasons.length = 0;
});

describe("/healthz", () => {
  test("is OK while the process lives, ready or not", async () => {
    reasons.push("the store is closed");
    await gateway().get("/healthz").expect("content-type", "text/plain; charset=utf-8").expect(200, "OK");
    const head = await fetch(`${started.url}/healthz`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "2", ""]);
  });
});

describe("/readyz", () => {
  test("is OK when nothing is missing", async () => {
    await gateway().get("/readyz").expect(200, "OK");
    await gateway().get("/readyz").set("accept", "application/json").expect(200, { ready: true, reasons: [] });
  });

  test("is 503 with the reasons otherwise", async () => {
    reasons.push("store closed", "warming up");
    await gateway().get("/readyz").expect(503, "not ready: store closed, warming up\n");
    await gateway()
      .get("/readyz")
      .set("accept", "application/json")
      .expect("content-type", "application/json")
      .expect(503, { ready: false, reasons: ["store closed", "warming up"] });
    expect((await fetch(`${started.url}/readyz`, { method: "HEAD" })).status).toBe(503);
  });
});

describe("/metrics", () => {
  test("counts requests under their routes and never under paths that clients choose", async () => {
    await gateway().get("/chosen-by-a-client");
    await gateway().post("/function/invoke").send("{}");
    await gateway().post("/function/invoke?x=1").send("{}");
    await gateway().delete("/function/list");
    const { status, headers, text } = await gateway().get("/metrics");
    expect([status, headers["content-type"]]).toEqual([200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)]);
    expect(text).toContain('wasmgate_http_requests_total{dialect="wasmengine",route="other",status="404"} 1\n');
    expect(text).toContain('{dialect="wasmengine",route="/function/invoke",status="400"} 2\n');
    expect(text).toContain('{dialect="wasmengine",route="/function/list",status="405"} 1\n');
    expect(text).not.toContain("chosen-by-a-client");
  });
});
