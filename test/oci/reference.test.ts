import { parseReference, parseRegistry } from "../../src/oci/reference.ts";

const sha256 = `sha256:${"a".repeat(64)}`;
const sha512 = `sha512:${"b".repeat(128)}`;

describe("parseReference() reads", () => {
  test.each([
    ["hello", "docker.io", "library/hello", "latest"],
    ["acme/hello:v1", "docker.io", "acme/hello", "v1"],
    ["docker.io/hello", "docker.io", "library/hello", "latest"],
    ["index.docker.io/acme/hello", "docker.io", "acme/hello", "latest"],
    ["localhost", "docker.io", "library/localhost", "latest"],
    ["localhost:5000", "docker.io", "library/localhost", "5000"],
    ["localhost/hello", "localhost", "hello", "latest"],
    ["localhost:5000/hello", "localhost:5000", "hello", "latest"],
    ["example.com", "docker.io", "library/example.com", "latest"],
    ["example.com/a/b/c:x", "example.com", "a/b/c", "x"],
    ["Example.COM:443/a", "example.com:443", "a", "latest"],
    ["HOST/a", "host", "a", "latest"],
    ["127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest"],
    ["[::1]:5000/a/b:v1", "[::1]:5000", "a/b", "v1"],
    ["[2001:DB8:0:0::1]/a", "[2001:db8::1]", "a", "latest"],
    ["oci://ghcr.io/a/b", "ghcr.io", "a/b", "latest"],
    ["docker://ghcr.io/a/b:t", "ghcr.io", "a/b", "t"],
    ["ghcr.io/a__b/c-d.e---f:T_1.2-3", "ghcr.io", "a__b/c-d.e---f", "T_1.2-3"],
    ["user.name/app", "user.name", "app", "latest"],
  ])("%s", (text, registry, repository, tag) => {
    expect(parseReference(text)).toEqual({ text, registry, repository, tag });
  });

  test("a digest without a tag, and does not add latest", () => {
    const text = `ghcr.io/a/b@${sha256}`;
    expect(parseReference(text)).toEqual({ text, registry: "ghcr.io", repository: "a/b", digest: sha256 });
  });

  test("a tag and a digest, and keeps both", () => {
    const text = `a/b:v1@${sha512}`;
    expect(parseReference(text)).toEqual({ text, registry: "docker.io", repository: "a/b", tag: "v1", digest: sha512 });
  });
});

describe("parseReference() refuses", () => {
  test.each([
    ["", "1 to 1024 characters"],
    ["a".repeat(1025), "1 to 1024 characters"],
    ["http://ghcr.io/a", "without http://"],
    ["https://ghcr.io/a", "without https://"],
    ["ftp://ghcr.io/a", "scheme ftp://"],
    ["a".repeat(64), "image id"],
    ["ghcr.io/Acme/app", "lower case"],
    ["ghcr.io/", "lower-case letters"],
    ["ghcr.io//a", "lower-case letters"],
    ["/a", "lower-case letters"],
    ["a/", "lower-case letters"],
    ["a/../b", "lower-case letters"],
    ["../a", "registry such as"],
    ["a b", "lower-case letters"],
    ["a\nb", "lower-case letters"],
    ["a___b/c", "lower-case letters"],
    ["a:", "tag"],
    ["a:-x", "tag"],
    [`a:${"t".repeat(129)}`, "tag"],
    ["a:v1\n", "tag"],
    ["a@sha256:abc", "sha256:<64 hex>"],
    [`a@${sha256.toUpperCase()}`, "sha256:<64 hex>"],
    [`a@md5:${"a".repeat(32)}`, "sha256:<64 hex>"],
    [`a@${sha256}@${sha256}`, "sha256:<64 hex>"],
    [`ghcr.io/${"a/".repeat(128)}b`, "at most 255"],
    ["ghcr.io:0/a", "port"],
    ["ghcr.io:65536/a", "port"],
    ["ghcr.io:x/a", "registry such as"],
    ["user@ghcr.io/a", "sha256:<64 hex>"],
    ["-a.example/b", "registry such as"],
    ["[::1/a", "registry such as"],
    ["[::g]/a", "registry such as"],
    ["[1.2.3.4]/a", "host name"],
    ["[fe80::1%25eth0]/a", "registry such as"],
    ["0x7f.0.0.1/a", "usual spelling"],
    ["127.1:5000/a", "write 127.0.0.1"],
    ["169.254.43518/a", "write 169.254.169.254"],
    ["0177.0.0.1/a", "write 127.0.0.1"],
    ["2852039166:80/a", "write 169.254.169.254"],
    ["256.256.256.256/a", "host name"],
  ])("%j", (text, why) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "INVALID_REFERENCE" }));
    expect(() => parseReference(text)).toThrow(why);
  });
});

test("parseRegistry() gives each registry one spelling", () => {
  expect(["GHCR.io", "index.docker.io", "Localhost:05000", "[0:0::1]:80"].map(parseRegistry)).toEqual([
    "ghcr.io",
    "docker.io",
    "localhost:5000",
    "[::1]:80",
  ]);
});
