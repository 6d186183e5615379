import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith, findTool } from "../support/tools.ts";
import { Buildah } from "./buildah.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway, type TestGateway } from "./gateway.ts";
import { numbered } from "./numbered.ts";
import { run } from "./programs.ts";

const folder = temporaryFolder();

describeWith(["docker-registry", "buildah"], "an image in Debian's docker-registry", () => {
  const buildah = new Buildah(folder);
  let registry = "";
  let image = "";
  let digest = "";

  beforeAll(async () => {
    registry = await startDockerRegistry(folder);
    image = await buildah.build({ files: { "seven.wasm": numbered(7) }, tag: `${registry}/team/seven:v1` });
    digest = await buildah.push(image);
    const library = `${registry}/library/hello-wasm:v2`;
    await buildah.run(["tag", image, library]);
    await buildah.push(library);
  });

  describe("asked without credentials", () => {
    let gateway: TestGateway;
    beforeAll(async () => (gateway = await openTestGateway(folder)));

    test("is deployed, listed, queried, invoked and deleted, and nothing is left of it", async () => {
      const deployed = await gateway.deploy("seven", image);
      expect(deployed).toEqual({
        status: 200,
        text: "status code: 200, message: deploy function seven successfully!\n",
      });
      const list = `[{func_name: seven, func_image_name: ${image}, wasi_cap: false}]`;
      expect((await gateway.list()).text).toBe(`status code: 200, message: all deployed function info: ${list}\n`);
      const path = join(gateway.dataDir, "functions", "seven", "seven.wasm");
      const entry = `func_name: "seven", func_image_name: "${image}", func_local_path: "${path}", wasi_cap: false`;
      const info = `queried function info: FunctionEntry { ${entry} }`;
      expect((await gateway.query("seven")).text).toBe(`status code: 200, message: ${info}\n`);
      expect(readFileSync(path)).toEqual(Buffer.from(numbered(7)));
      expect(await gateway.invoke("seven", [])).toEqual({ status: 200, text: "status code: 200, message: 7" });
      const deleted = "status code: 200, message: delete function seven successfully!\n";
      expect(await gateway.remove("seven")).toEqual({ status: 200, text: deleted });
      expect(existsSync(path)).toBe(false);
      expect((await gateway.list()).text).toBe("status code: 200, message: all deployed function info: []\n");
      expect((await gateway.invoke("seven", [])).status).toBe(404);
    });

    test("is deployed by its digest", async () => {
      expect(await gateway.tryOut(`${registry}/team/seven@${digest}`)).toBe("7");
    });

    test("stays what it was when its tag is moved, until it is updated", async () => {
      const moving = `${registry}/team/moving:latest`;
      await buildah.push(await buildah.build({ files: { "f.wasm": numbered(1) }, tag: moving }));
      await gateway.deploy("moving", `${registry}/team/moving`);
      await buildah.push(await buildah.build({ files: { "f.wasm": numbered(2) }, tag: moving }));
      expect((await gateway.invoke("moving", [])).text).toBe("status code: 200, message: 1");
      expect((await gateway.deploy("moving", moving)).status).toBe(409);
      expect((await gateway.deploy("moving", moving, { update: true })).status).toBe(200);
      expect((await gateway.invoke("moving", [])).text).toBe("status code: 200, message: 2");
    });

    test.each([
      ["a repository", "team/none:v1"],
      ["a tag", "team/seven:v2"],
      ["a digest", `team/seven@sha256:${"0".repeat(64)}`],
    ])("is answered with 404 where the registry lacks %s, in the registry's words", async (_, name) => {
      const { status, text } = await gateway.deploy("none", `${registry}/${name}`);
      expect({ status, text }).toEqual({
        status: 404,
        text: expect.stringContaining("MANIFEST_UNKNOWN manifest unknown"),
      });
      expect(text).toContain(`${registry}/${name}`);
    });
  });

  describeWith(["skopeo"], "copied by skopeo", () => {
    test.each(["oci", "v2s2"])("as %s is deployed and invoked", async (format) => {
      const copy = `${registry}/copies/${format}:v1`;
      const flags = [
        "--insecure-policy",
        "--tmpdir",
        folder,
        "copy",
        "--format",
        format,
        "--authfile",
        buildah.credentials,
      ];
      const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
      await run(findTool("skopeo") ?? "skopeo", [...flags, ...tls, `docker://${image}`, `docker://${copy}`]);
      const gateway = await openTestGateway(folder);
      expect(await gateway.tryOut(copy)).toBe("7");
    });
  });

  test("is found under docker's short names where the registry mirrors docker.io", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_MIRRORS: `docker.io=${registry}` });
    const names = ["hello-wasm:v2", "library/hello-wasm:v2", "docker.io/hello-wasm:v2", "team/seven:v1"];
    for (const name of names) expect(await gateway.tryOut(name)).toBe("7");
    await gateway.deploy("hello", "hello-wasm:v2");
    expect((await gateway.list()).text).toContain("func_image_name: hello-wasm:v2,");
  });

  test("is refused with 403 where the registry is not on the list of those allowed", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_ALLOWED_REGISTRIES: "ghcr.io,127.0.0.1:1" });
    const { status, text } = await gateway.deploy("seven", image);
    const why = `${image}: the registry ${registry} is not on the list of allowed registries`;
    expect({ status, text }).toEqual({ status: 403, text: `status code: 403, message: ${why}\n` });
  });

  test("is deployed where the registry is on the list of those allowed", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_ALLOWED_REGISTRIES: `ghcr.io,${registry}` });
    expect(await gateway.tryOut(image)).toBe("7");
  });
});
