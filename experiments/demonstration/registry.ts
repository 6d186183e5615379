/**
 * A registry on this machine (Debian's docker-registry, with its files in a folder that goes away) and the push of one
 * module into it, as `docker build` of "FROM scratch, ADD x.wasm /" and `docker push` would do.
 */
import { createHash } from "node:crypto";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { answers, type Children } from "./children.ts";

/** Where WasmEngine's README, and ours, have their registry. */
export const usualRegistry = "127.0.0.1:5000";

/** Starts a registry, at the usual place unless that is taken, and returns its host and port; undefined when docker-registry is not installed or does not start. */
export async function startRegistry(children: Children): Promise<string | undefined> {
  const program = findProgram("docker-registry");
  if (program === undefined) return undefined;
  const host = (await isFree("127.0.0.1", 5000)) ? usualRegistry : `127.0.0.1:${await anyFreePort()}`;
  const folder = mkdtempSync(join(tmpdir(), "wasmgate-registry-"));
  const settings = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: folder } },
    http: { addr: host },
  };
  // YAML is a superset of JSON.
  writeFileSync(join(folder, "config.yml"), JSON.stringify(settings));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const ended = children.start(program, ["serve", join(folder, "config.yml")], { quiet: true });
  return (await answers(`http://${host}/v2/`, ended)) ? host : undefined;
}

/** Puts a module into a registry as an image of one layer and returns the image's name, tag included. */
export async function push(registry: string, repository: string, modulePath: string): Promise<string> {
  const [name, tag] = repository.split(":");
  const base = `http://${registry}/v2/${name}`;
  const layers = pack();
  layers.entry({ name: basename(modulePath) }, await readFile(modulePath));
  layers.finalize();
  const tar = await buffer(layers);
  const config = {
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  };
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const manifest = {
    schemaVersion: 2,
    mediaType: type,
    config: await pushBlob(base, "application/vnd.docker.container.image.v1+json", Buffer.from(JSON.stringify(config))),
    layers: [await pushBlob(base, "application/vnd.docker.image.rootfs.diff.tar.gzip", gzipSync(tar))],
  };
  const headers = { "content-type": type };
  await succeed(fetch(`${base}/manifests/${tag}`, { method: "PUT", headers, body: JSON.stringify(manifest) }));
  return `${registry}/${repository}`;
}

/** Uploads bytes in the two requests that the distribution specification asks for, and returns their descriptor. */
async function pushBlob(base: string, mediaType: string, bytes: Uint8Array<ArrayBuffer>) {
  const begun = await succeed(fetch(`${base}/blobs/uploads/`, { method: "POST" }));
  const upload = new URL(begun.headers.get("location") ?? "", base);
  const digest = digestOf(bytes);
  upload.searchParams.set("digest", digest);
  const headers = { "content-type": "application/octet-stream" };
  await succeed(fetch(upload, { method: "PUT", headers, body: bytes }));
  return { mediaType, size: bytes.length, digest };
}

async function succeed(asked: Promise<Response>): Promise<Response> {
  const response = await asked;
  if (!response.ok) throw new Error(`the registry answered ${response.status} to ${response.url}`);
  await response.body?.cancel();
  return response;
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Tells whether nothing listens on a port. */
export async function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}

/** Returns a port of 127.0.0.1 that was free a moment ago. */
export async function anyFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/local/bin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
