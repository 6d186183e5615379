/** A gateway of some checkout in a process of its own, a registry beside it, and what a bench asks of both. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anyFreePort } from "../../experiments/demonstration/registry.ts";
import { GatewayClient } from "../../test/support/gateway-client.ts";
import { putDockerImage } from "../../test/support/image.ts";
import { MisbehavingRegistry } from "../../test/support/misbehaving-registry.ts";
import { Child } from "./child.ts";

/** A function as a bench deploys it. */
export type Deployment = {
  readonly name: string;
  readonly module: Uint8Array;
  readonly wasi?: boolean;
  /** Members of the deploy beside these. */
  readonly more?: object;
};

/** A running gateway and its registry. */
export class BenchGateway {
  readonly client: GatewayClient;
  readonly #child: Child;
  readonly #registry: MisbehavingRegistry;
  readonly #folder: string;

  private constructor(parts: { url: string; child: Child; registry: MisbehavingRegistry; folder: string }) {
    this.client = new GatewayClient(parts.url);
    this.#child = parts.child;
    this.#registry = parts.registry;
    this.#folder = parts.folder;
  }

  /** Starts the gateway of a checkout with its default settings, or some of them changed. */
  static async start(checkout: string, settings: Readonly<Record<string, string>> = {}): Promise<BenchGateway> {
    const folder = mkdtempSync(join(tmpdir(), "wasmgate-bench-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const port = await anyFreePort();
    const env = {
      ...withoutSettings(process.env),
      WASMGATE_PORT: String(port),
      WASMGATE_DATA_DIR: join(folder, "data"),
      WASMGATE_REGISTRY_CONFIG: "none",
      ...settings,
    };
    const start = join(checkout, "src", "start.js");
    const child = new Child(process.execPath, [start], { env, cwd: checkout, log: join(folder, "log") });
    const url = `http://127.0.0.1:${port}`;
    await child.answers(`${url}/readyz`);
    return new BenchGateway({ url, child, registry: await MisbehavingRegistry.start(), folder });
  }

  get invokeUrl(): string {
    return `${this.client.url}/function/invoke`;
  }

  get residentMib(): number {
    return this.#child.residentMib;
  }

  /** Puts a module into the registry as an image and returns the image's name. */
  push({ name, module }: Deployment): string {
    const repository = name.toLowerCase();
    putDockerImage(this.#registry, { repository, tag: "v1", module });
    return `${this.#registry.host}/${repository}:v1`;
  }

  /** Deploys an image under a name. @throws {Error} when the gateway does not */
  async deployImage({ name, wasi = false, more }: Deployment, image: string): Promise<void> {
    await this.client.mustDeploy({ function_name: name, function_image: image, wasi_cap: wasi, ...more });
  }

  /** Pushes and deploys. */
  async deploy(deployment: Deployment): Promise<void> {
    await this.deployImage(deployment, this.push(deployment));
  }

  /** Ends both and removes their files. */
  async stop(): Promise<void> {
    await this.#child.stop();
    await this.#registry.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** An environment without settings of whoever runs the bench. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("WASMGATE_")));
}

/** Opens things one after another and closes all of them in reverse, whatever happens between. */
export async function scoped<T>(body: (scope: AsyncDisposableStack) => Promise<T>): Promise<T> {
  await using scope = new AsyncDisposableStack();
  return await body(scope);
}
