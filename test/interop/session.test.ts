/**
 * The sessions that people find written down, by the real curl against the gateway as a process: WasmEngine's, command
 * by command as its README prints them, and our own README's. Only the ports differ, since others may be taken.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, describeSample, repository } from "../samples/build.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
import { Buildah } from "./buildah.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { direct, Program, run } from "./programs.ts";
import {
  deleteHello,
  deployAuthentication,
  deployHello,
  forbidden,
  invoke,
  invokeHello,
  list,
  query,
  said,
} from "./wasmengine-session.ts";

const apps = "experiments/application";
build(`${apps}/build.mk`, "apps");

/** A gateway as a process, and curl to talk to it. */
class Terminal {
  #program: Program | undefined;
  #port = "";
  readonly #registry: string;
  readonly dataDir: string;

  constructor(registry: string, dataDir: string) {
    this.#registry = registry;
    this.dataDir = dataDir;
  }

  async start(): Promise<void> {
    const environment = {
      ...direct,
      ...{ WASMGATE_PORT: "0", WASMGATE_DATA_DIR: this.dataDir, WASMGATE_REGISTRY_CONFIG: "none" },
    };
    const start = join(repository, "src", "start.js");
    this.#program = Program.start(process.execPath, [start], { folder: repository, environment });
    this.#port = await this.#program.prints(/"message":"listening".*"port":(\d+)/);
  }

  async stop(): Promise<void> {
    expect(await this.#program?.stop()).toEqual({ code: 0, signal: null });
  }

  /** Types a command into a shell and returns all that it prints to stdout. */
  async type(command: string): Promise<string> {
    // Nobody's ~/.curlrc has a say.
    const environment = { ...direct, HOME: this.dataDir, CURL_HOME: this.dataDir };
    const here = command
      .replaceAll("localhost:10000", `localhost:${this.#port}`)
      .replaceAll("127.0.0.1:5000", this.#registry);
    return (await run("/bin/sh", ["-c", here], { environment })).replaceAll(this.#registry, "127.0.0.1:5000");
  }
}

const authenticationModule = `${apps}/authentication/target/wasm32-unknown-unknown/release/authentication.wasm`;
const helloModule = `${apps}/hello/target/wasm32-wasi/release/hello.wasm`;

const folder = temporaryFolder();

describeSample(authenticationModule, (authentication) => {
  describeSample(helloModule, (hello) => {
    describeWith(["docker-registry", "buildah", "curl"], "a session with curl", () => {
      let registry = "";

      beforeAll(async () => {
        const buildah = new Buildah(folder);
        registry = await startDockerRegistry(folder);
        for (const [path, tag] of [
          [authentication, "authentication-wasm:v4"],
          [hello, "hello-wasm:v2"],
        ] as const) {
          const files = { [`${tag.split("-")[0]}.wasm`]: readFileSync(path) };
          await buildah.push(await buildah.build({ files, tag: `${registry}/${tag}` }));
        }
      });

      test("goes as WasmEngine's README has it, byte for byte, a restart in the middle included", async () => {
        const terminal = new Terminal(registry, join(folder, "wasmengine"));
        const path = join(terminal.dataDir, "functions/authentication/authentication.wasm");
        const first =
          "{func_name: authentication, func_image_name: 127.0.0.1:5000/authentication-wasm:v4, wasi_cap: false}";
        const second = "{func_name: hello, func_image_name: 127.0.0.1:5000/hello-wasm:v2, wasi_cap: true}";
        const entry =
          'FunctionEntry { func_name: "authentication", func_image_name: "127.0.0.1:5000/authentication-wasm:v4", ' +
          `func_local_path: "${path}", wasi_cap: false }`;

        await terminal.start();
        expect(await terminal.type(deployAuthentication)).toBe(said("deploy function authentication successfully!\n"));
        expect(await terminal.type(deployHello)).toBe(said("deploy function hello successfully!\n"));
        const both = said(`all deployed function info: [${first}, ${second}]\n`);
        expect(await terminal.type(list)).toBe(both);
        await terminal.stop();
        await terminal.start();
        expect(await terminal.type(list)).toBe(both);
        expect(await terminal.type(query)).toBe(said(`queried function info: ${entry}\n`));
        expect(await terminal.type(invoke)).toBe(said(forbidden));
        expect(await terminal.type(invokeHello)).toBe(said("Hello, Budda!"));
        expect(await terminal.type(deleteHello)).toBe(said("delete function hello successfully!\n"));
        expect(await terminal.type(list)).toBe(said(`all deployed function info: [${first}]\n`));
        const gone = "status code: 404, message: function hello is not deployed\n";
        expect(await terminal.type(invokeHello)).toBe(gone);
        expect(await terminal.type(deleteHello)).toBe(gone);
        await terminal.stop();
      });

      test("goes as our README has it", async () => {
        const terminal = new Terminal(registry, join(folder, "readme"));
        const session = sessionOf(readFileSync(join(repository, "README.md"), "utf8"));
        expect(session).toHaveLength(5);
        await terminal.start();
        for (const { command, reply } of session) {
          const printed = (await terminal.type(command)).replace(/\n$/, "");
          expect(printed.replace(terminal.dataDir, "/home/you/wasmgate/data")).toBe(reply);
        }
        await terminal.stop();
      });
    });
  });
});

/** The commands of the README's first session, each with what it prints. */
function sessionOf(readme: string): { command: string; reply: string }[] {
  const block = /^## A first session$[\s\S]*?^```\n([\s\S]*?)^```$/m.exec(readme)?.[1] ?? "";
  return [...block.matchAll(/^\$ ([\s\S]*?)\n(status code: .*)$/gm)].map(([, command = "", reply = ""]) => ({
    command,
    reply,
  }));
}
