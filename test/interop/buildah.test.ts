import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
import { Buildah, type Recipe } from "./buildah.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway, type TestGateway } from "./gateway.ts";
import { numbered } from "./numbered.ts";

const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
const ociManifest = "application/vnd.oci.image.manifest.v1+json";
const ociIndex = "application/vnd.oci.image.index.v1+json";

const folder = temporaryFolder();

describeWith(["docker-registry", "buildah"], "an image made by buildah", () => {
  const buildah = new Buildah(folder);
  let registry = "";
  let gateway: TestGateway;
  let count = 0;

  beforeAll(async () => {
    registry = await startDockerRegistry(folder);
    gateway = await openTestGateway(folder);
  });

  /** Builds and pushes an image under a name of its own. */
  async function made(recipe: Omit<Recipe, "tag">, pushFlags: readonly string[] = []): Promise<string> {
    const tag = await buildah.build({ ...recipe, tag: `${registry}/buildah-${count++}:v1` });
    await buildah.push(tag, ["--tls-verify=false", ...pushFlags]);
    return tag;
  }

  /** What the registry serves under an image's tag. */
  async function served(image: string): Promise<{ type: string | null; manifest: string }> {
    const [host, repository, tag] = image.split(/[/:](?=[^:/]*(?:$|:v1$))/);
    const accept = [dockerManifest, dockerList, ociManifest, ociIndex].join(", ");
    const response = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { headers: { accept } });
    return { type: response.headers.get("content-type"), manifest: await response.text() };
  }

  describe.each([
    ["docker", dockerManifest],
    ["oci", ociManifest],
  ])("in the %s format", (format, type) => {
    test("by the recipe of WasmEngine's README is deployed and invoked", async () => {
      const image = await made({ files: { "authentication.wasm": numbered(1) }, flags: ["--format", format] });
      expect((await served(image)).type).toBe(type);
      expect(await gateway.tryOut(image)).toBe("1");
    });

    test("for the platform wasi/wasm is deployed and invoked", async () => {
      const flags = ["--format", format, "--platform", "wasi/wasm"];
      expect(await gateway.tryOut(await made({ files: { "f.wasm": numbered(2) }, flags }))).toBe("2");
    });
  });

  test("with a layer that is compressed by zstd is deployed and invoked", async () => {
    const flags = ["--format", "oci"];
    const image = await made({ files: { "f.wasm": numbered(4) }, flags }, ["--compression-format", "zstd"]);
    expect((await served(image)).manifest).toContain("application/vnd.oci.image.layer.v1.tar+zstd");
    expect(await gateway.tryOut(image)).toBe("4");
  });

  describe.each([
    ["v2s2", "docker", dockerList],
    ["oci", "oci", ociIndex],
  ])("as a list in the format %s", (listFormat, format, type) => {
    /** Makes a list with one image, and one module, for each platform. */
    async function madeList(platforms: Readonly<Record<string, number>>): Promise<string> {
      const tag = `${registry}/buildah-${count++}:v1`;
      await buildah.run(["manifest", "create", tag]);
      for (const [platform, number] of Object.entries(platforms)) {
        const flags = ["--format", format, "--platform", platform, "--manifest", tag];
        await buildah.build({ files: { "f.wasm": numbered(number) }, flags, tag: `${tag}-${number}` });
      }
      await buildah.pushList(tag, ["--format", listFormat]);
      return tag;
    }

    test("gives its wasi/wasm image, wherever that stands", async () => {
      const image = await madeList({ "linux/amd64": 10, "wasi/wasm": 11, "linux/arm64": 12 });
      expect((await served(image)).type).toBe(type);
      expect(await gateway.tryOut(image)).toBe("11");
    });

    test("gives its linux/amd64 image where none is for wasm", async () => {
      expect(await gateway.tryOut(await madeList({ "linux/arm64": 12, "linux/amd64": 10 }))).toBe("10");
    });

    test("is refused where no platform would do, and says which there are", async () => {
      const image = await madeList({ "linux/s390x": 13, "linux/ppc64le": 14 });
      const { status, text } = await gateway.deploy("list", image);
      expect({ status, text }).toEqual({ status: 422, text: expect.stringContaining("linux/s390x, linux/ppc64le") });
    });
  });

  describe("with two modules", () => {
    const files = { "one.wasm": numbered(1), "two.wasm": numbered(2) };
    const add = "FROM scratch\nADD one.wasm two.wasm /\n";

    test("is refused with the names of both where it names none", async () => {
      const { status, text } = await gateway.deploy("two", await made({ files, dockerfile: add }));
      expect({ status, text }).toEqual({ status: 422, text: expect.stringMatching(/one\.wasm.*two\.wasm/) });
    });

    test.each([
      ["Entrypoint", 'ENTRYPOINT ["/two.wasm"]'],
      ["Cmd", 'CMD ["two.wasm", "and", "more"]'],
      ["label wasmgate.module", "LABEL wasmgate.module=two.wasm"],
    ])("gives the one that its %s names", async (_, line) => {
      expect(await gateway.tryOut(await made({ files, dockerfile: `${add}${line}\n` }))).toBe("2");
    });

    test("gives what its Entrypoint names below a WORKDIR", async () => {
      const dockerfile = 'FROM scratch\nADD one.wasm two.wasm /app/\nWORKDIR /app\nENTRYPOINT ["two.wasm"]\n';
      expect(await gateway.tryOut(await made({ files, dockerfile }))).toBe("2");
    });

    test("in two layers is refused with the layers and what would work", async () => {
      const dockerfile = "FROM scratch\nADD one.wasm /\nADD two.wasm /\n";
      const { status, text } = await gateway.deploy("two", await made({ files, dockerfile, flags: ["--layers"] }));
      expect({ status, text }).toEqual({
        status: 422,
        text: expect.stringMatching(/has 2 layers \(.*\).*FROM scratch/),
      });
    });
  });

  test("without a module is refused with what is in it", async () => {
    const image = await made({ files: { "readme.txt": Buffer.from("none") } });
    const { status, text } = await gateway.deploy("none", image);
    expect({ status, text }).toEqual({ status: 422, text: expect.stringContaining(image) });
  });
});
