/** Pushes what no tool here would, by the requests of the distribution specification. */
import { digestOf, type Digest } from "../../src/digest.ts";

/** Points at what was pushed. */
export type Pushed = { readonly mediaType: string; readonly digest: Digest; readonly size: number };

/** Pushes to one repository of a registry that asks for no credentials. */
export class Pusher {
  readonly #base: string;
  readonly #name: string;

  constructor(registry: string, repository: string) {
    this.#name = `${registry}/${repository}`;
    this.#base = `http://${registry}/v2/${repository}`;
  }

  /** Uploads a blob in two requests. https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#post-then-put */
  async blob(mediaType: string, bytes: Uint8Array<ArrayBuffer> | string): Promise<Pushed> {
    const body = Buffer.from(bytes);
    const begun = await succeed(fetch(`${this.#base}/blobs/uploads/`, { method: "POST" }));
    const upload = new URL(begun.headers.get("location") ?? "", this.#base);
    const digest = digestOf(body);
    upload.searchParams.set("digest", digest);
    await succeed(fetch(upload, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body }));
    return { mediaType, digest, size: body.byteLength };
  }

  /** Puts an OCI manifest under a tag and returns the image's name. */
  async manifest(tag: string, document: Readonly<Record<string, unknown>>): Promise<string> {
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const body = JSON.stringify({ schemaVersion: 2, mediaType, ...document });
    await succeed(
      fetch(`${this.#base}/manifests/${tag}`, { method: "PUT", headers: { "content-type": mediaType }, body }),
    );
    return `${this.#name}:${tag}`;
  }
}

async function succeed(asked: Promise<Response>): Promise<Response> {
  const response = await asked;
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  await response.body?.cancel();
  return response;
}
