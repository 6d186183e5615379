/**
 * Real programs: those that end by themselves, and those that serve until they are stopped, by their own process and
 * never by a name. What a test file has started is stopped after it.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";

/** How a program is run; its environment is ours without proxies unless another is given. */
export type Surroundings = {
  readonly folder?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Absent: a minute and a half. */
  readonly withinMs?: number;
};

/** How a program ended. */
export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** Our environment, without anything that leads requests to this machine elsewhere. */
export const direct: NodeJS.ProcessEnv = { ...process.env, no_proxy: "*", NO_PROXY: "*" };

/** Runs a program to its end and returns what it printed; throws its stderr when it fails. */
export function run(program: string, args: readonly string[], surroundings: Surroundings = {}): Promise<string> {
  const { folder: cwd, environment: env = direct, withinMs: timeout = 90_000 } = surroundings;
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, timeout, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(" ")}: ${stderr || error.message}`));
    });
  });
}

const started: Program[] = [];
afterAll(async () => {
  for (const program of started.toReversed()) await program.stop();
});

/** A program that serves. */
export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #printed = "";

  private constructor(name: string, args: readonly string[], { folder, environment = direct }: Surroundings) {
    const child = spawn(name, args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
    this.#ended = new Promise((resolve) => {
      child.once("error", () => resolve({ code: 1, signal: null }));
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.#printed += text));
    }
    this.#child = child;
  }

  /** Starts a program. */
  static start(name: string, args: readonly string[], surroundings: Surroundings = {}): Program {
    const program = new Program(name, args, surroundings);
    started.push(program);
    return program;
  }

  /** All that it printed until now. */
  get printed(): string {
    return this.#printed;
  }

  /** Waits until what it printed has a match, such as the port it listens on, and returns the match's first group. */
  async prints(pattern: RegExp): Promise<string> {
    let ended = false;
    void this.#ended.then(() => (ended = true));
    const giveUpAt = Date.now() + 20_000;
    for (;;) {
      const found = pattern.exec(this.#printed)?.[1];
      if (found !== undefined) return found;
      if (ended || Date.now() > giveUpAt) throw new Error(`no ${pattern} in: ${this.#printed}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Asks it to end and waits until it has; one that does not is killed. */
  async stop(): Promise<Ended> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 15_000);
    const ended = await this.#ended;
    clearTimeout(late);
    return ended;
  }
}
