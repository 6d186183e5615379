/**
 * What every listener answers beside its dialect: GET /healthz (the process lives), /readyz (it can take calls; 503 with
 * the reasons while it cannot) and /metrics (Prometheus).
 */
import type { Metrics } from "../metrics.ts";
import { wantsJson } from "./accept.ts";
import type { Reply, Request, Route } from "./answer.ts";

/** Where the system routes look. */
export type System = {
  /** What is not ready yet or no longer, a few words each; empty means ready. */
  readonly notReady: () => readonly string[];
  readonly metrics: Pick<Metrics, "scrape">;
};

const text = "text/plain; charset=utf-8";

/** Makes the system routes. */
export function systemRoutes({ notReady, metrics }: System): Route[] {
  const open = { method: "GET", right: "open", control: false, takesBody: false, whileClosing: true } as const;
  return [
    { ...open, path: "/healthz", answer: () => ({ status: 200, contentType: text, body: "OK" }) },
    { ...open, path: "/readyz", answer: (request) => readiness(notReady(), request) },
    {
      ...open,
      path: "/metrics",
      right: "read",
      control: true,
      answer: async () => {
        const { contentType, text: body } = await metrics.scrape();
        return { status: 200, contentType, body };
      },
    },
  ];
}

function readiness(reasons: readonly string[], { headers }: Request): Reply {
  const ready = reasons.length === 0;
  const status = ready ? 200 : 503;
  if (wantsJson(headers.accept)) {
    return { status, contentType: "application/json", body: JSON.stringify({ ready, reasons }) };
  }
  return { status, contentType: text, body: ready ? "OK" : `not ready: ${reasons.join(", ")}\n` };
}
