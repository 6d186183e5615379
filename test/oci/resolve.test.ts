import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { emptyModule, putDockerImage } from "../support/image.ts";
import { MisbehavingRegistry, refuse, types } from "../support/misbehaving-registry.ts";
import { client } from "../support/pulling.ts";

const remote = await MisbehavingRegistry.start();
afterAll(() => remote.stop());
beforeEach(() => remote.reset());

const at = (rest: string): ReturnType<typeof parseReference> => parseReference(`${remote.host}/${rest}`);
const failure = (code: string, message?: string): unknown =>
  expect.objectContaining({ code, ...(message === undefined ? {} : { message: expect.stringContaining(message) }) });

/** An OCI manifest of one raw module and no config. */
function artifact(overrides: object = {}): object {
  return {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: remote.putBlob("{}", types.empty),
    layers: [remote.putBlob(emptyModule, types.wasm)],
    ...overrides,
  };
}

describe("resolve()", () => {
  test("finds a docker image's layer, config and digests", async () => {
    const { manifest, layer } = putDockerImage(remote, {
      config: { Cmd: ["/f.wasm"], Env: ["A=b"], Labels: { c: "d" } },
    });
    const image = await client().registry.resolve(at("app:v1"));
    expect(image.digest).toBe(manifest.digest);
    expect(image.manifestDigest).toBe(manifest.digest);
    expect(image.module).toMatchObject(layer);
    expect(image.diffId).toMatch(/^sha256:/);
    expect(image.config).toMatchObject({ cmd: ["/f.wasm"], entrypoint: [], env: ["A=b"], labels: { c: "d" } });
    expect(remote.requests[0]?.headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "wasmgate" });
    expect(remote.requests[0]?.headers.accept?.split(", ")).toHaveLength(4);
    expect(remote.requests[0]?.headers.accept).not.toContain("*/*");
  });

  test("walks an index, skips attestations, and keeps the index's digest", async () => {
    const wasi = remote.putManifest("app", "wasi", artifact());
    const native = remote.putManifest("app", "native", artifact({ annotations: { a: "native" } }));
    const attestation = { ...remote.putManifest("app", "att", artifact({ annotations: { a: "att" } })) };
    const index = remote.putManifest(
      "app",
      "v1",
      {
        schemaVersion: 2,
        mediaType: types.index,
        manifests: [
          {
            ...attestation,
            platform: { os: "unknown", architecture: "unknown" },
            annotations: { "vnd.docker.reference.type": "attestation-manifest" },
          },
          { ...native, platform: { os: "linux", architecture: "amd64" } },
          { ...wasi, platform: { os: "wasi", architecture: "wasm" } },
        ],
      },
      types.index,
    );
    const { registry } = client();
    const image = await registry.resolve(at("app:v1"));
    expect([image.digest, image.manifestDigest]).toEqual([index.digest, wasi.digest]);
    const again = await registry.resolve(at(`app@${index.digest}`));
    expect(again.module).toEqual(image.module);
  });

  test("prefers the digest to the tag", async () => {
    const { manifest } = putDockerImage(remote);
    const image = await client().registry.resolve(at(`app:gone@${manifest.digest}`));
    expect(image.digest).toBe(manifest.digest);
    expect(remote.asked(/manifests\/gone/)).toBe(0);
  });

  test("takes an empty config and an artifact's own config for none, without fetching them", async () => {
    remote.putManifest("app", "v1", artifact());
    expect((await client().registry.resolve(at("app:v1"))).config).toBeUndefined();
    remote.putManifest("app", "v2", artifact({ config: { ...remote.putBlob("zip"), mediaType: "application/x.own" } }));
    expect((await client().registry.resolve(at("app:v2"))).config).toBeUndefined();
    expect(remote.asked(/blobs/)).toBe(0);
  });

  test("accepts CNCF's config, even when it is {}", async () => {
    const config = remote.putBlob("{}", "application/vnd.wasm.config.v0+json");
    remote.putManifest("app", "v1", artifact({ config }));
    expect((await client().registry.resolve(at("app:v1"))).config?.layerDigests).toEqual([]);
  });

  test("reads a config out of its descriptor", async () => {
    const text = JSON.stringify({ os: "wasip1", architecture: "wasm" });
    const config = { ...remote.putBlob(text, "application/vnd.wasm.config.v0+json"), data: btoa(text) };
    remote.putManifest("app", "v1", artifact({ config }));
    expect((await client().registry.resolve(at("app:v1"))).config?.os).toBe("wasip1");
    expect(remote.asked(/blobs/)).toBe(0);
  });

  test("reads an OCI manifest that names its type nowhere but in Content-Type", async () => {
    remote.putManifest("app", "v1", artifact({ mediaType: undefined }));
    expect((await client().registry.resolve(at("app:v1"))).module.mediaType).toBe(types.wasm);
  });

  test("asks the mirror, by its scheme, and keeps the reference's text", async () => {
    const { manifest } = putDockerImage(remote, { repository: "library/app" });
    const { registry } = client({ rules: { mirrors: { "docker.io": remote.host } } });
    const image = await registry.resolve(parseReference("app:v1"));
    expect([image.reference.text, image.digest]).toEqual(["app:v1", manifest.digest]);
  });

  test("refuses a registry that is not on the list, before it is asked", async () => {
    const { registry } = client({ rules: { allowed: ["ghcr.io"] } });
    await expect(registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", remote.host));
    expect(remote.requests).toEqual([]);
  });

  test("logs a registry's Warning once", async () => {
    putDockerImage(remote);
    remote.misbehave(/./, (request, response) => {
      response.setHeader("warning", '299 - "this registry\tcloses soon"');
      remote.serve(request, response);
    });
    const { registry, logged } = client();
    await registry.resolve(at("app:v1"));
    await registry.resolve(at("app:v1"));
    expect(logged).toEqual([
      {
        level: "warn",
        message: "a registry warns",
        fields: { registry: remote.host, warning: "this registry closes soon" },
      },
    ]);
  });
});

