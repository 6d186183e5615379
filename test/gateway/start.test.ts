import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { GatewayProcess, type Ended } from "../support/gateway-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const dataDir = (): string => join(folder, randomUUID());

beforeAll(() => writeFileSync(join(folder, "file"), ""));
afterEach(GatewayProcess.killAll);

/** Runs a gateway that cannot start, to its end. */
async function refused(
  environment: Readonly<Record<string, string>>,
  node?: string,
): Promise<Ended & { readonly stderr: string }> {
  const started = new GatewayProcess({ WASMGATE_DATA_DIR: dataDir(), ...environment }, node);
  return { ...(await started.ended), stderr: started.stderr };
}

describe("a setting that is wrong", () => {
  test.each([
    [
      "WASMGATE_PORT",
      "http",
      `WASMGATE_PORT is "http", but takes a port from 1 to 65535, 0 for any free one, or off\n`,
    ],
    ["WASMGATE_TIMEOUT", "10", /^WASMGATE_TIMEOUT is "10", but takes .*\n$/],
    ["WASMGATE_MEMORY_LIMIT", "lots", /^WASMGATE_MEMORY_LIMIT is "lots", but takes .*\n$/],
    ["WASMGATE_PROT", "1", /^WASMGATE_PROT \(here "1"\) is no setting of Wasmgate: was WASMGATE_PORT meant\? .*\n$/],
    [
      "WASMGATE_HOST",
      "0.0.0.0",
      /^WASMGATE_HOST is "0\.0\.0\.0", which others can reach: set WASMGATE_AUTH_FILE .*\n$/,
    ],
    ["WASMGATE_PORT", "tcp://10.0.0.1:80", /^WASMGATE_PORT is "tcp:.*which Kubernetes sets for a Service .*\n$/],
  ])("%s=%s ends the start with exit code 78 and a sentence", async (name, value, sentence) => {
    const { code, stderr } = await refused({ [name]: value });
    expect(code).toBe(78);
    expect(stderr).toMatch(sentence);
    expect(stderr.split("\n")).toHaveLength(2);
  });

  test("is named together with all others that are", async () => {
    const { code, stderr } = await refused({ WASMGATE_PORT: "x", WASMGATE_WORKERS: "y" });
    expect(code).toBe(78);
    expect(stderr).toMatch(/^WASMGATE_PORT .*\nWASMGATE_WORKERS .*\n$/);
  });
});

describe("a start that cannot be", () => {
  test("for its port is taken ends with exit code 1 and a sentence", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await refused({ WASMGATE_PORT: String(port) });
    other.close();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `wasmgate: cannot listen on 127.0.0.1 port ${port}: another program has that port; stop it, or set WASMGATE_PORT to another one\n`,
    );
  });

  test("for its folder is in use ends with exit code 1 and a sentence", async () => {
    const environment = { WASMGATE_DATA_DIR: dataDir() };
    const first = await GatewayProcess.start(environment);
    const { code, stderr } = await refused(environment);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wasmgate: the data folder is in use: another gateway has .* open; stop it or .*\n$/);
    expect((await first.client.get("/healthz")).status).toBe(200);
  });

  test("for its folder is a file ends with exit code 1 and a sentence", async () => {
    const file = join(folder, "file");
    const { code, stderr } = await refused({ WASMGATE_DATA_DIR: file });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wasmgate: the data folder .*\/file cannot be used: a file is in its place\n$/);
  });

  test("for its folder is where none can be made ends with exit code 1 and a sentence", async () => {
    const { code, stderr } = await refused({ WASMGATE_DATA_DIR: join(folder, "file", "below") });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wasmgate: the data folder .*below cannot be used: a file is in its place\n$/);
    const nowhere = await refused({ WASMGATE_DATA_DIR: "/proc/1/nowhere" });
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/^wasmgate: the data folder \/proc\/1\/nowhere cannot be used: [^\n]+\n$/);
  });

  test("for its database is damaged ends with exit code 1 and a sentence", async () => {
    const damaged = dataDir();
    mkdirSync(damaged);
    writeFileSync(join(damaged, "wasmgate.db"), "no database ".repeat(1000));
    const { code, stderr } = await refused({ WASMGATE_DATA_DIR: damaged });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wasmgate: the database .* is damaged .*; restore it from a backup, or move it away .*\n$/);
  });

  test.each([
    ["WASMGATE_AUTH_FILE", "nobody", "there is no such file"],
    ["WASMGATE_AUTH_FILE", ".", "that is a folder"],
    ["WASMGATE_REGISTRY_CONFIG", "nope", "there is no such file"],
    ["WASMGATE_REGISTRY_CONFIG", "file/below", "there is no such file"],
    ["WASMGATE_REGISTRY_CERTS_DIR", "nope", "there is no such folder"],
    ["WASMGATE_REGISTRY_CERTS_DIR", "file", "that is no folder"],
  ])("for %s leads to %s ends with exit code 1 and a sentence", async (name, path, why) => {
    const { code, stderr } = await refused({ [name]: join(folder, path) });
    expect(code).toBe(1);
    expect(stderr).toBe(`wasmgate: ${name} is ${JSON.stringify(join(folder, path))}, but ${why}\n`);
  });

  const old = nodes().find(({ major }) => major < 26);
  if (old === undefined) console.warn("SKIPPED: a start by an old Node.js (there is none on PATH)");
  (old === undefined ? test.skip : test)(
    "for its Node.js is too old ends with exit code 1 and a sentence",
    async () => {
      const { code, stderr } = await refused({}, old?.path);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^wasmgate needs Node\.js 26 or newer, and this is \d+\.\d+\.\d+: run `npm ci` and .*\n$/);
    },
  );
});

describe("a start", () => {
  test("does not need docker's or podman's files where it searches for them", async () => {
    const searched = { WASMGATE_REGISTRY_CONFIG: "search", HOME: join(folder, "nope"), DOCKER_CONFIG: "/nope" };
    const gateway = await GatewayProcess.start({ WASMGATE_DATA_DIR: dataDir(), ...searched });
    expect((await gateway.client.get("/healthz")).status).toBe(200);
  });

  test("makes a folder that nobody else may read", async () => {
    const environment = { WASMGATE_DATA_DIR: join(dataDir(), "deep", "down") };
    await GatewayProcess.start(environment);
    expect(statSync(environment.WASMGATE_DATA_DIR).mode & 0o777).toBe(0o700);
  });

  test("closes an empty folder that was there", async () => {
    const open = dataDir();
    mkdirSync(open);
    chmodSync(open, 0o755);
    await GatewayProcess.start({ WASMGATE_DATA_DIR: open });
    expect(statSync(open).mode & 0o777).toBe(0o700);
  });

  test("with the port off serves nobody and lives until it is told to stop", async () => {
    const gateway = await GatewayProcess.start({ WASMGATE_DATA_DIR: dataDir(), WASMGATE_PORT: "off" });
    expect(await gateway.line("listening")).toMatchObject({ addresses: {} });
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
  });
});

/** The programs named node on PATH and in the system's folder. */
function nodes(): { readonly path: string; readonly major: number }[] {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/bin", "/usr/local/bin"];
  return [...new Set(folders)].flatMap((each) => {
    const path = join(each, "node");
    try {
      const version = execFileSync(path, ["--version"], { encoding: "utf8", stdio: "pipe" });
      return [{ path, major: Number(/^v(\d+)/.exec(version)?.[1]) }];
    } catch {
      return [];
    }
  });
}
