/** The gateway as it is, in this process, asked by HTTP. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { readConfig } from "../../src/config.ts";
import { openGateway, type Gateway } from "../../src/gateway.ts";
import { createLog } from "../../src/log.ts";

/** What came back. */
export type Reply = { readonly status: number; readonly text: string };

/** What a deploy may say beside name and image. */
export type Wish = Readonly<Record<string, unknown>>;

const open: TestGateway[] = [];
afterAll(async () => {
  for (const gateway of open) await gateway.close();
});

/** Opens a gateway with a data folder of its own, set by environment variables; closed after the test file. */
export async function openTestGateway(folder: string, settings: NodeJS.ProcessEnv = {}): Promise<TestGateway> {
  const dataDir = mkdtempSync(join(folder, "data-"));
  const lines: string[] = [];
  const stream = new PassThrough().on("data", (chunk: Buffer) => lines.push(chunk.toString("utf8")));
  const log = createLog({ level: "debug", stream });
  const config = readConfig({
    WASMGATE_PORT: "0",
    WASMGATE_DATA_DIR: dataDir,
    WASMGATE_WORKERS: "2",
    WASMGATE_REGISTRY_CONFIG: "none",
    WASMGATE_PULL_MAX_ATTEMPTS: "2",
    ...settings,
  });
  const gateway = new TestGateway({ gateway: await openGateway(config, log), dataDir, lines });
  open.push(gateway);
  return gateway;
}

/** A gateway that serves, and its dialect's calls. */
export class TestGateway {
  readonly dataDir: string;
  readonly url: string;
  readonly #gateway: Gateway;
  readonly #lines: readonly string[];
  #tried = 0;

  constructor(parts: { readonly gateway: Gateway; readonly dataDir: string; readonly lines: readonly string[] }) {
    this.#gateway = parts.gateway;
    this.dataDir = parts.dataDir;
    this.#lines = parts.lines;
    this.url = `http://127.0.0.1:${parts.gateway.addresses["wasmengine"]?.port}`;
  }

  /** All that was logged. */
  get logged(): string {
    return this.#lines.join("");
  }

  deploy(name: string, image: string, wish: Wish = {}): Promise<Reply> {
    return this.#post("deploy", { function_name: name, function_image: image, ...wish });
  }

  invoke(name: string, args?: unknown): Promise<Reply> {
    return this.#post("invoke", { function_name: name, ...(args === undefined ? {} : { args }) });
  }

  query(name: string): Promise<Reply> {
    return this.#post("query", { function_name: name });
  }

  remove(name: string): Promise<Reply> {
    return this.#post("delete", { function_name: name });
  }

  async list(): Promise<Reply> {
    return replyOf(await fetch(`${this.url}/function/list`));
  }

  /** Deploys an image under a new name, calls it with no arguments, removes it; returns the call's result. */
  async tryOut(image: string, wish: Wish = {}): Promise<string> {
    const name = `f${this.#tried++}`;
    const replies = [await this.deploy(name, image, wish), await this.invoke(name, []), await this.remove(name)];
    const failed = replies.find(({ status }) => status !== 200);
    if (failed !== undefined) throw new Error(failed.text);
    return replies[1]?.text.replace("status code: 200, message: ", "") ?? "";
  }

  async close(): Promise<void> {
    await this.#gateway.close();
  }

  async #post(path: string, body: unknown): Promise<Reply> {
    return replyOf(await fetch(`${this.url}/function/${path}`, { method: "POST", body: JSON.stringify(body) }));
  }
}

async function replyOf(response: Response): Promise<Reply> {
  return { status: response.status, text: await response.text() };
}
