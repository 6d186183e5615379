import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DockerCredentials, type Credential } from "../../src/oci/credentials.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let count = 0;

function fileOf(contents: unknown): string {
  const path = join(folder, `${count++}.json`);
  writeFileSync(path, typeof contents === "string" ? contents : JSON.stringify(contents));
  return path;
}

type Found = Credential | undefined;
const logged: string[] = [];
const log = {
  debug: (message: string) => void logged.push(message),
  warn: (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`),
};

async function find(files: string[], registry: string, repository = "app", helpers?: object): Promise<Found> {
  return new DockerCredentials({ files, log, helpers }).find(registry, repository);
}

const auth = (text: string): { auth: string } => ({ auth: btoa(text) });
const password = (username: string, secret: string): unknown =>
  expect.objectContaining({ kind: "password", username, password: secret });

describe("DockerCredentials finds", () => {
  test.each(["https://index.docker.io/v1/", "index.docker.io", "docker.io", "https://registry-1.docker.io/v2/"])(
    "docker.io's under %s",
    async (key) => {
      expect(await find([fileOf({ auths: { [key]: auth("user:secret") } })], "docker.io")).toEqual(
        password("user", "secret"),
      );
    },
  );

  test.each(["127.0.0.1:5000", "http://127.0.0.1:5000", "https://127.0.0.1:5000/v2/"])(
    "a registry with its port under %s",
    async (key) => {
      const file = fileOf({ auths: { [key]: auth("user:secret") } });
      expect(await find([file], "127.0.0.1:5000")).toEqual(password("user", "secret"));
      expect(await find([file], "127.0.0.1")).toBeUndefined();
      expect(await find([file], "127.0.0.1:50000")).toBeUndefined();
    },
  );

  test("a password with colons in it, split at the first", async () => {
    expect(await find([fileOf({ auths: { "a.test": auth("user:a:b:c") } })], "a.test")).toEqual(
      password("user", "a:b:c"),
    );
  });

  test("a user and password that are not encoded", async () => {
    const file = fileOf({ auths: { "a.test": { username: "user", password: "secret" } } });
    expect(await find([file], "a.test")).toEqual(password("user", "secret"));
  });

  test("the longest key that is a part of the repository's name", async () => {
    const file = fileOf({
      auths: {
        "quay.test": auth("host:1"),
        "quay.test/team": auth("team:2"),
        "quay.test/team/app": auth("app:3"),
        "quay.test/tea": auth("tea:4"),
      },
    });
    expect(await find([file], "quay.test", "team/app")).toEqual(password("app", "3"));
    expect(await find([file], "quay.test", "team/other")).toEqual(password("team", "2"));
    expect(await find([file], "quay.test", "teams/app")).toEqual(password("host", "1"));
  });

  test("identity tokens and registry tokens", async () => {
    const file = fileOf({
      auths: { "a.test": { ...auth("me:"), identitytoken: "id" }, "b.test": { registrytoken: "bearer" } },
    });
    expect(await find([file], "a.test")).toMatchObject({ kind: "identity", username: "me", identityToken: "id" });
    expect(await find([file], "b.test")).toMatchObject({ kind: "bearer", token: "bearer" });
  });

  test("nothing in an empty entry, an empty file, or a file that is not there", async () => {
    const files = [
      join(folder, "absent.json"),
      fileOf({}),
      fileOf({ auths: { "a.test": {} } }),
      fileOf({ auths: null }),
    ];
    expect(await find(files, "a.test")).toBeUndefined();
  });

  test("what the first file with something for the registry says", async () => {
    const first = fileOf({ auths: { "a.test": auth("first:1") } });
    const second = fileOf({ auths: { "a.test": auth("second:2"), "b.test": auth("b:3") } });
    expect(await find([first, second], "a.test")).toEqual(password("first", "1"));
    expect(await find([first, second], "b.test")).toEqual(password("b", "3"));
  });

  test("a new password in a file that was changed, and gives it another id", async () => {
    const file = fileOf({ auths: { "a.test": auth("user:old") } });
    const credentials = new DockerCredentials({ files: [file], log });
    const before = await credentials.find("a.test", "app");
    writeFileSync(file, JSON.stringify({ auths: { "a.test": auth("user:new") } }));
    const after = await credentials.find("a.test", "app");
    expect(after).toEqual(password("user", "new"));
    expect(after?.id).not.toBe(before?.id);
  });
});

test.each(["{", "[]", '{"auths":{"a.test":{"auth":"c2VjcmV0OnNlY3JldA==","identitytoken":7}}}'])(
  "DockerCredentials says that a file is malformed without quoting it: %s",
  async (contents) => {
    logged.length = 0;
    const file = fileOf(contents);
    const error = await find([file], "a.test").catch((reason: unknown) => reason);
    expect(error).toEqual(expect.objectContaining({ code: "REGISTRY_DENIED" }));
    expect(JSON.stringify([(error as Error).message, (error as Error).cause])).not.toMatch(/c2VjcmV0|tmp|json/);
    expect(logged.join()).toContain(file);
    expect(logged.join()).not.toContain("c2VjcmV0");
  },
);

describe("a credential helper", () => {
  const bin = temporaryFolder();
  const helpers = { PATH: `${bin}:/usr/bin:/bin` };
  const install = (name: string, script: string): void => {
    writeFileSync(join(bin, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, `docker-credential-${name}`), 0o755);
  };

  test("is not run unless that is switched on", async () => {
    install("never", `touch ${join(bin, "ran")}; echo '{"Username":"u","Secret":"s"}'`);
    const file = fileOf({ credsStore: "never", auths: { "a.test": auth("user:secret") } });
    expect(await find([file], "a.test")).toEqual(password("user", "secret"));
    expect(() => chmodSync(join(bin, "ran"), 0o600)).toThrow("ENOENT");
  });

  test("gets the server on stdin, docker.io by its old name", async () => {
    install("echo", `read server; test "$1" = get; printf '{"ServerURL":"x","Username":"u","Secret":"%s"}' "$server"`);
    const file = fileOf({ credHelpers: { "a.test": "echo", "https://index.docker.io/v1/": "echo" } });
    expect(await find([file], "a.test", "app", helpers)).toEqual(password("u", "a.test"));
    expect(await find([file], "docker.io", "app", helpers)).toEqual(password("u", "https://index.docker.io/v1/"));
  });

  test("sees nothing of our environment but what it needs", async () => {
    install("env", `printf '{"Username":"u","Secret":"%s"}' "$(env | grep -c NODE_OPTIONS)"`);
    expect(await find([fileOf({ credsStore: "env" })], "a.test", "app", helpers)).toEqual(password("u", "0"));
  });

  test("may bring an identity token", async () => {
    install("token", `echo '{"Username":"<token>","Secret":"id"}'`);
    expect(await find([fileOf({ credsStore: "token" })], "a.test", "app", helpers)).toMatchObject({
      kind: "identity",
      identityToken: "id",
    });
  });

  test("that has nothing leaves the file's own entries", async () => {
    install("none", "echo 'credentials not found in native keychain'; exit 1");
    const file = fileOf({ credsStore: "none", auths: { "a.test": auth("user:secret") } });
    expect(await find([file], "a.test", "app", helpers)).toEqual(password("user", "secret"));
  });

  test.each([
    ["fails", "exit 3"],
    ["answers nonsense", "echo secret-nonsense"],
    ["answers endlessly", "while true; do echo secret-nonsense; done"],
  ])("that %s is told of without its words", async (_title, script) => {
    install("bad", script);
    const error = await find([fileOf({ credsStore: "bad" })], "a.test", "app", helpers).catch(
      (reason: unknown) => reason,
    );
    expect(error).toEqual(expect.objectContaining({ code: "REGISTRY_DENIED" }));
    expect((error as Error).message).not.toContain("secret-nonsense");
  });

  test.each(["missing", "../../bin/sh", "a b", ""])("named %j does not run", async (name) => {
    const found = find([fileOf({ credsStore: name })], "a.test", "app", helpers);
    if (name === "") expect(await found).toBeUndefined();
    else await expect(found).rejects.toEqual(expect.objectContaining({ code: "REGISTRY_DENIED" }));
  });
});
