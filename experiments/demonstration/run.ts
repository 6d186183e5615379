/**
 * `make run`: the whole way of a function, for someone who sees Wasmgate for the first time.
 *
 *   gateway starts -> registry starts -> modules are pushed as images -> deployed and invoked by the HTTP API -> serving
 *
 * What WasmEngine's README deploys is pushed under the names it uses and left to whoever types its commands: only gcd
 * stays deployed. Whatever fails after the gateway has started is said in a sentence, and the gateway keeps serving: it is the product,
 * the rest is decoration. Its settings are those of the environment, read by the gateway's own schema.
 */
import { existsSync } from "node:fs";
import { ConfigError, readConfig } from "../../src/config.ts";
import { answers, Children } from "./children.ts";
import { anyFreePort, isFree, push, startRegistry, usualRegistry } from "./registry.ts";

type Sample = {
  /** Deployed under this name and removed after its call unless it stays: nobody's function is called so. */
  readonly name: string;
  readonly stays: boolean;
  /** Tags to push; the first one is deployed. */
  readonly images: readonly [string, ...string[]];
  readonly module: string;
  readonly wasi: boolean;
  readonly args: string;
};

const [script = "", hello = "", text = ""] = process.argv.slice(2);
const samples: readonly Sample[] = [
  {
    ...{ name: "demo-authentication", stays: false, module: script, wasi: false },
    images: ["authentication-wasm:v4", "authentication-wasm:v2"],
    args: '{"arg_uri": "yes", "arg_body": "yes", "arg_secret": "12345"}',
  },
  { name: "demo-hello", stays: false, images: ["hello-wasm:v2"], module: hello, wasi: true, args: "{}" },
  { name: "gcd", stays: true, images: ["gcd-wasm:v1"], module: text, wasi: false, args: "[1071, 462]" },
];

const children = new Children();
let stopping = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (stopping) children.kill();
    stopping = true;
    void children.stop();
  });
}

try {
  process.exitCode = await demonstrate();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  say(error.message);
  process.exitCode = 78;
} finally {
  await children.stop();
}

/** Returns the exit code of the gateway, once it has ended. */
async function demonstrate(): Promise<number> {
  const config = readConfig();
  const host = ["0.0.0.0", "::"].includes(config.host) ? "127.0.0.1" : config.host;
  const port = config.port === 0 ? await anyFreePort() : config.port;
  if (port !== "off" && !(await isFree(config.host, port))) {
    say(`Port ${port} of ${config.host} is taken. Choose another: WASMGATE_PORT=${port + 1} make run`);
    return 1;
  }
  const env = { ...process.env, WASMGATE_PORT: String(port) };
  const ended = children.start(process.execPath, ["src/start.js"], { env, quiet: false });
  const gateway = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (port !== "off" && (await answers(`http://${gateway}/readyz`, ended)) && !stopping) {
    say(`\n  The gateway serves http://${gateway} and keeps its functions in ${config.dataDir}`);
    await deploySamples(gateway, config.authFile !== null).catch((error: unknown) => {
      if (!stopping) say(`  The demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    });
    if (!stopping) say("  Ctrl-C stops it.\n");
  }
  const exitCode = await ended;
  if (!stopping) say(`The gateway ended with exit code ${exitCode}.`);
  return exitCode;
}

async function deploySamples(gateway: string, locked: boolean): Promise<void> {
  if (locked) {
    say("  WASMGATE_AUTH_FILE is set, so deploying takes a user: nothing is demonstrated.");
    return;
  }
  const registry = await startRegistry(children);
  if (registry === undefined) {
    say("  No registry: docker-registry is not installed (Debian: sudo apt-get install docker-registry),");
    say("  so there is nothing to deploy from here. The README deploys from a registry of your own.");
    return;
  }
  say(`  A registry serves http://${registry} until this ends (Debian's docker-registry)`);
  if (registry !== usualRegistry) {
    say(`  Port 5000 is taken: write ${registry} wherever a README has ${usualRegistry}`);
  }
  say("");
  for (const sample of samples.filter(({ module }) => existsSync(module))) await show(sample, gateway, registry);
  printNext(gateway, registry);
}

/** Pushes, deploys and invokes a sample, and removes it unless it stays. */
async function show({ name, stays, images, module, wasi, args }: Sample, gateway: string, registry: string) {
  for (const image of images) say(`  push   ${await push(registry, image, module)}`);
  const image = `${registry}/${images[0]}`;
  const deploy = { function_name: name, function_image: image, wasi_cap: wasi, update: true };
  say(`  deploy ${image}\n    ${await post(gateway, "deploy", JSON.stringify(deploy))}`);
  const invoke = `{"function_name": "${name}", "args": ${args}}`;
  say(`  invoke ${name} ${args}\n    ${await post(gateway, "invoke", invoke)}`);
  if (!stays) await post(gateway, "delete", `{"function_name": "${name}"}`);
  say("");
}

function printNext(gateway: string, registry: string): void {
  const send = (path: string, body: string): string => `  curl ${gateway}/function/${path} -d '${body}'`;
  const image = `${registry}/authentication-wasm:v4`;
  const args = '{"arg_uri": "yes", "arg_body": "yes", "arg_secret": "12345"}';
  say("Next, in another terminal:\n");
  say(`  curl ${gateway}/function/list`);
  say(send("invoke", '{"function_name": "gcd", "args": [1071, 462]}'));
  say(send("deploy", `{"function_name": "authentication", "function_image": "${image}"}`));
  say(send("invoke", `{"function_name": "authentication", "args": ${args}}`));
  say(send("delete", '{"function_name": "authentication"}'));
  say(`  curl ${gateway}/metrics\n`);
}

async function post(gateway: string, path: string, body: string): Promise<string> {
  const response = await fetch(`http://${gateway}/function/${path}`, { method: "POST", body });
  const answer = (await response.text()).trimEnd();
  if (!response.ok) throw new Error(answer);
  return answer;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
