import { parseReference } from "../../src/oci/reference.ts";
import { passwordCredential } from "../../src/oci/credentials.ts";
import { putDockerImage } from "../support/image.ts";
import { MisbehavingRegistry } from "../support/misbehaving-registry.ts";
import { bytesOf, client, publicLoopback } from "../support/pulling.ts";

const remote = await MisbehavingRegistry.start();
const elsewhere = await MisbehavingRegistry.start();
afterAll(() => Promise.all([remote.stop(), elsewhere.stop()]));
beforeEach(() => {
  remote.reset();
  elsewhere.reset();
});

const at = (rest: string): ReturnType<typeof parseReference> => parseReference(`${remote.host}/${rest}`);
const failure = (code: string, message = ""): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

/** Has the registry answer requests for a path by pointing elsewhere. */
function redirect(path: RegExp, location: string | ((url: string) => string), status = 307): void {
  remote.misbehave(path, ({ url }, response) => {
    response.writeHead(status, { location: typeof location === "string" ? location : location(url) });
    response.end("moved");
  });
}

/** Pulls everything of an image. */
async function pull(registry: ReturnType<typeof client>["registry"], reference = at("app:v1")): Promise<Buffer> {
  const image = await registry.resolve(reference);
  return bytesOf(await registry.openBlob(image, image.module));
}

const credentials = { find: async () => passwordCredential("user", "secret") };

describe("a redirect", () => {
  test.each([301, 302, 303, 307, 308])("by %i is followed", async (status) => {
    putDockerImage(remote);
    putDockerImage(elsewhere);
    redirect(/blobs/, (url) => `${elsewhere.origin}${url}?X-Amz-Signature=abc`, status);
    expect((await pull(client().registry)).byteLength).toBeGreaterThan(0);
    expect(elsewhere.asked(/\?X-Amz-Signature=abc$/)).toBe(2);
  });

  test("to another origin carries no credentials, not even when it leads back", async () => {
    putDockerImage(remote);
    remote.misbehave(/^\/v2\//, ({ url, ...request }, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
      } else {
        response.writeHead(307, { location: `${elsewhere.origin}/there${url}` }).end();
      }
    });
    elsewhere.misbehave(/^\/there/, ({ url }, response) => {
      response.writeHead(307, { location: `${remote.origin}${url.replace("/there/", "/back/")}` }).end();
    });
    remote.misbehave(/^\/back/, ({ url, ...request }, response) => {
      remote.serve({ ...request, url: url.replace("/back/", "/") }, response);
    });
    await pull(client({ credentials }).registry);
    const carried = (asked: readonly { url: string; headers: object }[], path: RegExp): unknown[] =>
      asked.filter(({ url }) => path.test(url)).map(({ headers }) => "authorization" in headers);
    expect(carried(remote.requests, /^\/v2/)).toContain(true);
    expect(carried(elsewhere.requests, /./)).toEqual([false, false, false]);
    expect(carried(remote.requests, /^\/back/)).toEqual([false, false, false]);
    expect([...remote.requests, ...elsewhere.requests].filter(({ headers }) => headers.cookie)).toEqual([]);
  });

  test("within the origin keeps them", async () => {
    putDockerImage(remote);
    remote.misbehave(/manifests\/v1$/, (request, response) => {
      if (request.headers.authorization) response.writeHead(307, { location: "./v1?again" }).end();
      else response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    });
    await client({ credentials }).registry.resolve(at("app:v1"));
    expect(remote.requests.find(({ url }) => url.endsWith("?again"))?.headers.authorization).toMatch(/^Basic /);
  });

  test("to a host that challenges is answered with nothing", async () => {
    putDockerImage(remote);
    redirect(/blobs/, (url) => `${elsewhere.origin}${url}`);
    elsewhere.misbehave(/./, (_request, response) => {
      response
        .writeHead(401, { "www-authenticate": `Basic realm="x", Bearer realm="${elsewhere.origin}/token"` })
        .end();
    });
    await expect(pull(client({ credentials }).registry)).rejects.toEqual(failure("REGISTRY_DENIED", elsewhere.host));
    expect(elsewhere.requests).toHaveLength(1);
  });

  test("that leads in a circle ends", async () => {
    redirect(/./, (url) => url);
    await expect(pull(client().registry)).rejects.toEqual(failure("REGISTRY_UNAVAILABLE", "more than 5 times"));
    expect(remote.requests).toHaveLength(6);
  });

  test("without a place is an answer that nobody wanted", async () => {
    remote.misbehave(/./, (_request, response) => void response.writeHead(307).end());
    await expect(pull(client().registry)).rejects.toEqual(failure("REGISTRY_UNAVAILABLE", "307"));
  });

  test.each([
    ["file:///etc/passwd", "no http"],
    ["http://", "no http"],
    ["http://user:pw@127.0.0.1:1/x", "a user in it"],
    ["http://169.254.169.254/latest/meta-data", "169.254.169.254"],
    ["http://0xA9FEA9FE/", "169.254.169.254"],
    ["http://2852039166/", "169.254.169.254"],
    ["http://[::ffff:169.254.169.254]/", "no registry"],
    ["http://[fd00:ec2::254]/", "no registry"],
    ["http://[fe80::1]/", "no registry"],
    ["http://0.0.0.0/", "no registry"],
    ["http://[::]/", "no registry"],
    ["http://224.0.0.1/", "no registry"],
  ])("to %s is refused even from loopback", async (location, message) => {
    redirect(/./, location);
    await expect(pull(client().registry)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", message));
  });

  test("is not shown with its query", async () => {
    redirect(/./, "http://169.254.169.254/x?signature=secret");
    await expect(pull(client().registry)).rejects.not.toThrow(/secret/);
  });

  test("has a body that nobody waits for", async () => {
    putDockerImage(remote);
    remote.misbehave(
      /manifests\/v1$/,
      (_request, response) => {
        response.writeHead(307, { location: "/v2/app/manifests/v1?again" });
        response.write("endless");
      },
      { times: 1 },
    );
    expect((await client().registry.resolve(at("app:v1"))).module.size).toBeGreaterThan(0);
  });
});

