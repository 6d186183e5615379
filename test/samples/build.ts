/**
 * The samples as `make apps` and `make functions` build them. A sample whose toolchain is absent is skipped with a
 * notice on a developer's machine and fails in CI, as tools.ts has it for tools.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const repository = join(import.meta.dirname, "..", "..");

/** How a run of make ended. */
export type Made = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Runs make in a folder. */
export function make(folder: string, ...args: readonly string[]): Made {
  return spawnSync("make", args, { cwd: folder, encoding: "utf8", env: environment() });
}

/** Builds samples; throws what make printed when a build fails. */
export function build(makefile: string, target: string): void {
  const made = make(repository, "-f", makefile, target);
  if (made.status !== 0) throw new Error(`make ${target}: ${made.stdout}${made.stderr}`);
}

/** `describe` for a sample that was built, given its module's path in the repository. */
export function describeSample(path: string, body: (path: string) => void): void {
  const full = join(repository, path);
  if (existsSync(full)) {
    describe(path, () => body(full));
  } else if (process.env["CI"]) {
    describe(path, () => {
      test("is built", () => {
        throw new Error("its toolchain is missing");
      });
    });
  } else {
    console.warn(`SKIPPED: ${path} (its toolchain is missing)`);
    describe.skip(path, () => body(full));
  }
}

/** Compiles a module file. */
export async function compile(path: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(readFileSync(path));
}

/** The environment without what a make around these tests told its children. */
function environment(): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) => !/^(MAKE|MFLAGS)/.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}
