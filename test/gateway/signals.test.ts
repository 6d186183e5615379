import { randomUUID } from "node:crypto";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { filesIn } from "../support/files-in.ts";
import { running, testRegistry } from "../support/gateway.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { answers, fills, loops, sleeps } from "../support/guests.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const { registry, image } = testRegistry();
const folder = temporaryFolder();
const settings = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  WASMGATE_DATA_DIR: join(folder, randomUUID()),
  ...more,
});

beforeEach(() => registry().reset());
afterEach(GatewayProcess.killAll);

/** Asks a question on the one connection of an agent, which keeps it. */
function ask(agent: Agent, { client }: GatewayProcess, path: string): Promise<{ status: unknown; text: string }> {
  return new Promise((resolve, reject) => {
    get(client.url + path, { agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, text }));
    }).on("error", reject);
  });
}

/** What a new client finds: the answer of /readyz, or "refused" when nobody listens any more. */
async function readiness({ client }: GatewayProcess): Promise<string> {
  try {
    const { status, text } = await client.get("/readyz");
    return `${status} ${text}`;
  } catch {
    return "refused";
  }
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("lets running calls end, takes no others, and ends the process with exit code 0", async () => {
    const gateway = await GatewayProcess.start(settings());
    await gateway.client.mustDeploy({ function_name: "f", function_image: image("f", sleeps), wasi_cap: true });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    expect(await ask(agent, gateway, "/readyz")).toEqual({ status: 200, text: "OK" });
    const call = gateway.client.result("f", [700]);
    await running(gateway.client, 1);
    gateway.kill(signal);
    await gateway.line("stopping");
    while ((await readiness(gateway)) !== "refused") await new Promise((resolve) => setTimeout(resolve, 5));
    // Who is still connected is told.
    expect(await ask(agent, gateway, "/readyz")).toEqual({ status: 503, text: "not ready: draining\n" });
    expect(await call).toBe("700");
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(gateway.lines.at(-1)).toMatchObject({ message: "stopped" });
    expect(gateway.stderr).toBe("");
  });
});

describe("SIGTERM", () => {
  test("a second time ends the process at once", async () => {
    const gateway = await GatewayProcess.start(settings({ WASMGATE_SHUTDOWN_GRACE: "1h", WASMGATE_TIMEOUT: "1h" }));
    await gateway.client.mustDeploy({ function_name: "f", function_image: image("f", loops), export: "f" });
    const call = gateway.client.invoke("f").catch(() => "cut");
    await running(gateway.client, 1);
    gateway.kill("SIGTERM");
    await gateway.line("stopping");
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    expect(await call).toBe("cut");
  });

  test.each([
    ["br", loops],
    ["memory.fill", fills],
  ])(
    "cuts a call that loops by %s past the grace period, and the process ends with exit code 0",
    async (_by, module) => {
      const gateway = await GatewayProcess.start(
        settings({ WASMGATE_SHUTDOWN_GRACE: "200ms", WASMGATE_TIMEOUT: "1h" }),
      );
      await gateway.client.mustDeploy({ function_name: "f", function_image: image("f", module), export: "f" });
      const calls = [1, 2, 3].map(() => gateway.client.invoke("f").catch(() => "cut"));
      await running(gateway.client, 1);
      gateway.kill("SIGTERM");
      expect(await gateway.ended).toEqual({ code: 0, signal: null });
      expect(await Promise.all(calls)).toEqual(["cut", "cut", "cut"]);
    },
  );

  test("lets a deploy end that can", async () => {
    const environment = settings();
    const gateway = await GatewayProcess.start(environment);
    const function_image = image("slow", answers(3));
    const sent = Promise.withResolvers<void>();
    registry().misbehave(/blobs/, async (request, response) => {
      await sent.promise;
      registry().serve(request, response);
    });
    const deploy = gateway.client.deploy({ function_name: "f", function_image });
    while (registry().asked(/blobs/) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    gateway.kill("SIGTERM");
    await gateway.line("stopping");
    sent.resolve();
    expect((await deploy).status).toBe(200);
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    const next = await GatewayProcess.start(environment);
    expect(await next.client.result("f")).toBe("[3,3]");
  });

  test("cuts a deploy whose registry hangs, and nothing is left of it", async () => {
    const environment = settings({ WASMGATE_SHUTDOWN_GRACE: "100ms" });
    const gateway = await GatewayProcess.start(environment);
    const function_image = image("hangs", answers(3));
    registry().misbehave(/blobs/, (_request, response) => void response.writeHead(200).write("x"));
    const deploy = gateway.client.deploy({ function_name: "f", function_image }).catch(() => "cut");
    while (registry().asked(/blobs/) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(await deploy).toBe("cut");
    const next = await GatewayProcess.start(environment);
    expect((await next.client.get("/function/list")).text).toContain("info: []");
    expect(filesIn(environment["WASMGATE_DATA_DIR"] ?? "")).toEqual([]);
  });

  test("at any moment of a start ends it, and the folder can be used by the next", async () => {
    const environment = settings();
    for (const delayMs of [0, 40, 80, 120, 160, 200, 240, 300, 400]) {
      const gateway = new GatewayProcess(environment);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      gateway.kill("SIGTERM");
      const { code, signal } = await gateway.ended;
      // Before node has come as far as our handler, the signal ends it as it does any process.
      expect(code === 0 || signal === "SIGTERM").toBe(true);
      expect(gateway.stderr).toBe("");
    }
    const next = await GatewayProcess.start(environment);
    expect((await next.client.get("/healthz")).status).toBe(200);
  });
});
