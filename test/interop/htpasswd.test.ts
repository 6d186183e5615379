import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith, findTool } from "../support/tools.ts";
import { Buildah } from "./buildah.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway } from "./gateway.ts";
import { numbered } from "./numbered.ts";
import { run } from "./programs.ts";

const folder = temporaryFolder();

describeWith(["docker-registry", "buildah", "htpasswd"], "an image in a registry with htpasswd", () => {
  const buildah = new Buildah(folder);
  const password = "pass:wörd + more";
  let registry = "";
  let image = "";

  beforeAll(async () => {
    const path = join(folder, "htpasswd");
    writeFileSync(path, await run(findTool("htpasswd") ?? "htpasswd", ["-Bbn", "alice", password]));
    registry = await startDockerRegistry(folder, { auth: { htpasswd: { realm: "test", path } } });
    image = await buildah.build({ files: { "f.wasm": numbered(9) }, tag: `${registry}/private/f:v1` });
    const flags = ["--tls-verify=false", "--username", "alice", "--password", password];
    await buildah.run(["login", "--authfile", buildah.credentials, ...flags, registry]);
    await buildah.push(image);
  });

  /** Writes a config.json as docker login does. */
  function config(key: string, user: string): string {
    const path = join(folder, `${key.replaceAll(/\W/g, "-")}.json`);
    writeFileSync(path, JSON.stringify({ auths: { [key]: { auth: Buffer.from(user).toString("base64") } } }));
    return path;
  }

  test("is deployed and invoked with the credentials that buildah login wrote", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CONFIG: buildah.credentials });
    expect(await gateway.tryOut(image)).toBe("9");
    expect(gateway.logged).not.toContain(password);
  });

  test("is deployed with the credentials of its mirror", async () => {
    const gateway = await openTestGateway(folder, {
      WASMGATE_REGISTRY_CONFIG: config(`http://${registry}/v2/`, `alice:${password}`),
      WASMGATE_REGISTRY_MIRRORS: `registry.example=${registry}`,
    });
    expect(await gateway.tryOut("registry.example/private/f:v1")).toBe("9");
  });

  test("is refused with 502 and not 401 for a wrong password, which nobody gets to see", async () => {
    const wrong = config(registry, "alice:hunter2");
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CONFIG: wrong });
    const { status, text } = await gateway.deploy("f", image);
    const words = `${image}: ${registry} denies, or does not have, the manifest v1 (status 401): UNAUTHORIZED`;
    expect({ status, text }).toEqual({ status: 502, text: expect.stringContaining(words) });
    const encoded = Buffer.from("alice:hunter2").toString("base64");
    for (const secret of ["hunter2", encoded]) expect(text + gateway.logged).not.toContain(secret);
  });

  test("is refused with 502 and not 401 without credentials", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CONFIG: config("ghcr.io", "alice:hunter2") });
    expect((await gateway.deploy("f", image)).status).toBe(502);
  });
});
