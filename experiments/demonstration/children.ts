/**
 * The processes that a demonstration starts: each in a group of its own, so that Ctrl-C reaches only us and we end them
 * in the right order, last started first ended.
 */
import { spawn, type ChildProcess } from "node:child_process";

/** Processes started here and not yet ended. */
export class Children {
  readonly #running: { readonly child: ChildProcess; readonly ended: Promise<number> }[] = [];

  /** Starts a program; returns a promise of its exit code, 1 when it could not start or was killed. */
  start(program: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; quiet: boolean }) {
    const output = options.quiet ? "ignore" : "inherit";
    const child = spawn(program, args, { detached: true, stdio: ["ignore", output, output], env: options.env });
    const ended = new Promise<number>((resolve) => {
      child.once("error", () => resolve(1));
      child.once("exit", (code) => resolve(code ?? 1));
    });
    this.#running.push({ child, ended });
    return ended;
  }

  /** Asks every process to end and waits until it has. */
  async stop(): Promise<void> {
    for (const { child, ended } of this.#running.toReversed()) {
      child.kill("SIGTERM");
      await ended;
    }
  }

  /** Ends every process at once, for a person who asks twice. */
  kill(): void {
    for (const { child } of this.#running) child.kill("SIGKILL");
  }
}

/** Asks an address again and again until it answers well; false when `ended` comes first or 30 s have passed. */
export async function answers(url: string, ended: Promise<unknown>): Promise<boolean> {
  let gone = false;
  void ended.then(() => (gone = true));
  const giveUpAt = Date.now() + 30_000;
  while (!gone && Date.now() < giveUpAt) {
    const status = await fetch(url).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
