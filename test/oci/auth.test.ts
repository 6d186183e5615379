import { passwordCredential, type Credential } from "../../src/oci/credentials.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { putDockerImage } from "../support/image.ts";
import { MisbehavingRegistry, refuse, type Asked } from "../support/misbehaving-registry.ts";
import { bytesOf, client, publicLoopback } from "../support/pulling.ts";

const remote = await MisbehavingRegistry.start();
const tokens = await MisbehavingRegistry.start();
afterAll(() => Promise.all([remote.stop(), tokens.stop()]));
beforeEach(() => {
  remote.reset();
  tokens.reset();
});

const at = (rest: string): ReturnType<typeof parseReference> => parseReference(`${remote.host}/${rest}`);
const failure = (code: string, message = ""): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });
const withCredential = (credential: Credential): { credentials: { find: () => Promise<Credential> } } => ({
  credentials: { find: async () => credential },
});
const scopesOf = ({ url }: Asked): string[] => new URL(url, tokens.origin).searchParams.getAll("scope");
const defaultScope = "repository:app:pull";

/** Lets only requests with the right Authorization through; challenges the others. */
function guard(authorization: string | RegExp, challenge: string | string[]): void {
  remote.misbehave(/^\/v2\//, (request, response) => {
    const sent = request.headers.authorization ?? "";
    if (typeof authorization === "string" ? sent === authorization : authorization.test(sent)) {
      remote.serve(request, response);
    } else {
      response.writeHead(401, { "www-authenticate": challenge });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    }
  });
}

function bearer(scope = defaultScope): string {
  return `Bearer realm="${tokens.origin}/token?account=a",service="registry.test",scope="${scope}"`;
}

/** Has the token server answer the same each time. */
function issue(answer: object, path = /^\/token/): void {
  tokens.misbehave(path, (_request, response) => void response.end(JSON.stringify(answer)));
}

