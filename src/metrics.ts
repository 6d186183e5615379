/**
 * What Prometheus may scrape, made with prom-client: a small set of counters and histograms named wasmgate_, and the
 * defaults of Node processes. Labels take few values: never a function's name, of which there may be thousands.
 *
 * Depths that change with every call are read when somebody scrapes, not written when they change.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** How a call ended, as the outcomes of runtime/protocol.ts, or never began. */
export type CallResult = "returned" | "exited" | "trapped" | "overran" | "refused" | "rejected";

/** How an image was fetched: over the network, found in the store, or not at all. */
export type PullResult = "pulled" | "stored" | "failed";

/** Numbers of the core at the moment of a scrape. */
export type Depths = {
  readonly queuedCalls: () => number;
  readonly runningCalls: () => number;
  readonly threads: () => number;
  readonly functions: () => number;
};

// From a warm call's microseconds to a slow pull's minutes.
const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

/** Counts what the gateway does; one for each process, or a test's own. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"dialect" | "route" | "status">;
  readonly #requestSeconds: Histogram<"dialect" | "route">;
  readonly #calls: Counter<"result">;
  readonly #pulls: Counter<"result">;
  readonly #pullSeconds: Histogram;

  /** `process: true` adds the default metrics of Node, which watch the garbage collector from then on. */
  constructor(options: { readonly process?: boolean } = {}) {
    const registers = [this.#registry];
    const named = (name: string, help: string) => ({ name: `wasmgate_${name}`, help, registers });
    const timed = (name: string, help: string) => ({ ...named(name, help), buckets: secondsBuckets });
    this.#requests = new Counter({
      ...named("http_requests_total", "Requests answered, or given up by their clients (status 499)"),
      labelNames: ["dialect", "route", "status"],
    });
    this.#requestSeconds = new Histogram({
      ...timed("http_request_seconds", "From a request's head to its answer"),
      labelNames: ["dialect", "route"],
    });
    this.#calls = new Counter({ ...named("calls_total", "Calls of guests by how they ended"), labelNames: ["result"] });
    this.#pulls = new Counter({ ...named("pulls_total", "Images asked for at deploys"), labelNames: ["result"] });
    this.#pullSeconds = new Histogram(timed("pull_seconds", "From a reference to its module in the store"));
    if (options.process === true) collectDefaultMetrics({ register: this.#registry });
  }

  /** Counts one request by its route's pattern, never by the path that a client chose. */
  countRequest(labels: { dialect: string; route: string; status: number }, seconds: number): void {
    const { dialect, route } = labels;
    this.#requests.inc(labels);
    this.#requestSeconds.observe({ dialect, route }, seconds);
  }

  /** Counts one call of a guest. */
  countCall(result: CallResult): void {
    this.#calls.inc({ result });
  }

  /** Counts one image that a deploy asked for. */
  countPull(result: PullResult, seconds: number): void {
    this.#pulls.inc({ result });
    this.#pullSeconds.observe(seconds);
  }

  /** Names where the depths are read at each scrape; call it once. */
  watch(depths: Depths): void {
    const registers = [this.#registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      const made: Gauge = new Gauge({ name: `wasmgate_${name}`, help, registers, collect: () => made.set(read()) });
    };
    gauge("queued_calls", "Calls that wait for a thread", depths.queuedCalls);
    gauge("running_calls", "Calls that threads are at work on", depths.runningCalls);
    gauge("threads", "Threads that run guests", depths.threads);
    gauge("functions", "Functions deployed", depths.functions);
  }

  /** Writes all of it in Prometheus' text format. */
  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
