import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { tar } from "../support/tar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway, type TestGateway } from "./gateway.ts";
import { crane, describeWithBuilt } from "./go-tools.ts";
import { numbered } from "./numbered.ts";
import { direct, Program, run } from "./programs.ts";

const folder = temporaryFolder();
const tool = await crane();

describeWithBuilt(tool, ["docker-registry"], "an image made by crane", (program) => {
  const environment = { ...direct, DOCKER_CONFIG: folder };
  const crane = (...args: readonly string[]): Promise<string> => run(program, args, { environment });
  let gateway: TestGateway;
  let count = 0;

  beforeAll(async () => (gateway = await openTestGateway(folder)));

  /** Writes an archive with one module, compressed or not, and returns its path. */
  function archive(number: number, compress: (bytes: Uint8Array) => Uint8Array): string {
    const path = join(mkdtempSync(join(folder, "archive-")), "f.tar");
    writeFileSync(path, compress(tar([{ name: "f.wasm", contents: numbered(number) }])));
    return path;
  }

  async function startOwnRegistry(): Promise<string> {
    const served = Program.start(program, ["registry", "serve", "--address", "127.0.0.1:0"]);
    return `127.0.0.1:${await served.prints(/serving on port (\d+)/)}`;
  }

  describe.each([
    ["Debian's docker-registry", () => startDockerRegistry(folder)],
    ["crane's own registry", startOwnRegistry],
  ])("in %s", (_, start) => {
    let registry = "";
    beforeAll(async () => void (registry = await start()));
    const newName = (): string => `${registry}/crane/image-${count++}:v1`;

    test.each([
      { layer: "a zstd layer in the OCI format", type: "layer.v1.tar+zstd", compress: zstdCompressSync, oci: true },
      { layer: "a gzip layer in the OCI format", type: "layer.v1.tar+gzip", compress: gzipSync, oci: true },
      { layer: "a gzip layer in docker's format", type: "rootfs.diff.tar.gzip", compress: gzipSync, oci: false },
    ])("with $layer is deployed and invoked", async ({ type, compress, oci }) => {
      const image = newName();
      const flags = oci ? ["--oci-empty-base"] : [];
      await crane("append", ...flags, "-f", archive(5, compress), "-t", image);
      expect(await crane("manifest", image)).toContain(type);
      expect(await gateway.tryOut(image)).toBe("5");
    });

    test("for several platforms, the wasm one last and zstd, gives that one", async () => {
      const entries: string[] = [];
      for (const [number, platform] of [
        [6, "linux/amd64"],
        [7, "wasip1/wasm"],
      ] as const) {
        const entry = newName();
        await crane("append", "--oci-empty-base", "-f", archive(number, zstdCompressSync), "-t", entry);
        await crane("mutate", "--set-platform", platform, "-t", entry, entry);
        entries.push("-m", entry);
      }
      const image = newName();
      await crane("index", "append", ...entries, "-t", image);
      expect(await gateway.tryOut(image)).toBe("7");
      expect(await gateway.tryOut(`${image.slice(0, -3)}@${(await crane("digest", image)).trim()}`)).toBe("7");
    });
  });
});
