/**
 * What whoever sees Wasmgate for the first time does: `make run`, and in another terminal the session of WasmEngine's
 * README as it is printed. Only the ports differ, since others may be taken.
 */
import { createServer } from "node:net";
import { join } from "node:path";
import { make, repository } from "../samples/build.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
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

const [authentication, hello] = ["authentication", "hello"].map(
  (name) => `functions/assemblyscript/${name}/build/${name}.wasm`,
) as [string, string];
const gcd = "experiments/application/gcd/build/gcd.wasm";
const built = make(repository, "-s", authentication, hello, gcd);
if (built.status !== 0) throw new Error(`make: ${built.stdout}${built.stderr}`);

const folder = temporaryFolder();
const script = join(repository, "experiments", "demonstration", "run.ts");

/** Runs what `make run` runs until it says that it serves. */
async function demonstrate(dataDir: string): Promise<{ program: Program; gateway: string; registry: string }> {
  const environment = {
    ...direct,
    ...{ WASMGATE_PORT: "0", WASMGATE_DATA_DIR: dataDir, WASMGATE_REGISTRY_CONFIG: "none" },
  };
  const program = Program.start(process.execPath, [script, authentication, hello, gcd], {
    folder: repository,
    environment,
  });
  await program.prints(/(Ctrl-C stops it)/);
  const gateway = await program.prints(/The gateway serves http:\/\/(\S+) /);
  return { program, gateway, registry: await program.prints(/A registry serves http:\/\/(\S+) /) };
}

describeWith(["docker-registry", "curl"], "make run", () => {
  test("leaves WasmEngine's session to whoever types it in another terminal, and ends when it is told to", async () => {
    const dataDir = join(folder, "data");
    const { program, gateway, registry } = await demonstrate(dataDir);
    const type = async (command: string): Promise<string> => {
      const here = command.replaceAll("localhost:10000", gateway).replaceAll("127.0.0.1:5000", registry);
      const environment = { ...direct, HOME: folder, CURL_HOME: folder };
      const printed = await run("/bin/sh", ["-c", here], { environment, withinMs: 15_000 });
      return printed.replaceAll(registry, "127.0.0.1:5000");
    };
    const image = (name: string): string => `func_image_name: 127.0.0.1:5000/${name}`;
    const entries = [
      `{func_name: gcd, ${image("gcd-wasm:v1")}, wasi_cap: false}`,
      `{func_name: authentication, ${image("authentication-wasm:v4")}, wasi_cap: false}`,
      `{func_name: hello, ${image("hello-wasm:v2")}, wasi_cap: true}`,
    ];
    const path = join(dataDir, "functions/authentication/authentication.wasm");
    const entry =
      'FunctionEntry { func_name: "authentication", func_image_name: "127.0.0.1:5000/authentication-wasm:v4", ' +
      `func_local_path: "${path}", wasi_cap: false }`;

    expect(program.printed).toContain(forbidden);
    expect(await type(deployAuthentication)).toBe(said("deploy function authentication successfully!\n"));
    expect(await type(deployHello)).toBe(said("deploy function hello successfully!\n"));
    expect(await type(list)).toBe(said(`all deployed function info: [${entries.join(", ")}]\n`));
    expect(await type(query)).toBe(said(`queried function info: ${entry}\n`));
    expect(await type(invoke)).toBe(said(forbidden));
    expect(await type(invokeHello)).toBe(said("Hello, Budda!"));
    expect(await type(deleteHello)).toBe(said("delete function hello successfully!\n"));
    const again = deployAuthentication.replace(":v4", ":v2").replace('"wasi_cap"', '"update": true, "wasi_cap"');
    expect(await type(again)).toBe(said("deploy function authentication successfully!\n"));
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  }, 90_000);

  test("says where its registry is when port 5000 is taken", async () => {
    const other = createServer();
    const taken = new Promise<boolean>((resolve) =>
      other.once("error", () => resolve(true)).once("listening", () => resolve(false)),
    );
    other.listen(5000, "127.0.0.1");
    await taken;
    const { program, registry } = await demonstrate(join(folder, "elsewhere"));
    expect(registry).not.toBe("127.0.0.1:5000");
    expect(program.printed).toContain(`Port 5000 is taken: write ${registry} wherever a README has 127.0.0.1:5000`);
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    other.close();
  }, 90_000);
});