describe("resolve() refuses", () => {
  test("a manifest that is not what the digest says", async () => {
    const { manifest } = putDockerImage(remote);
    putDockerImage(remote, { tag: "other", config: {} });
    remote.misbehave(/manifests/, (request, response) =>
      remote.serve({ ...request, url: "/v2/app/manifests/other" }, response),
    );
    await expect(client().registry.resolve(at(`app@${manifest.digest}`))).rejects.toEqual(
      failure("DIGEST_MISMATCH", manifest.digest),
    );
  });

  test("a manifest that is not what the registry's own header says", async () => {
    putDockerImage(remote);
    remote.misbehave(/manifests/, (request, response) => {
      const set = response.setHeader.bind(response);
      response.setHeader = (name, value) =>
        set(name, name === "docker-content-digest" ? digestOf("something else") : value);
      remote.serve(request, response);
    });
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("a config that is not what the manifest says", async () => {
    putDockerImage(remote);
    remote.misbehave(/blobs/, (_request, response) => void response.end("{}"));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("a child of an index whose size is not what the index says", async () => {
    const child = remote.putManifest("app", "child", artifact());
    const document = { schemaVersion: 2, mediaType: types.index, manifests: [{ ...child, size: child.size + 1 }] };
    remote.putManifest("app", "v1", document, types.index);
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("inline data that is not what its descriptor says", async () => {
    const config = { ...remote.putBlob("{}", "application/vnd.wasm.config.v0+json"), data: btoa("[]") };
    remote.putManifest("app", "v1", artifact({ config }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("inline data that is too long", async () => {
    const text = `{"author":"${"x".repeat(70_000)}"}`;
    const config = { ...remote.putBlob(text, "application/vnd.wasm.config.v0+json"), data: btoa(text) };
    remote.putManifest("app", "v1", artifact({ config }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_TOO_LARGE"));
  });

  test.each([
    ["not JSON", "<html>sign in to the hotel's wifi</html>", "IMAGE_INVALID", "not a JSON object"],
    ["JSON but no object", "[]", "IMAGE_INVALID", "not a JSON object"],
    ["nested beyond reason", "[".repeat(1_000_000), "IMAGE_INVALID", "not a JSON object"],
    ["without a version", "{}", "IMAGE_INVALID", "schemaVersion 2"],
    [
      "of a million entries",
      `{"schemaVersion":2,"manifests":[${"{},".repeat(1_000_000)}{}]}`,
      "IMAGE_TOO_LARGE",
      "values",
    ],
    ["of a million layers", `{"schemaVersion":2,"layers":[${"0,".repeat(1_000_000)}0]}`, "IMAGE_TOO_LARGE", "values"],
    ["of schema 1", '{"schemaVersion":1,"name":"app"}', "IMAGE_UNSUPPORTED", "schema 1"],
  ])("a manifest that is %s", async (_title, body, code, message) => {
    remote.putManifest("app", "v1", body);
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure(code, message));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toThrow(`${remote.host}/app:v1`);
  });

  test("a document that is both a manifest and an index (CVE-2021-41190)", async () => {
    remote.putManifest("app", "v1", artifact({ manifests: [] }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_INVALID", "two ways"));
    const index = { schemaVersion: 2, mediaType: types.index, manifests: [], layers: [] };
    remote.putManifest("app", "v2", index, types.index);
    await expect(client().registry.resolve(at("app:v2"))).rejects.toEqual(failure("IMAGE_INVALID", "two ways"));
  });

  test("a mediaType that is not the Content-Type", async () => {
    remote.putManifest("app", "v1", artifact({ mediaType: types.dockerManifest }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_INVALID", "is called"));
  });

  test("a child whose type is not the one in the index", async () => {
    const child = remote.putManifest("app", "child", artifact());
    const document = { schemaVersion: 2, manifests: [{ ...child, mediaType: types.dockerManifest }] };
    remote.putManifest("app", "v1", document, types.index);
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_INVALID", "is called"));
  });

  test("a manifest of a foreign type", async () => {
    remote.putManifest("app", "v1", { schemaVersion: 2 }, "application/vnd.example+json");
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(
      failure("IMAGE_UNSUPPORTED", "application/vnd.example+json"),
    );
  });

  test("a manifest that was compressed on the way although that was not asked", async () => {
    const { manifest } = putDockerImage(remote);
    remote.misbehave(/manifests/, (_request, response) => {
      response.writeHead(200, { "content-type": manifest.mediaType, "content-encoding": "gzip" });
      response.end(gzipSync("{}"));
    });
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(
      failure("REGISTRY_UNAVAILABLE", "Content-Encoding"),
    );
  });

  test("a manifest that announces to be too long, without reading it", async () => {
    remote.misbehave(/manifests/, (_request, response) => {
      response.writeHead(200, { "content-type": types.manifest, "content-length": 5_000_000 });
      response.write("{");
    });
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_TOO_LARGE"));
  });

  test("a manifest that never ends", async () => {
    remote.misbehave(/manifests/, (_request, response) => {
      response.writeHead(200, { "content-type": types.manifest });
      const more = (): void => {
        while (!response.destroyed && response.write(" ".repeat(65_536)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_TOO_LARGE"));
  });

  test("a manifest that promises a longer config than is read, without asking for it", async () => {
    const config = { ...remote.putBlob("{}", types.config), size: 2_000_000 };
    remote.putManifest("app", "v1", artifact({ config }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_TOO_LARGE", "config"));
    expect(remote.asked(/blobs/)).toBe(0);
  });

  test("an index of too many entries", async () => {
    const child = remote.putManifest("app", "child", artifact());
    const document = { schemaVersion: 2, mediaType: types.index, manifests: Array(257).fill(child) };
    remote.putManifest("app", "v1", document, types.index);
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_TOO_LARGE", "257"));
  });

  test("indexes in indexes in indexes", async () => {
    let child = remote.putManifest("app", "v0", artifact());
    for (const tag of ["v1", "v2", "v3"]) {
      const document = { schemaVersion: 2, mediaType: types.index, manifests: [child] };
      child = remote.putManifest("app", tag, document, types.index);
    }
    expect((await client().registry.resolve(at("app:v2"))).module.mediaType).toBe(types.wasm);
    await expect(client().registry.resolve(at("app:v3"))).rejects.toEqual(failure("IMAGE_TOO_LARGE", "indexes"));
  });

  test("a component that only its config tells of", async () => {
    for (const text of ['{"os":"wasip2","architecture":"wasm"}', '{"os":"wasip1","component":{"exports":[]}}']) {
      remote.putManifest(
        "app",
        "v1",
        artifact({ config: remote.putBlob(text, "application/vnd.wasm.config.v0+json") }),
      );
      await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_UNSUPPORTED", "component"));
    }
  });

  test("a config that counts other layers than the manifest", async () => {
    const config = remote.putBlob(
      JSON.stringify({ rootfs: { diff_ids: [digestOf("a"), digestOf("b")] } }),
      types.config,
    );
    remote.putManifest("app", "v1", artifact({ config }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_INVALID", "diff_ids"));
  });

  test("a CNCF config that names another layer", async () => {
    const text = JSON.stringify({ os: "wasip1", layerDigests: [digestOf("another")] });
    remote.putManifest("app", "v1", artifact({ config: remote.putBlob(text, "application/vnd.wasm.config.v0+json") }));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("IMAGE_INVALID", "other layers"));
  });

  test("an image that is not there, with the registry's words", async () => {
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(
      failure("IMAGE_NOT_FOUND", "MANIFEST_UNKNOWN"),
    );
    expect(remote.requests).toHaveLength(1);
  });

  test.each([
    [401, "REGISTRY_DENIED"],
    [403, "REGISTRY_DENIED"],
    [400, "REGISTRY_UNAVAILABLE"],
    [410, "IMAGE_NOT_FOUND"],
    [418, "REGISTRY_UNAVAILABLE"],
    [204, "REGISTRY_UNAVAILABLE"],
    [206, "REGISTRY_UNAVAILABLE"],
    [304, "REGISTRY_UNAVAILABLE"],
  ])("status %i as %s, asking once", async (status, code) => {
    remote.misbehave(/manifests/, (_request, response) => void response.writeHead(status).end());
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure(code));
    expect(remote.requests).toHaveLength(1);
  });

  test("more of what a registry says than 200 printable characters of code and message", async () => {
    const message = `see https://user:pw@cdn.example/x?X-Amz-Signature=secret \u001b[31m\u202e${"long ".repeat(100)}`;
    remote.misbehave(/manifests/, (_request, response) => refuse(response, 403, "DENIED", message));
    const error = await client()
      .registry.resolve(at("app:v1"))
      .catch((reason: unknown) => String(reason));
    expect(error).toContain("DENIED see https://cdn.example/x [31m long");
    expect(error).not.toMatch(/secret|pw@|detail|\u001b|\u202e/);
    expect([...String(error as string)].length).toBeLessThan(400);
  });

  test("to hang where the registry does not answer", async () => {
    remote.misbehave(/manifests/, () => undefined);
    const { registry } = client({ limits: { documentTimeoutMs: 300 } });
    await expect(registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_UNAVAILABLE", "longer"));
  });

  test("to go on after its caller has given up, and hands the reason back", async () => {
    const stop = new AbortController();
    remote.misbehave(/manifests/, () => stop.abort(new Error("the caller went away")));
    await expect(client().registry.resolve(at("app:v1"), stop.signal)).rejects.toThrow("the caller went away");
    expect(remote.requests).toHaveLength(1);
  });

  test("a host that nobody answers at, naming it", async () => {
    const { registry } = client({ limits: { attempts: 2 } });
    await expect(registry.resolve(parseReference("127.0.0.1:1/app"))).rejects.toEqual(
      failure("REGISTRY_UNAVAILABLE", "refuses connections"),
    );
  });
});

test("fetchManifest() returns an index as it is", async () => {
  const child = remote.putManifest("app", "child", artifact());
  const put = remote.putManifest("app", "v1", { schemaVersion: 2, manifests: [child] }, types.index);
  const { digest, manifest } = await client().registry.fetchManifest(at("app:v1"));
  expect([digest, manifest.kind]).toEqual([put.digest, "index"]);
});
