/** A whole gateway inside of the test's process: real folder, threads, listener; closed after the test file. */
import { readConfig } from "../../src/config.ts";
import { openGateway, type Gateway } from "../../src/gateway.ts";
import type { Log, LogFields } from "../../src/log.ts";
import { GatewayClient } from "./gateway-client.ts";
import { MisbehavingRegistry } from "./misbehaving-registry.ts";
import { putDockerImage } from "./image.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { wat } from "./wat.ts";

/** One event that was logged. */
export type Event = { readonly level: string; readonly message: string; readonly fields: LogFields };

/** Settings that suit a test: any port, few threads, no credentials of whoever runs it, no long pauses. */
export const testSettings: Readonly<Record<string, string>> = {
  WASMGATE_PORT: "0",
  WASMGATE_WORKERS: "2",
  WASMGATE_REGISTRY_CONFIG: "none",
  WASMGATE_PULL_RETRY_PAUSE: "10ms",
  WASMGATE_PULL_MAX_RETRY_PAUSE: "20ms",
};

/** A gateway, its client and what it logged. */
export type Opened = {
  readonly client: GatewayClient;
  readonly dataDir: string;
  readonly logged: readonly Event[];
  close(): Promise<void>;
};

const open = new Set<Gateway>();

/** Closes every gateway of this file that is still open; for afterEach or afterAll. */
export async function closeGateways(): Promise<void> {
  const all = [...open];
  open.clear();
  await Promise.all(all.map((gateway) => gateway.close()));
}

/** Opens a gateway on a data folder with settings beside those of every test. */
export async function startGateway(dataDir: string, settings: Readonly<Record<string, string>> = {}): Promise<Opened> {
  const logged: Event[] = [];
  const config = readConfig({ ...testSettings, WASMGATE_DATA_DIR: dataDir, ...settings });
  const gateway = await openGateway(config, recorder(logged));
  open.add(gateway);
  const client = new GatewayClient(`http://127.0.0.1:${gateway.addresses["wasmengine"]?.port}`);
  return {
    ...{ client, dataDir, logged },
    close: () => {
      open.delete(gateway);
      return gateway.close();
    },
  };
}

/** A registry for the tests of one file, and images made of WebAssembly text. */
export function testRegistry() {
  const started: { registry: MisbehavingRegistry | undefined } = { registry: undefined };
  beforeAll(async () => {
    started.registry = await MisbehavingRegistry.start();
  });
  afterAll(() => started.registry?.stop());
  const registry = (): MisbehavingRegistry => {
    if (started.registry === undefined) throw new Error("the registry is not started yet");
    return started.registry;
  };
  return {
    registry,
    /** Puts a module into a docker image and returns its reference. */
    image: (repository: string, module: string | Uint8Array, tag = "v1"): string => {
      putDockerImage(registry(), { repository, tag, module: typeof module === "string" ? wat(module) : module });
      return `${registry().host}/${repository}:${tag}`;
    },
  };
}

/** A gateway and a registry for the tests of one file. */
export function testGateway(settings: Readonly<Record<string, string>> = {}) {
  const { registry, image } = testRegistry();
  const dataDir = temporaryFolder();
  const state: { opened: Opened | undefined } = { opened: undefined };
  beforeAll(async () => {
    state.opened = await startGateway(dataDir, settings);
  });
  afterAll(closeGateways);
  const opened = (): Opened => {
    if (state.opened === undefined) throw new Error("the gateway is not started yet");
    return state.opened;
  };
  return {
    ...{ registry, image, dataDir },
    client: () => opened().client,
    logged: () => opened().logged,
  };
}

/** Resolves when so many calls are at work on threads. */
export async function running(client: GatewayClient, calls: number): Promise<void> {
  for (;;) {
    const { text } = await client.get("/metrics");
    if (Number(/^wasmgate_running_calls (\d+)/m.exec(text)?.[1]) >= calls) return;
  }
}

function recorder(logged: Event[]): Log {
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void logged.push({ level, message, fields });
  return {
    ...{ error: write("error"), warn: write("warn"), info: write("info"), debug: write("debug") },
    close: async () => undefined,
  };
}