describe("from a public registry", () => {
  const names = { "public.test": "127.0.0.1", "private.test": "10.0.0.1", "metadata.test": "169.254.169.254" };
  const addresses = publicLoopback({ ...names, "local.test": "127.0.0.5" });
  const publicly = (): ReturnType<typeof client> =>
    client({ addresses, rules: { insecure: [`public.test:${remote.port}`] } });
  const there = parseReference(`public.test:${remote.port}/app:v1`);

  test("a redirect to a public host is followed", async () => {
    putDockerImage(remote);
    putDockerImage(elsewhere);
    redirect(/blobs/, (url) => `http://public.test:${elsewhere.port}${url}`);
    expect((await pull(publicly().registry, there)).byteLength).toBeGreaterThan(0);
  });

  test.each([
    ["a private address", "http://10.0.0.1/x"],
    ["a private address in IPv6", "http://[::ffff:10.0.0.1]/x"],
    ["another loopback address", "http://127.0.0.2/x"],
    ["IPv6 loopback", "http://[::1]/x"],
    ["a name of a private address", "http://private.test/x"],
    ["a name of a loopback address", "http://local.test/x"],
    ["a name of a metadata address", "http://metadata.test/x"],
  ])("a redirect to %s is refused", async (_title, location) => {
    redirect(/./, location);
    await expect(pull(publicly().registry, there)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED"));
  });

  test("a second redirect does not get nearer than the first", async () => {
    const local = client({ addresses });
    redirect(/./, `http://public.test:${elsewhere.port}/x`);
    elsewhere.misbehave(/./, (_request, response) => void response.writeHead(307, { location: "http://[::1]/" }).end());
    await expect(pull(local.registry)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", "[::1]"));
    expect(elsewhere.requests).toHaveLength(1);
  });

  test("a name that changes its meaning between the judgement and the dial leads nowhere", async () => {
    let asked = 0;
    const rebinding = {
      ...addresses,
      lookup: async (name: string) => (name === "rebind.test" && asked++ > 0 ? ["10.0.0.1"] : ["127.0.0.1"]),
    };
    redirect(/./, "http://rebind.test:1/x");
    const { registry } = client({ addresses: rebinding, rules: { insecure: [`public.test:${remote.port}`] } });
    await expect(pull(registry, there)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", "rebind.test"));
    expect(asked).toBeGreaterThan(1);
  });

  test("a name with one forbidden address among others is refused", async () => {
    const mixed = { ...addresses, lookup: async () => ["127.0.0.1", "169.254.169.254"] };
    const { registry } = client({ addresses: mixed, rules: { insecure: [`public.test:${remote.port}`] } });
    await expect(pull(registry, there)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED"));
    expect(remote.requests).toEqual([]);
  });
});

describe("at the first hop", () => {
  test.each(["169.254.169.254/app", "[fd00:ec2::254]/app", "0.0.0.0:5000/app", "[fe80::1]/app", "224.0.0.1/app"])(
    "%s is refused",
    async (text) => {
      await expect(client().registry.resolve(parseReference(text))).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED"));
    },
  );

  test("a name of a metadata address is refused, listed as insecure or not", async () => {
    const addresses = publicLoopback({ "metadata.test": "169.254.169.254" });
    const { registry } = client({ addresses, rules: { insecure: ["metadata.test"] } });
    await expect(registry.resolve(parseReference("metadata.test/app"))).rejects.toEqual(
      failure("REGISTRY_NOT_ALLOWED"),
    );
  });
});
