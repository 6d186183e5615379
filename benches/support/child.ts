/**
 * Processes that a bench starts: ended when the bench ends, however it ends, and told apart from a bench that works by
 * an error when they end before they should.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";

/** One program that runs until `stop`. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #logPath: string;
  #isEnded = false;

  /** Starts a program whose output goes to a file. */
  constructor(program: string, args: readonly string[], options: { env: NodeJS.ProcessEnv; cwd: string; log: string }) {
    this.#logPath = options.log;
    const log = openSync(options.log, "a");
    this.#process = spawn(program, args, { cwd: options.cwd, env: options.env, stdio: ["ignore", log, log] });
    this.#ended = new Promise((resolve) => {
      this.#process.once("error", () => resolve());
      this.#process.once("exit", () => resolve());
    });
    void this.#ended.then(() => (this.#isEnded = true));
    process.once("exit", () => this.#process.kill("SIGKILL"));
  }

  /** Resident memory in MiB, threads included. */
  get residentMib(): number {
    const [, pages] = readFileSync(`/proc/${this.#process.pid}/statm`, "utf8").split(" ");
    return (Number(pages) * 4096) / 2 ** 20;
  }

  /** Waits until an address answers 200. @throws {Error} with the end of the log, when the process ends or time does */
  async answers(url: string, timeoutMs = 30_000): Promise<void> {
    const giveUpAt = Date.now() + timeoutMs;
    while (!this.#isEnded && Date.now() < giveUpAt) {
      const status = await fetch(url).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${url} does not answer; the process said:\n${this.log().slice(-2000)}`);
  }

  /** All that it printed. */
  log(): string {
    return readFileSync(this.#logPath, "utf8");
  }

  /** Asks the process to end and waits until it has; kills it when it takes more than 10 s. */
  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    const patience = setTimeout(() => this.#process.kill("SIGKILL"), 10_000);
    await this.#ended;
    clearTimeout(patience);
  }
}