describe("a token", () => {
  test("is fetched anonymously and used for everything of the repository", async () => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    issue({ token: "t1", expires_in: 300 });
    const { registry } = client();
    const image = await registry.resolve(at("app:v1"));
    await bytesOf(await registry.openBlob(image, image.module));
    expect(tokens.requests).toHaveLength(1);
    const [asked] = tokens.requests;
    expect(asked?.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(new URL(asked?.url ?? "", tokens.origin).searchParams)).toEqual({
      account: "a",
      service: "registry.test",
      scope: defaultScope,
    });
    expect(remote.requests.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(1);
  });

  test("is fetched with a user and password where we have them", async () => {
    putDockerImage(remote);
    guard("Bearer t2", bearer());
    issue({ access_token: "t2" });
    await client(withCredential(passwordCredential("us:er", "pass:word"))).registry.resolve(at("app:v1"));
    expect(tokens.requests[0]?.headers.authorization).toBe(`Basic ${btoa("us:er:pass:word")}`);
  });

  test("is chosen among several challenges in several headers", async () => {
    putDockerImage(remote);
    guard("Bearer t1", ["Negotiate", `Basic realm="a, b", ${bearer("repository:app:pull,push")}`]);
    issue({ token: "t1" });
    await client(withCredential(passwordCredential("user", "secret"))).registry.resolve(at("app:v1"));
    expect(remote.requests.filter(({ headers }) => headers.authorization?.startsWith("Basic"))).toEqual([]);
  });

  test.each([
    ["repository:app:pull,push,delete", ["repository:app:pull"]],
    ["repository:app:*", ["repository:app:pull"]],
    ["repository:group/proxy:pull repository:app:pull", ["repository:group/proxy:pull", "repository:app:pull"]],
    ["registry:catalog:*", [defaultScope]],
    ["repository:app:push", [defaultScope]],
    ["", [defaultScope]],
  ])("is asked for pulling and nothing else where %j is challenged", async (challenged, scopes) => {
    putDockerImage(remote);
    guard("Bearer t1", bearer(challenged));
    issue({ token: "t1" });
    await client().registry.resolve(at("app:v1"));
    expect(tokens.requests.map(scopesOf)).toEqual([scopes]);
  });

  test("is fetched once for all who want it at one time", async () => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, (_request, response) => void setTimeout(() => response.end('{"token":"t1"}'), 50));
    const { registry } = client();
    await Promise.all([1, 2, 3, 4].map(() => registry.resolve(at("app:v1"))));
    expect(tokens.requests).toHaveLength(1);
  });

  test("is renewed when it has ended", async () => {
    putDockerImage(remote);
    guard(/^Bearer t/, bearer());
    issue({ token: "t1", expires_in: 10 });
    const { registry } = client();
    await registry.resolve(at("app:v1"));
    await registry.resolve(at("app:v1"));
    expect(tokens.requests.length).toBeGreaterThan(1);
  });

  test("is renewed when the registry no longer takes it", async () => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    issue({ token: "t1", expires_in: 3600 });
    const { registry } = client();
    await registry.resolve(at("app:v1"));
    guard("Bearer t2", bearer());
    issue({ token: "t2", expires_in: 3600 });
    await registry.resolve(at("app:v1"));
    expect(tokens.requests).toHaveLength(2);
  });

  test("that does not suffice is fetched again for the scope then challenged, once", async () => {
    putDockerImage(remote);
    guard("Bearer wide", bearer());
    tokens.misbehave(/./, (request, response) => {
      response.end(JSON.stringify({ token: scopesOf(request).includes("repository:wide:pull") ? "wide" : "narrow" }));
    });
    remote.misbehave(/^\/v2\//, ({ headers, ...request }, response) => {
      if (headers.authorization === "Bearer wide") return remote.serve({ ...request, headers }, response);
      const scope = headers.authorization === "Bearer narrow" ? "repository:wide:pull" : defaultScope;
      response.writeHead(401, { "www-authenticate": bearer(scope) }).end();
    });
    await client().registry.resolve(at("app:v1"));
    expect(tokens.requests.map(scopesOf)).toEqual([[defaultScope], ["repository:wide:pull"]]);
  });

  test("that is refused is not fetched again for the same scope", async () => {
    guard("Bearer other", bearer());
    issue({ token: "t1" });
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(
      failure("REGISTRY_DENIED", "UNAUTHORIZED authentication required"),
    );
    expect([tokens.requests.length, remote.requests.length]).toEqual([1, 2]);
  });

  test("of a config file is used as it is", async () => {
    putDockerImage(remote);
    guard("Bearer mine", bearer());
    await client(withCredential({ id: "1", kind: "bearer", token: "mine" })).registry.resolve(at("app:v1"));
    expect(tokens.requests).toEqual([]);
  });

  test("is exchanged for an identity token by POST", async () => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    issue({ access_token: "t1" });
    const identity: Credential = { id: "1", kind: "identity", username: "<token>", identityToken: "id token" };
    await client(withCredential(identity)).registry.resolve(at("app:v1"));
    const [asked] = tokens.requests;
    expect([asked?.method, asked?.headers["content-type"]]).toEqual(["POST", "application/x-www-form-urlencoded"]);
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: "refresh_token",
      service: "registry.test",
      client_id: "wasmgate",
      scope: defaultScope,
      refresh_token: "id token",
    });
  });

  test.each([404, 405])("is asked for by GET where the server answers the POST with %i", async (status) => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, ({ method }, response) => {
      if (method === "POST") response.writeHead(status).end();
      else response.end('{"token":"t1"}');
    });
    const identity: Credential = { id: "1", kind: "identity", username: "me", identityToken: "id" };
    await client(withCredential(identity)).registry.resolve(at("app:v1"));
    expect(tokens.requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
    expect(tokens.requests[1]?.headers.authorization).toBe(`Basic ${btoa("me:id")}`);
  });

  test("is not sent along by a redirect of the POST", async () => {
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, (_request, response) => {
      response.writeHead(307, { location: `${remote.origin}/thief` }).end();
    });
    const identity: Credential = { id: "1", kind: "identity", username: "me", identityToken: "id" };
    await expect(client(withCredential(identity)).registry.resolve(at("app:v1"))).rejects.toEqual(
      failure("REGISTRY_UNAVAILABLE"),
    );
    expect(remote.asked(/thief/)).toBe(0);
  });

  test.each([
    ["no JSON", "<html>"],
    ["no token", "{}"],
    ["an empty token", '{"token":""}'],
    ["a token that would end the header", '{"token":"a\\r\\nX-Injected: 1"}'],
    ["a token that is a number", '{"token":7}'],
    ["far too much", `{"token":"a","padding":"${"x".repeat(140_000)}"}`],
  ])("server that answers %s is unavailable", async (_title, body) => {
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, (_request, response) => void response.end(body));
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_UNAVAILABLE", tokens.host));
  });

  test("server that refuses our password is told of without it", async () => {
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, (request, response) => {
      refuse(response, 401, "UNAUTHORIZED", `wrong: hunter2 ${request.headers.authorization ?? ""}`);
    });
    const { registry } = client(withCredential(passwordCredential("user", "hunter2")));
    const error = await registry.resolve(at("app:v1")).catch((reason: unknown) => reason);
    expect(error).toEqual(failure("REGISTRY_DENIED", "wrong"));
    expect(String(error)).not.toContain("hunter2");
    expect(String(error)).not.toContain(btoa("user:hunter2"));
  });

  test("server that does not answer is given up", async () => {
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, () => undefined);
    const { registry } = client({ limits: { documentTimeoutMs: 300 } });
    await expect(registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_UNAVAILABLE", "longer"));
  });

  test("server that is down is tried again", async () => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    issue({ token: "t1" });
    tokens.misbehave(/./, (_request, response) => void response.writeHead(502).end(), { times: 2 });
    await client().registry.resolve(at("app:v1"));
    expect(tokens.requests).toHaveLength(3);
  });
});

