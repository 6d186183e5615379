/**
 * An OCI registry in this process, on 127.0.0.1, that serves what was put into it and misbehaves on request.
 *
 *   registry.putBlob(bytes)   registry.putManifest("app", "v1", document)     what an honest registry has
 *   registry.misbehave(/blobs/, (request, response) => …, { times: 1 })       the newest fitting one answers first
 *
 * Everything that was asked is in `requests`. An honest answer is sent by `serve`, which a misbehaviour may call too.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { digestOf, type Digest } from "../../src/digest.ts";

/** What a client sent. */
export type Asked = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};

/** Answers in place of the registry. */
export type Misbehaviour = (request: Asked, response: ServerResponse) => void | Promise<void>;

/** Points at something that was put into the registry. */
export type Put = { readonly mediaType: string; readonly digest: Digest; readonly size: number };

type Kept = { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest };
type Plan = { readonly path: RegExp; readonly misbehaviour: Misbehaviour; times: number };

/** The registry's own media types, short. */
export const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  tar: "application/vnd.oci.image.layer.v1.tar",
  tarGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  tarZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  wasm: "application/wasm",
  empty: "application/vnd.oci.empty.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

/** A registry to test against; `start` makes one, the end of the test file stops it. */
export class MisbehavingRegistry {
  /** All requests, in order. */
  readonly requests: Asked[] = [];
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #manifests = new Map<string, Kept>();
  readonly #plans: Plan[] = [];
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(tls: { readonly key: string; readonly cert: string } | undefined) {
    const listen = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response);
    this.#server = tls === undefined ? createServer(listen) : createTlsServer(tls, listen);
    this.#scheme = tls === undefined ? "http" : "https";
  }

  /** Starts a registry on a free port. */
  static async start(tls?: { readonly key: string; readonly cert: string }): Promise<MisbehavingRegistry> {
    const registry = new MisbehavingRegistry(tls);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  /** 127.0.0.1:PORT. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** http://127.0.0.1:PORT. */
  get origin(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** Forgets contents, misbehaviours and requests. */
  reset(): void {
    this.requests.length = 0;
    this.#plans.length = 0;
    this.#blobs.clear();
    this.#manifests.clear();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  putBlob(bytes: Uint8Array | string, mediaType = "application/octet-stream"): Put {
    const kept = Buffer.from(bytes);
    const digest = digestOf(kept);
    this.#blobs.set(digest, kept);
    return { mediaType, digest, size: kept.byteLength };
  }

  /** Puts a manifest under a tag and its digest; text is kept as it is, anything else as JSON. */
  putManifest(repository: string, tag: string, document: unknown, mediaType: string = types.manifest): Put {
    const bytes = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
    const digest = digestOf(bytes);
    const kept = { bytes, mediaType, digest };
    this.#manifests.set(`${repository}/${tag}`, kept);
    this.#manifests.set(`${repository}/${digest}`, kept);
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Answers requests whose path fits by a misbehaviour, so many times, or always. */
  misbehave(path: RegExp, misbehaviour: Misbehaviour, { times = Infinity } = {}): void {
    this.#plans.unshift({ path, misbehaviour, times });
  }

  /** Counts the requests whose path fits. */
  asked(path: RegExp): number {
    return this.requests.filter(({ url }) => path.test(url)).length;
  }

  /** Answers as an honest registry would. */
  serve(request: Asked, response: ServerResponse): void {
    const [, repository = "", kind, name = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)/.exec(request.url) ?? [];
    const manifest = this.#manifests.get(`${repository}/${name}`);
    if (kind === "manifests" && manifest !== undefined) {
      const accepted = request.headers.accept?.includes(manifest.mediaType) ?? false;
      if (!accepted && manifest.mediaType in typeSet) return refuse(response, 404, "MANIFEST_UNKNOWN");
      response.setHeader("content-type", manifest.mediaType);
      response.setHeader("docker-content-digest", manifest.digest);
      return whole(response, manifest.bytes);
    }
    const blob = this.#blobs.get(name);
    if (kind === "blobs" && blob !== undefined) return part(request, response, blob);
    refuse(response, 404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const { method = "", url = "", headers } = request;
    const asked = { method, url, headers, body: Buffer.concat(chunks).toString("utf8") };
    this.requests.push(asked);
    response.on("error", () => undefined);
    const plan = this.#plans.find(({ path, times }) => times > 0 && path.test(url));
    if (plan === undefined) return this.serve(asked, response);
    plan.times -= 1;
    await plan.misbehaviour(asked, response);
  }
}

const typeSet: Readonly<Record<string, true>> = Object.fromEntries(Object.values(types).map((type) => [type, true]));

/** Refuses in the registry's error format. */
export function refuse(response: ServerResponse, status: number, code: string, message = "no"): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message, detail: { secret: "detail" } }] }));
}

function whole(response: ServerResponse, bytes: Uint8Array): void {
  response.writeHead(200, { "content-length": bytes.byteLength });
  response.end(bytes);
}

function part(request: Asked, response: ServerResponse, blob: Uint8Array): void {
  const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  if (from === undefined) return whole(response, blob);
  if (Number(from) >= blob.byteLength) {
    response.writeHead(416).end();
    return;
  }
  const rest = blob.subarray(Number(from));
  const range = `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}`;
  response.writeHead(206, { "content-length": rest.byteLength, "content-range": range });
  response.end(rest);
}
