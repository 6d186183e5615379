import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
import { Buildah } from "./buildah.ts";
import { makeSigner } from "./certificates.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway } from "./gateway.ts";
import { numbered } from "./numbered.ts";
import { TokenServer } from "./token-server.ts";

const passwords = { alice: "only a test", bob: "only a test too" };

/** Alice may all; everybody may pull what is below public/. */
const grants = (user: string | undefined, repository: string): readonly string[] =>
  user === "alice" ? ["pull", "push"] : repository.startsWith("public/") ? ["pull"] : [];

const folder = temporaryFolder();

describeWith(["docker-registry", "buildah", "openssl"], "an image in a registry behind a token server", () => {
  const buildah = new Buildah(folder);
  const service = "registry of a test";
  let tokens: TokenServer;
  let registry = "";

  beforeAll(async () => {
    tokens = await TokenServer.start({ signer: await makeSigner(folder), service, passwords, grants });
    registry = await startDockerRegistry(folder, { auth: tokens.settings });
    const flags = ["--tls-verify=false", "--username", "alice", "--password", passwords.alice];
    await buildah.run(["login", "--authfile", buildah.credentials, ...flags, registry]);
    for (const [name, number] of [
      ["public/f", 1],
      ["private/f", 2],
    ] as const) {
      await buildah.push(await buildah.build({ files: { "f.wasm": numbered(number) }, tag: `${registry}/${name}:v1` }));
    }
  });

  beforeEach(() => void (tokens.asked.length = 0));

  /** Writes a config.json as docker login does. */
  function login(user: string, password: string): { WASMGATE_REGISTRY_CONFIG: string } {
    const path = join(folder, `${user}-${password.length}.json`);
    const auth = Buffer.from(`${user}:${password}`).toString("base64");
    writeFileSync(path, JSON.stringify({ auths: { [registry]: { auth } } }));
    return { WASMGATE_REGISTRY_CONFIG: path };
  }

  test("that is public is deployed and invoked without credentials, by one token that can only pull", async () => {
    const gateway = await openTestGateway(folder);
    expect(await gateway.tryOut(`${registry}/public/f:v1`)).toBe("1");
    expect(tokens.asked).toEqual([{ user: undefined, service, scopes: ["repository:public/f:pull"] }]);
  });

  test("that is private is deployed and invoked with credentials, by one token that can only pull", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CONFIG: buildah.credentials });
    expect(await gateway.tryOut(`${registry}/private/f:v1`)).toBe("2");
    expect(tokens.asked).toEqual([{ user: "alice", service, scopes: ["repository:private/f:pull"] }]);
    expect(gateway.logged).not.toContain(passwords.alice);
  });

  test("is pulled again by the token that is there, and another repository by a token of its own", async () => {
    const gateway = await openTestGateway(folder, login("alice", passwords.alice));
    for (const name of ["public/f", "public/f", "private/f", "private/f"]) {
      await gateway.tryOut(`${registry}/${name}:v1`);
    }
    const scopes = tokens.asked.flatMap((asked) => asked.scopes);
    expect(scopes).toEqual(["repository:public/f:pull", "repository:private/f:pull"]);
  });

  test.each([
    ["nobody", undefined],
    ["a user without the right", "bob"],
  ] as const)("that is private is refused to %s with 502 and not 401", async (_, user) => {
    const gateway = await openTestGateway(folder, user && login(user, passwords[user]));
    const image = `${registry}/private/f:v1`;
    const { status, text } = await gateway.deploy("f", image);
    const words = `${image}: ${registry} denies, or does not have, the manifest v1 (status 401): UNAUTHORIZED`;
    expect({ status, text }).toEqual({ status: 502, text: expect.stringContaining(words) });
  });

  test("is refused with 502 for a wrong password, which not even the server's answer brings to light", async () => {
    const gateway = await openTestGateway(folder, login("alice", "hunter2"));
    const { status, text } = await gateway.deploy("f", `${registry}/public/f:v1`);
    const encoded = Buffer.from("alice:hunter2").toString("base64");
    expect({ status, text }).toEqual({ status: 502, text: expect.stringContaining("UNAUTHORIZED wrong: Basic … …") });
    for (const secret of ["hunter2", encoded]) expect(text + gateway.logged).not.toContain(secret);
    expect(tokens.asked).toEqual([{ user: "alice", service, scopes: ["repository:public/f:pull"] }]);
  });
});