describe("a realm", () => {
  test.each([
    ["a metadata address", "http://169.254.169.254/token"],
    ["a metadata address in another spelling", "http://0251.0376.0251.0376/token"],
    ["a file", "file:///etc/passwd"],
    ["nothing", ""],
    ["an address with a user in it", "http://user:pw@127.0.0.1/token"],
  ])("that is %s is refused even from loopback", async (_title, realm) => {
    guard("Bearer t1", `Bearer realm="${realm}"`);
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED"));
  });

  const addresses = publicLoopback({ "public.test": "127.0.0.1", "intranet.test": "10.0.0.1" });
  const publicly = (): ReturnType<typeof client> =>
    client({ addresses, rules: { insecure: [`public.test:${remote.port}`] } });
  const there = parseReference(`public.test:${remote.port}/app:v1`);

  test.each(["http://10.0.0.1/token", "http://[::1]/token", "http://intranet.test/token", "http://127.0.0.2/"])(
    "%s is refused from a public registry",
    async (realm) => {
      guard("Bearer t1", `Bearer realm="${realm}"`);
      await expect(publicly().registry.resolve(there)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED"));
    },
  );

  test("that redirects to a private address is refused", async () => {
    guard("Bearer t1", `Bearer realm="http://public.test:${tokens.port}/token"`);
    tokens.misbehave(/./, (_request, response) => void response.writeHead(302, { location: "http://10.0.0.1/" }).end());
    await expect(publicly().registry.resolve(there)).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", "10.0.0.1"));
  });

  test("that redirects to another origin takes no password there", async () => {
    putDockerImage(remote);
    guard("Bearer t1", bearer());
    tokens.misbehave(/./, (_request, response) => {
      response.writeHead(302, { location: `${remote.origin}/elsewhere` }).end();
    });
    remote.misbehave(/elsewhere/, (_request, response) => void response.end('{"token":"t1"}'));
    await client(withCredential(passwordCredential("user", "secret"))).registry.resolve(at("app:v1"));
    expect(tokens.requests[0]?.headers.authorization).toMatch(/^Basic /);
    expect(remote.requests.find(({ url }) => url === "/elsewhere")?.headers.authorization).toBeUndefined();
  });

  test("at the public registry itself is fine", async () => {
    putDockerImage(remote);
    guard("Bearer t1", `Bearer realm="http://public.test:${remote.port}/token"`);
    remote.misbehave(/^\/token/, (_request, response) => void response.end('{"token":"t1"}'));
    await publicly().registry.resolve(there);
    expect(remote.asked(/^\/token/)).toBe(1);
  });
});

describe("a user and password", () => {
  test("are sent to a registry that asks for Basic, and from then on at once", async () => {
    putDockerImage(remote);
    guard(`Basic ${btoa("user:secret")}`, 'Basic realm="x"');
    const { registry } = client(withCredential(passwordCredential("user", "secret")));
    await registry.resolve(at("app:v1"));
    expect(remote.requests.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(1);
  });

  test("that are refused are sent once", async () => {
    guard("Basic right", 'Basic realm="x"');
    const { registry } = client(withCredential(passwordCredential("user", "wrong")));
    await expect(registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_DENIED"));
    expect(remote.requests).toHaveLength(2);
  });

  test("that we do not have are not asked for twice", async () => {
    guard("Basic right", 'Basic realm="x"');
    await expect(client().registry.resolve(at("app:v1"))).rejects.toEqual(failure("REGISTRY_DENIED"));
    expect(remote.requests).toHaveLength(1);
  });

  test("are looked for under the mirror's name and not under the mirrored one's", async () => {
    putDockerImage(remote, { repository: "library/app" });
    guard("Basic x", 'Basic realm="x"');
    const asked: string[] = [];
    const credentials = {
      find: async (registry: string, repository: string) => {
        asked.push(`${registry}/${repository}`);
        return undefined;
      },
    };
    const { registry } = client({ credentials, rules: { mirrors: { "docker.io": remote.host } } });
    await expect(registry.resolve(parseReference("app"))).rejects.toEqual(failure("REGISTRY_DENIED"));
    expect(asked).toEqual([`${remote.host}/library/app`]);
  });
});
