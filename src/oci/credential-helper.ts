/**
 * Programs that keep docker's credentials: docker-credential-NAME get, the server on stdin, JSON on stdout.
 * https://github.com/docker/docker-credential-helpers#development
 */
import { spawn } from "node:child_process";
import { z } from "zod";
import { GatewayError } from "../errors.ts";

const timeoutMs = 10_000;
const longestAnswer = 65_536;
const namePattern = /^[A-Za-z0-9_-]+$/;
const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/** All that a helper sees of our environment. */
export type HelperEnvironment = { readonly PATH?: string | undefined; readonly HOME?: string | undefined };

/**
 * Asks a helper for a server's credentials; undefined when it has none.
 * @throws {GatewayError} REGISTRY_DENIED when the helper is missing, fails, or answers nonsense
 */
export async function askHelper(
  name: string,
  server: string,
  environment: HelperEnvironment,
): Promise<{ readonly username: string; readonly secret: string } | undefined> {
  if (!namePattern.test(name)) throw failed(server, "has a name that is none");
  const { exitCode, output } = await run(`docker-credential-${name}`, server, environment);
  if (exitCode !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw failed(server, exitCode === null ? "did not run to its end" : `ended with exit code ${exitCode}`);
  }
  try {
    const { Username, Secret } = answerSchema.parse(JSON.parse(output));
    return { username: Username, secret: Secret };
  } catch {
    throw failed(server, "answered something else than credentials");
  }
}

function run(
  program: string,
  input: string,
  { PATH, HOME }: HelperEnvironment,
): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn(program, ["get"], {
    env: { PATH, HOME },
    stdio: ["pipe", "pipe", "ignore"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const chunks: Buffer[] = [];
  let seenBytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seenBytes += chunk.byteLength;
    if (seenBytes > longestAnswer) child.kill("SIGKILL");
    else chunks.push(chunk);
  });
  child.stdin.on("error", () => undefined); // a helper may end without reading
  child.stdin.end(input);
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number | null; output: string }>();
  child.on("error", () => resolve({ exitCode: null, output: "" }));
  child.on("close", (exitCode) => resolve({ exitCode, output: Buffer.concat(chunks).toString("utf8") }));
  return promise;
}

function failed(server: string, how: string): GatewayError {
  return new GatewayError("REGISTRY_DENIED", `the credential helper for ${server} ${how}`);
}
