/** A real listener on 127.0.0.1 over a stand-in for the core: a plain object that remembers what it was asked. */
import { connect } from "node:net";
import { Access } from "../../src/access/access.ts";
import { digestOf } from "../../src/digest.ts";
import { GatewayError } from "../../src/errors.ts";
import type { DeployRequest, FunctionRecord, InvokeRequest } from "../../src/functions.ts";
import type { Dialect } from "../../src/http/answer.ts";
import { Listener, type ListenerOptions } from "../../src/http/server.ts";
import { wasmEngine, type WasmEngineCore } from "../../src/http/wasmengine.ts";
import { Metrics } from "../../src/metrics.ts";

/** A core that keeps functions in a map; `result` is what invoke resolves with, or throws. */
export class StandInCore implements WasmEngineCore {
  readonly deploys: DeployRequest[] = [];
  readonly invokes: InvokeRequest[] = [];
  readonly records = new Map<string, FunctionRecord>();
  result: (request: InvokeRequest) => Promise<Uint8Array> | Uint8Array = () => Buffer.from("result");

  async deploy(request: DeployRequest): Promise<FunctionRecord> {
    this.deploys.push(request);
    const key = `${request.namespace}/${request.name}`;
    if (this.records.has(key) && !request.update) {
      throw new GatewayError("FUNCTION_EXISTS", `function ${request.name} is already deployed`);
    }
    const record = recordOf(request);
    this.records.set(key, record);
    return record;
  }

  get(name: string, namespace: string): FunctionRecord {
    const record = this.records.get(`${namespace}/${name}`);
    if (record === undefined) throw new GatewayError("FUNCTION_NOT_FOUND", `function ${name} is not deployed`);
    return record;
  }

  list(namespace?: string): readonly FunctionRecord[] {
    return [...this.records.values()].filter((record) => namespace === undefined || record.namespace === namespace);
  }

  localPath({ name }: Pick<FunctionRecord, "name">): string {
    return `/var/lib/wasmengine/functions/${name}/${name}.wasm`;
  }

  async remove(name: string, namespace: string): Promise<FunctionRecord> {
    const record = this.get(name, namespace);
    this.records.delete(`${namespace}/${name}`);
    return record;
  }

  async invoke(request: InvokeRequest): Promise<{ readonly output: Uint8Array }> {
    this.get(request.name, request.namespace);
    this.invokes.push(request);
    return { output: await this.result(request) };
  }
}

/** Starts a listener for the tests of one file; it is closed after them. */
export function startListener(
  change: Partial<Omit<ListenerOptions, "dialect">> & { readonly dialect?: (core: StandInCore) => Dialect } = {},
) {
  const core = new StandInCore();
  const logged: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const write =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      logged.push({ level, message, fields });
    };
  const listener = new Listener({
    host: "127.0.0.1",
    port: 0,
    allowedHosts: [],
    bounds: { maxBodyBytes: 65_536, ...change.bounds },
    access: new Access({}),
    metrics: new Metrics(),
    log: { error: write("error"), debug: write("debug") },
    notReady: () => [],
    ...change,
    dialect: (change.dialect ?? wasmEngine)(core),
  });
  const started = { core, logged, listener, url: "", port: 0 };
  beforeAll(async () => {
    started.port = (await listener.listen()).port;
    started.url = `http://127.0.0.1:${started.port}`;
  });
  afterAll(() => listener.close(0));
  return started;
}

/** Sends bytes as they are and returns all that comes until the other side closes. */
export function rawExchange(port: number, ...parts: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => {
      for (const part of parts) socket.write(part);
    });
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.on("error", reject);
  });
}

function recordOf(request: DeployRequest): FunctionRecord {
  const { namespace, name, wasiCap, limits, env, labels } = request;
  const now = new Date().toISOString();
  return {
    ...{ namespace, name, wasiCap, limits, env, labels },
    image: request.image.text,
    imageDigest: digestOf("image"),
    moduleDigest: digestOf("module"),
    moduleSizeBytes: 6,
    contract: { kind: "wasi-command", export: "_start", wasi: true },
    createdAt: now,
    updatedAt: now,
  };
}
