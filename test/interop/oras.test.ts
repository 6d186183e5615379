import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway, type TestGateway } from "./gateway.ts";
import { describeWithBuilt, oras } from "./go-tools.ts";
import { numbered } from "./numbered.ts";
import { run } from "./programs.ts";

const folder = temporaryFolder();
const tool = await oras();

describeWithBuilt(tool, ["docker-registry"], "an artifact pushed by ORAS", (program) => {
  let registry = "";
  let gateway: TestGateway;
  let count = 0;

  beforeAll(async () => {
    writeFileSync(join(folder, "one.wasm"), numbered(1));
    writeFileSync(join(folder, "two.wasm"), numbered(2));
    writeFileSync(join(folder, "config.json"), "{}");
    mkdirSync(join(folder, "inside"));
    writeFileSync(join(folder, "inside", "three.wasm"), numbered(3));
    registry = await startDockerRegistry(folder);
    gateway = await openTestGateway(folder);
  });

  /** Pushes files as `oras push --plain-http` does, and returns the image's name and the manifest. */
  async function pushed(flags: readonly string[], files: readonly string[]) {
    const repository = `oras/artifact-${count++}`;
    const digest = (await run(program, [...flags, `${registry}/${repository}:v1`, ...files], { folder })).trim();
    const headers = { accept: "application/vnd.oci.image.manifest.v1+json" };
    const response = await fetch(`http://${registry}/v2/${repository}/manifests/${digest}`, { headers });
    return { image: `${registry}/${repository}:v1`, manifest: await response.text() };
  }

  test.each([
    ["without a type, which calls the bare module a tar", [], ["one.wasm"], "application/vnd.oci.image.layer.v1.tar"],
    ["as application/wasm", [], ["one.wasm:application/wasm"], '"mediaType":"application/wasm"'],
    [
      "with an artifact type",
      ["-artifact-type", "application/vnd.example.function"],
      ["one.wasm:application/wasm"],
      '"artifactType":"application/vnd.example.function"',
    ],
    [
      "with CNCF's config type, whose config is no valid one",
      ["-image-spec", "v1.0", "-config", "config.json:application/vnd.wasm.config.v0+json"],
      ["one.wasm:application/wasm"],
      "application/vnd.wasm.config.v0+json",
    ],
  ])("%s is deployed and invoked", async (_, flags, files, shown) => {
    const { image, manifest } = await pushed(flags, files);
    expect(manifest).toContain(shown);
    expect(await gateway.tryOut(image)).toBe("1");
  });

  test("as a folder is deployed and invoked", async () => {
    const { image, manifest } = await pushed([], ["inside"]);
    expect(manifest).toContain('"io.deis.oras.content.unpack":"true"');
    expect(await gateway.tryOut(image)).toBe("3");
  });

  test("with two files is refused with both layers", async () => {
    const { image } = await pushed([], ["one.wasm", "two.wasm"]);
    const { status, text } = await gateway.deploy("two", image);
    expect({ status, text }).toEqual({ status: 422, text: expect.stringContaining("has 2 layers") });
  });
});
