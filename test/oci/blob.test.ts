import { digestOf } from "../../src/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import type { Image } from "../../src/oci/registry.ts";
import { moduleOf } from "../support/image.ts";
import { MisbehavingRegistry, types, type Put } from "../support/misbehaving-registry.ts";
import { bytesOf, client } from "../support/pulling.ts";

const remote = await MisbehavingRegistry.start();
afterAll(() => remote.stop());
beforeEach(() => remote.reset());

const blob = moduleOf(300_000);
const failure = (code: string): unknown => expect.objectContaining({ code });

function imageOf(module: Put): Image {
  return {
    reference: parseReference(`${remote.host}/app:v1`),
    digest: module.digest,
    manifestDigest: module.digest,
    module,
    diffId: undefined,
    config: undefined,
    annotations: {},
  };
}

/** Puts the blob and pulls it. */
async function pull(limits = {}, change: Partial<Put> = {}): Promise<Buffer> {
  const image = imageOf({ ...remote.putBlob(blob, types.wasm), ...change });
  return bytesOf(await client({ limits }).registry.openBlob(image, image.module));
}

/** Sends the beginning of the blob, promises the rest, and hangs up. */
function cutAfter(bytes: number, times = 1): void {
  remote.misbehave(
    /blobs/,
    (_request, response) => {
      response.writeHead(200, { "content-length": blob.byteLength });
      response.write(blob.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
    },
    { times },
  );
}

describe("openBlob()", () => {
  test("streams what the descriptor promises", async () => {
    expect((await pull()).equals(blob)).toBe(true);
  });

  test("reads a blob out of its descriptor", async () => {
    const image = imageOf({ ...remote.putBlob("hello"), data: btoa("hello") } as Put);
    expect((await bytesOf(await client().registry.openBlob(image, image.module))).toString()).toBe("hello");
    expect(remote.requests).toEqual([]);
  });

  test("goes on by Range where it was cut, from the registry's own URL", async () => {
    cutAfter(100_000);
    expect((await pull()).equals(blob)).toBe(true);
    expect(remote.requests.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=100000-"]);
  });

  test("skips what it has where the registry knows no Range (200)", async () => {
    cutAfter(100_000);
    remote.misbehave(/blobs/, ({ headers }, response) => {
      if (headers.range === undefined) {
        response.writeHead(200, { "content-length": blob.byteLength });
        response.write(blob.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
      } else {
        response.end(blob);
      }
    });
    expect((await pull()).equals(blob)).toBe(true);
    expect(remote.requests).toHaveLength(2);
  });

  test("begins anew where the registry refuses the Range (416)", async () => {
    cutAfter(100_000);
    remote.misbehave(/blobs/, ({ headers, ...request }, response) => {
      if (headers.range === undefined) remote.serve({ ...request, headers }, response);
      else response.writeHead(416).end();
    });
    remote.misbehave(
      /blobs/,
      (_request, response) => {
        response.writeHead(200, { "content-length": blob.byteLength });
        response.write(blob.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
      },
      { times: 1 },
    );
    expect((await pull()).equals(blob)).toBe(true);
    expect(remote.requests.map(({ headers }) => headers.range)).toEqual([undefined, "bytes=100000-", undefined]);
  });

  test("goes on after a silence in the middle", async () => {
    remote.misbehave(
      /blobs/,
      (_request, response) => {
        response.writeHead(200, { "content-length": blob.byteLength });
        response.write(blob.subarray(0, 1000));
      },
      { times: 1 },
    );
    expect((await pull({ idleTimeoutMs: 200 })).equals(blob)).toBe(true);
    expect(remote.requests[1]?.headers.range).toBe("bytes=1000-");
  });

  test("tries again while the registry is down", async () => {
    remote.misbehave(/blobs/, (_request, response) => void response.writeHead(503).end(), { times: 2 });
    expect((await pull()).equals(blob)).toBe(true);
  });

  test("ends the request when its stream is destroyed", async () => {
    const hungUp = Promise.withResolvers<void>();
    remote.misbehave(/blobs/, (_request, response) => {
      response.once("close", () => hungUp.resolve());
      response.writeHead(200, { "content-length": blob.byteLength });
      response.write(blob.subarray(0, 1000));
    });
    const image = imageOf(remote.putBlob(blob));
    const stream = await client().registry.openBlob(image, image.module);
    stream.destroy();
    await hungUp.promise;
  });

  test("lets so many run at once, and the next one when a stream closes", async () => {
    const image = imageOf(remote.putBlob(blob));
    const { registry } = client({ limits: { parallelPulls: 1 } });
    const first = await registry.openBlob(image, image.module);
    let opened = false;
    const second = registry.openBlob(image, image.module).finally(() => (opened = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([opened, remote.requests.length]).toEqual([false, 1]);
    await bytesOf(first);
    expect((await bytesOf(await second)).equals(blob)).toBe(true);
  });

  test("lets a waiting caller give up", async () => {
    const image = imageOf(remote.putBlob(blob));
    const { registry } = client({ limits: { parallelPulls: 1 } });
    const first = await registry.openBlob(image, image.module);
    const stop = new AbortController();
    const second = registry.openBlob(image, image.module, stop.signal);
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await expect(second).rejects.toThrow("enough");
    first.destroy();
    await bytesOf(await registry.openBlob(image, image.module));
  });
});

describe("openBlob() errors", () => {
  test("when other bytes of the right length come", async () => {
    const other = Buffer.from(blob).fill(0, 100, 101);
    remote.misbehave(/blobs/, (_request, response) => void response.end(other));
    await expect(pull()).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("when the blob is announced longer or shorter than promised, before reading it", async () => {
    await expect(pull({}, { size: blob.byteLength - 1 })).rejects.toEqual(failure("DIGEST_MISMATCH"));
    await expect(pull({}, { size: blob.byteLength + 1 })).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("when the blob ends early and nothing was announced, without asking again", async () => {
    remote.misbehave(/blobs/, (_request, response) => {
      response.write(blob.subarray(0, 1000));
      response.end();
    });
    await expect(pull()).rejects.toEqual(failure("DIGEST_MISMATCH"));
    expect(remote.requests).toHaveLength(1);
  });

  test("at the first byte too many of an endless blob", async () => {
    let sentBytes = 0;
    remote.misbehave(/blobs/, (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sentBytes += 65_536;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    await expect(pull()).rejects.toEqual(failure("DIGEST_MISMATCH"));
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
  });

  test("when another part comes than was asked for", async () => {
    cutAfter(100_000);
    remote.misbehave(/blobs/, ({ headers }, response) => {
      if (headers.range === undefined) {
        response.writeHead(200, { "content-length": blob.byteLength });
        response.write(blob.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
      } else {
        response.writeHead(206, { "content-range": `bytes 0-${blob.byteLength - 1}/${blob.byteLength}` }).end(blob);
      }
    });
    await expect(pull()).rejects.toEqual(failure("REGISTRY_UNAVAILABLE"));
  });

  test("when the rest that comes is another blob's", async () => {
    remote.misbehave(/blobs/, ({ headers }, response) => {
      if (headers.range === undefined) {
        response.writeHead(200, { "content-length": blob.byteLength });
        response.write(blob.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
      } else {
        const range = `bytes 1000-${blob.byteLength - 1}/${blob.byteLength}`;
        response.writeHead(206, { "content-range": range }).end(Buffer.alloc(blob.byteLength - 1000));
      }
    });
    await expect(pull()).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("when the connection is cut again and again", async () => {
    cutAfter(1000, Infinity);
    await expect(pull({ attempts: 3 })).rejects.toEqual(failure("REGISTRY_UNAVAILABLE"));
    expect(remote.requests.length).toBeLessThan(10);
  });

  test("when the registry encodes the blob although it was asked not to", async () => {
    remote.misbehave(/blobs/, (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      response.end(Buffer.from("1f8b", "hex"));
    });
    await expect(pull()).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("when there is no such blob, at once", async () => {
    const image = imageOf({ digest: digestOf("nothing"), size: 7, mediaType: types.wasm });
    await expect(client().registry.openBlob(image, image.module)).rejects.toEqual(failure("IMAGE_NOT_FOUND"));
  });

  test("when the whole takes longer than a pull may, however steadily it drips", async () => {
    remote.misbehave(/blobs/, (_request, response) => {
      response.writeHead(200, { "content-length": blob.byteLength });
      const drip = setInterval(() => response.write("x"), 20);
      response.once("close", () => clearInterval(drip));
    });
    await expect(pull({ pullTimeoutMs: 400 })).rejects.toEqual(failure("REGISTRY_UNAVAILABLE"));
  });

  test("in a stream that nobody listens to yet, and tells whoever reads it later", async () => {
    remote.misbehave(/blobs/, (_request, response) => {
      response.write("x");
      response.end();
    });
    const image = imageOf(remote.putBlob(blob));
    const stream = await client().registry.openBlob(image, image.module);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(bytesOf(stream)).rejects.toEqual(failure("DIGEST_MISMATCH"));
  });

  test("when the caller gives up in the middle", async () => {
    const stop = new AbortController();
    remote.misbehave(/blobs/, (_request, response) => {
      response.writeHead(200, { "content-length": blob.byteLength });
      response.write(blob.subarray(0, 1000));
    });
    const image = imageOf(remote.putBlob(blob));
    const stream = await client().registry.openBlob(image, image.module, stop.signal);
    setTimeout(() => stop.abort(new Error("enough")), 50);
    await expect(bytesOf(stream)).rejects.toThrow("enough");
    expect(remote.requests).toHaveLength(1);
  });
});
