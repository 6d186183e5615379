import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, describeSample, repository } from "../samples/build.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
import { Buildah } from "./buildah.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway, type TestGateway } from "./gateway.ts";
import { samples } from "./samples.ts";

build("experiments/application/build.mk", "apps");
build("functions/build.mk", "functions");

test("every sample is tried here", () => {
  const dockerfiles = globSync(["experiments/application/*/Dockerfile", "functions/*/*/Dockerfile"], {
    cwd: repository,
  });
  expect(samples.map(({ folder }) => folder).sort()).toEqual(dockerfiles.map(dirname).sort());
});

const folder = temporaryFolder();

describeWith(["docker-registry", "buildah"], "a sample in an image by its own Dockerfile", () => {
  const buildah = new Buildah(folder);
  let registry = "";
  let gateway: TestGateway;

  beforeAll(async () => {
    registry = await startDockerRegistry(folder);
    gateway = await openTestGateway(folder);
  });

  for (const sample of samples) {
    describeSample(sample.module, (module) => {
      test("is deployed, answers and is deleted", async () => {
        const name = sample.folder.split("/").slice(-2).join("-");
        const image = `${registry}/${sample.folder}:v1`;
        const dockerfile = join(repository, sample.folder, "Dockerfile");
        await buildah.run(["bud", "--isolation", "chroot", "--file", dockerfile, "--tag", image, dirname(module)]);
        await buildah.push(image);
        const deployed = `status code: 200, message: deploy function ${name} successfully!\n`;
        expect((await gateway.deploy(name, image, { wasi_cap: sample.wasi })).text).toBe(deployed);
        const reply = { status: 200, text: `status code: 200, message: ${sample.answer}` };
        expect(await gateway.invoke(name, sample.args)).toEqual(reply);
        expect((await gateway.remove(name)).status).toBe(200);
      });

      if (sample.wasi) {
        test("is refused where it may not use WASI, which it imports", async () => {
          const { status, text } = await gateway.deploy("refused", `${registry}/${sample.folder}:v1`);
          expect({ status, text }).toEqual({ status: 422, text: expect.stringContaining('"wasi_cap": true') });
        });
      }
    });
  }
});
