/** A gateway as whoever runs it has it: a process of its own, `node src/start.js`, with settings in its environment. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { GatewayClient } from "./gateway-client.ts";

const program = join(import.meta.dirname, "..", "..", "src", "start.js");

/** Settings of a test's process; nothing of the environment of whoever runs the tests but the way to programs. */
const settings: Readonly<Record<string, string>> = {
  PATH: process.env["PATH"] ?? "",
  WASMGATE_PORT: "0",
  WASMGATE_WORKERS: "1",
  WASMGATE_REGISTRY_CONFIG: "none",
  WASMGATE_PULL_RETRY_PAUSE: "10ms",
};

/** How a process ended. */
export type Ended = { readonly code: number | null; readonly signal: string | null };

/** A line of the log. */
export type Line = Readonly<Record<string, unknown>>;

/** One process. Whoever starts it sees to its end, by stop() or killProcesses(). */
export class GatewayProcess {
  static readonly #running = new Set<GatewayProcess>();
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #lines: Line[] = [];
  readonly #waiting = new Set<() => void>();
  #stderr = "";

  constructor(environment: Readonly<Record<string, string>>, node = process.execPath) {
    const child = spawn(node, [program], { env: { ...settings, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    createInterface(child.stdout).on("line", (line) => {
      this.#lines.push(JSON.parse(line) as Line);
      this.#tell();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    GatewayProcess.#running.add(this);
    this.ended = once(child, "close").then(([code, signal]: (Ended["code"] | Ended["signal"])[]) => {
      GatewayProcess.#running.delete(this);
      this.#tell();
      return { code: typeof code === "number" ? code : null, signal: typeof signal === "string" ? signal : null };
    });
  }

  /** Starts a gateway and resolves when it listens. */
  static async start(environment: Readonly<Record<string, string>>): Promise<GatewayProcess> {
    const started = new GatewayProcess(environment);
    await started.line("listening");
    return started;
  }

  /** Ends every process that still runs, and waits for its end. */
  static async killAll(this: void): Promise<void> {
    const all = [...GatewayProcess.#running];
    for (const each of all) each.kill("SIGKILL");
    await Promise.all(all.map((each) => each.ended));
  }

  /** What it said on stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** What it logged so far. */
  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** A client of it, once it listens. */
  get client(): GatewayClient {
    const { addresses } = this.#find("listening") ?? {};
    const { port } = (addresses as { wasmengine?: { port: number } } | undefined)?.wasmengine ?? {};
    return new GatewayClient(`http://127.0.0.1:${port}`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has logged a message; rejects when it ends without. */
  async line(message: string): Promise<Line> {
    for (;;) {
      const found = this.#find(message);
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the gateway ended without "${message}": ${this.#stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #find(message: string): Line | undefined {
    return this.#lines.find((line) => line["message"] === message);
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
