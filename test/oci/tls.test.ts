import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseReference } from "../../src/oci/reference.ts";
import { putDockerImage } from "../support/image.ts";
import { MisbehavingRegistry } from "../support/misbehaving-registry.ts";
import { client } from "../support/pulling.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";

describeWith(["openssl"], "a registry with a certificate of its own", () => {
  const folder = temporaryFolder();
  const certsFolder = join(folder, "certs.d");
  let remote: MisbehavingRegistry;
  let plain: MisbehavingRegistry;

  beforeAll(async () => {
    remote = await MisbehavingRegistry.start(selfSigned(folder));
    plain = await MisbehavingRegistry.start();
    mkdirSync(join(certsFolder, remote.host), { recursive: true });
    writeFileSync(join(certsFolder, remote.host, "ca.crt"), readFileSync(join(folder, "cert.pem")));
    putDockerImage(remote);
    putDockerImage(plain);
  });
  afterAll(() => Promise.all([remote.stop(), plain.stop()]));

  const app = (): ReturnType<typeof parseReference> => parseReference(`${remote.host}/app:v1`);
  const failure = (code: string, message: string): unknown =>
    expect.objectContaining({ code, message: expect.stringContaining(message) });

  test("is trusted when its CA lies in certs.d", async () => {
    const { registry } = client({ rules: { certsFolder } });
    expect((await registry.resolve(app())).digest).toMatch(/^sha256:/);
  });

  test("is trusted when it is listed as not to be verified", async () => {
    const { registry } = client({ rules: { skipTlsVerify: [remote.host] } });
    expect((await registry.resolve(app())).digest).toMatch(/^sha256:/);
  });

  test("is not trusted otherwise, and says what to do", async () => {
    const other = join(folder, "other");
    mkdirSync(join(other, remote.host), { recursive: true });
    mkdirSync(join(folder, "another"));
    selfSigned(join(folder, "another"));
    writeFileSync(join(other, remote.host, "ca.crt"), readFileSync(join(folder, "another", "cert.pem")));
    const { registry } = client({ rules: { certsFolder: other } });
    const before = remote.requests.length;
    await expect(registry.resolve(app())).rejects.toEqual(
      failure("REGISTRY_UNAVAILABLE", "WASMGATE_REGISTRY_CERTS_DIR"),
    );
    expect(remote.requests).toHaveLength(before);
  });

  test("does not make others trusted", async () => {
    const trusting = client({ rules: { skipTlsVerify: [plain.host] } });
    await expect(trusting.registry.resolve(parseReference(`${plain.host}/app:v1`))).rejects.toEqual(
      failure("REGISTRY_UNAVAILABLE", "does not speak TLS"),
    );
  });

  test("does not lead from https to plain http", async () => {
    remote.misbehave(/manifests/, ({ url }, response) => {
      response.writeHead(307, { location: `${plain.origin}${url}` }).end();
    });
    const { registry } = client({ rules: { certsFolder } });
    await expect(registry.resolve(app())).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", "plain http"));
    expect(plain.requests).toEqual([]);
  });

  test("does not name a realm of plain http", async () => {
    remote.misbehave(/manifests/, (_request, response) => {
      response.writeHead(401, { "www-authenticate": `Bearer realm="${plain.origin}/token"` }).end();
    });
    const { registry } = client({ rules: { certsFolder } });
    await expect(registry.resolve(app())).rejects.toEqual(failure("REGISTRY_NOT_ALLOWED", "https address"));
    expect(plain.requests).toEqual([]);
  });
});

/** Makes a key and a certificate for 127.0.0.1 that is its own CA. */
function selfSigned(folder: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const how = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const what = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", ["req", ...how, ...what, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}
