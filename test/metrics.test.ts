import { Metrics } from "../src/metrics.ts";

describe("Metrics", () => {
  test("counts requests by dialect, route and status", async () => {
    const metrics = new Metrics();
    const route = { dialect: "wasmengine", route: "/function/invoke" };
    metrics.countRequest({ ...route, status: 200 }, 0.002);
    metrics.countRequest({ ...route, status: 200 }, 0.2);
    metrics.countRequest({ ...route, status: 404 }, 0.002);
    const { contentType, text } = await metrics.scrape();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    const labels = 'dialect="wasmengine",route="/function/invoke"';
    expect(text).toContain(`wasmgate_http_requests_total{${labels},status="200"} 2\n`);
    expect(text).toContain(`wasmgate_http_requests_total{${labels},status="404"} 1\n`);
    expect(text).toContain(`wasmgate_http_request_seconds_bucket{le="0.0025",${labels}} 2\n`);
    expect(text).toContain(`wasmgate_http_request_seconds_count{${labels}} 3\n`);
  });

  test("counts calls and pulls", async () => {
    const metrics = new Metrics();
    metrics.countCall("returned");
    metrics.countCall("trapped");
    metrics.countPull("pulled", 1);
    const { text } = await metrics.scrape();
    expect(text).toContain('wasmgate_calls_total{result="trapped"} 1\n');
    expect(text).toContain('wasmgate_pulls_total{result="pulled"} 1\n');
    expect(text).toContain("wasmgate_pull_seconds_count 1\n");
  });

  test("reads depths when they are scraped", async () => {
    const metrics = new Metrics();
    let queued = 0;
    metrics.watch({ queuedCalls: () => queued, runningCalls: () => 2, threads: () => 3, functions: () => 4 });
    queued = 11;
    const { text } = await metrics.scrape();
    for (const line of ["queued_calls 11", "running_calls 2", "threads 3", "functions 4"]) {
      expect(text).toContain(`wasmgate_${line}\n`);
    }
  });

  test("adds the defaults of a process when asked to", async () => {
    expect((await new Metrics().scrape()).text).not.toContain("nodejs_");
    expect((await new Metrics({ process: true }).scrape()).text).toContain("nodejs_eventloop_lag_seconds");
  });
});
