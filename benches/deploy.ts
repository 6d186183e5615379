/** How long does the deploy of a 1.8 MB image take, against downloading its blob from the same registry with curl? */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Children } from "../experiments/demonstration/children.ts";
import { push, startRegistry } from "../experiments/demonstration/registry.ts";
import { BenchGateway, scoped } from "./support/gateway.ts";
import { readOptions } from "./support/options.ts";
import { compared, report } from "./support/report.ts";
import { moduleOf, samples } from "./support/samples.ts";
import { median, quantile } from "./support/statistics.ts";
import { paddedTo, variantOf } from "./support/variants.ts";

const run = promisify(execFile);
const imageBytes = 1_800_000;
const options = readOptions({ seconds: 20, rounds: 15 });
const [deployMs, curlMs, afterMs]: [number[], number[], number[]] = [[], [], []];

await scoped(async (scope) => {
  const children = new Children();
  scope.defer(() => children.stop());
  const registry = await startRegistry(children);
  if (registry === undefined) throw new Error("docker-registry is not installed: apt-get install docker-registry");
  const gateway = await BenchGateway.start(options.checkout);
  scope.defer(() => gateway.stop());
  const folder = mkdtempSync(join(tmpdir(), "wasmgate-deploy-"));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { args, answer } = samples.authentication;
  const module = moduleOf(samples.authentication);
  const endMs = performance.now() + options.seconds * 1000;
  for (let round = 0; round < options.rounds && performance.now() < endMs; round += 1) {
    const name = `authentication-${round}`;
    const path = join(folder, "f.wasm");
    writeFileSync(path, paddedTo(variantOf(module, round), imageBytes));
    const image = await push(registry, `${name}:v1`, path);
    const startMs = performance.now();
    await gateway.deployImage({ name, module }, image);
    const answeredMs = performance.now();
    const got = await gateway.client.result(name, args);
    if (got !== answer) throw new Error(`${name} answered ${got}`);
    deployMs.push(answeredMs - startMs);
    afterMs.push(performance.now() - startMs);
    curlMs.push(await curl(await blobUrl(registry, name), join(folder, "blob")));
  }
});

const ms = (what: string, value: number) => ({ what, value, unit: "ms" });
const baseline = ms("curl of the blob", median(curlMs));
report(options, {
  bench: "deploy",
  question: "deploy of a 1.8 MB image from a local registry, against downloading its blob with curl",
  rows: [
    compared(
      "deploy",
      { subject: ms("deploy", median(deployMs)), baseline },
      {
        note: `${deployMs.length} images, p99 ${quantile(deployMs, 0.99).toFixed(1)} ms; curl's own time, without its start`,
      },
    ),
    compared("deploy and first invoke", { subject: ms("deploy + invoke", median(afterMs)), baseline }),
  ],
});

/** Where the one layer of an image is. */
async function blobUrl(registry: string, name: string): Promise<string> {
  const headers = { accept: "application/vnd.docker.distribution.manifest.v2+json" };
  const response = await fetch(`http://${registry}/v2/${name}/manifests/v1`, { headers });
  const digest = /"layers":\[\{.*?"digest":"([^"]+)"/.exec(await response.text())?.[1];
  return `http://${registry}/v2/${name}/blobs/${digest}`;
}

/** Downloads and returns curl's own time in milliseconds. */
async function curl(url: string, path: string): Promise<number> {
  const { stdout } = await run("curl", ["-sSfL", "-o", path, "-w", "%{time_total} %{size_download}", url]);
  const [seconds, bytes] = stdout.split(" ").map(Number);
  if ((bytes ?? 0) < imageBytes * 0.9) throw new Error(`curl got ${bytes} bytes of ${url}`);
  return (seconds ?? NaN) * 1000;
}
