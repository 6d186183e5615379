import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseReference } from "../../src/oci/reference.ts";
import { RegistryPolicy, type RegistryRules } from "../../src/oci/registry-policy.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const certsFolder = temporaryFolder();

async function originOf(text: string, rules: RegistryRules = {}): Promise<string> {
  return (await new RegistryPolicy(rules).route(parseReference(text))).origin;
}

describe("a registry is spoken to", () => {
  test.each([
    ["app", "https://registry-1.docker.io"],
    ["ghcr.io/app", "https://ghcr.io"],
    ["localhost/app", "http://localhost"],
    ["localhost:5000/app", "http://localhost:5000"],
    ["127.0.0.1:5000/app", "http://127.0.0.1:5000"],
    ["127.9.9.9/app", "http://127.9.9.9"],
    ["[::1]:5000/app", "http://[::1]:5000"],
    ["10.0.0.1:5000/app", "https://10.0.0.1:5000"],
    ["192.168.1.1/app", "https://192.168.1.1"],
    ["sub.localhost/app", "https://sub.localhost"],
    ["localhost.example/app", "https://localhost.example"],
  ])("as to %s at %s", async (text, origin) => {
    expect(await originOf(text)).toBe(origin);
  });

  test("by http where it is listed, with just that port", async () => {
    const rules = { insecure: ["registry.test:5000", "10.0.0.0/8", "fd00::/8", "plain.test"] };
    expect(await originOf("registry.test:5000/app", rules)).toBe("http://registry.test:5000");
    expect(await originOf("registry.test:5001/app", rules)).toBe("https://registry.test:5001");
    expect(await originOf("registry.test/app", rules)).toBe("https://registry.test");
    expect(await originOf("plain.test/app", rules)).toBe("http://plain.test");
    expect(await originOf("plain.test:80/app", rules)).toBe("https://plain.test:80");
    expect(await originOf("10.1.2.3:80/app", rules)).toBe("http://10.1.2.3:80");
    expect(await originOf("11.1.2.3/app", rules)).toBe("https://11.1.2.3");
    expect(await originOf("[fd12::1]/app", rules)).toBe("http://[fd12::1]");
  });

  test("by https on loopback where we have its CA or are not to verify it", async () => {
    mkdirSync(join(certsFolder, "127.0.0.1:5000"));
    writeFileSync(join(certsFolder, "127.0.0.1:5000", "ca.crt"), "CA");
    expect(await originOf("127.0.0.1:5000/app", { certsFolder })).toBe("https://127.0.0.1:5000");
    expect(await originOf("127.0.0.1:5001/app", { certsFolder })).toBe("http://127.0.0.1:5001");
    expect(await originOf("127.0.0.1:5001/app", { skipTlsVerify: ["127.0.0.1:5001"] })).toBe("https://127.0.0.1:5001");
  });
});

describe("a mirror", () => {
  test("is asked in place of the registry, by its own scheme", async () => {
    const rules = { mirrors: { "docker.io": "127.0.0.1:5000", "ghcr.io": "mirror.test:443" } };
    const policy = new RegistryPolicy(rules);
    expect(await policy.route(parseReference("hello"))).toEqual({
      image: "hello",
      registry: "127.0.0.1:5000",
      repository: "library/hello",
      origin: "http://127.0.0.1:5000",
    });
    expect(await originOf("index.docker.io/a/b", rules)).toBe("http://127.0.0.1:5000");
    expect(await originOf("ghcr.io/app", rules)).toBe("https://mirror.test:443");
    expect(await originOf("quay.io/app", rules)).toBe("https://quay.io");
  });

  test("does not make a registry allowed that is not", async () => {
    const rules = { allowed: ["127.0.0.1:5000"], mirrors: { "docker.io": "127.0.0.1:5000" } };
    await expect(originOf("hello", rules)).rejects.toEqual(expect.objectContaining({ code: "REGISTRY_NOT_ALLOWED" }));
  });
});

describe("the list of allowed registries", () => {
  test("lets its entries pass, in any spelling, and nothing else", async () => {
    const rules = { allowed: ["GHCR.io", "docker.io", "127.0.0.1:5000"] };
    for (const text of ["ghcr.io/a", "GHCR.io/a", "hello", "index.docker.io/a/b", "127.0.0.1:5000/a"]) {
      await expect(originOf(text, rules)).resolves.toMatch(/^http/);
    }
    for (const text of ["ghcr.io:443/a", "ghcr.io.evil.test/a", "127.0.0.1:5001/a", "registry-1.docker.io/a/b"]) {
      await expect(originOf(text, rules)).rejects.toEqual(expect.objectContaining({ code: "REGISTRY_NOT_ALLOWED" }));
    }
  });

  test("that is empty allows nothing", async () => {
    await expect(originOf("hello", { allowed: [] })).rejects.toEqual(
      expect.objectContaining({ code: "REGISTRY_NOT_ALLOWED" }),
    );
  });
});

test.each([
  { insecure: ["10.0.0.0/33"] },
  { insecure: ["host/24"] },
  { allowed: ["http://x"] },
  { skipTlsVerify: ["*"] },
])("a list with nonsense in it is refused: %j", (rules) => {
  expect(() => new RegistryPolicy(rules)).toThrow(expect.objectContaining({ code: "INVALID_REFERENCE" }));
});
