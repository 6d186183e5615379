/**
 * Tools that Debian has no package of, built by Go once and kept in the user's cache folder, so that only the first run
 * waits for them: $XDG_CACHE_HOME/wasmgate/tools, or ~/.cache/wasmgate/tools.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describeWith, findTool } from "../support/tools.ts";
import { run } from "./programs.ts";

/** A tool, or why there is none. */
export type GoTool = { readonly name: string } & ({ readonly path: string } | { readonly missing: string });

const buildsWithinMs = 10 * 60_000;
const versions = { crane: "github.com/google/go-containerregistry/cmd/crane@v0.22.1" };
const orasPush = join(import.meta.dirname, "oras-push");

/** Finds or builds crane; its build takes a minute or two. */
export async function crane(): Promise<GoTool> {
  return built("crane", digestOf(versions.crane), (bin) => ({
    args: ["install", "-trimpath", versions.crane],
    environment: { GOBIN: bin },
  }));
}

/** Finds or builds the program of the folder oras-push. */
export async function oras(): Promise<GoTool> {
  const sources = ["main.go", "go.mod", "go.sum"].map((name) => readFileSync(join(orasPush, name), "utf8"));
  return built("oras-push", digestOf(sources.join("\0")), (bin) => ({
    args: ["build", "-trimpath", "-o", join(bin, "oras-push"), "."],
    folder: orasPush,
  }));
}

/** `describeWith` for tests that need a tool of Go's as well; its body gets the tool's path. */
export function describeWithBuilt(
  tool: GoTool,
  tools: readonly string[],
  title: string,
  body: (path: string) => void,
): void {
  const lacking = "missing" in tool ? [`${tool.name}, since ${tool.missing}`] : [];
  describeWith([...tools, ...lacking], title, () => body("path" in tool ? tool.path : tool.name));
}

type Build = { readonly args: readonly string[]; readonly folder?: string; readonly environment?: NodeJS.ProcessEnv };

/** Whoever builds first puts the tool into its place at once, whole; whoever comes second finds it or does the same. */
async function built(name: string, version: string, how: (bin: string) => Build): Promise<GoTool> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "wasmgate", "tools");
  const path = join(cache, `${name}-${version}`);
  if (existsSync(path)) return { name, path };
  const go = findTool("go");
  if (go === undefined) return { name, missing: "there is no go to build it: https://go.dev/dl" };
  mkdirSync(cache, { recursive: true });
  const bin = mkdtempSync(join(cache, "building-"));
  try {
    const { args, folder = bin, environment = {} } = how(bin);
    const env = { ...process.env, GOTOOLCHAIN: "local", ...environment };
    await run(go, args, { folder, environment: env, withinMs: buildsWithinMs });
    renameSync(join(bin, name), path);
    return { name, path };
  } catch (error) {
    return { name, missing: `go cannot build it: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    rmSync(bin, { recursive: true, force: true });
  }
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
