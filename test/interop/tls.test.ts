import { copyFileSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWith } from "../support/tools.ts";
import { Buildah } from "./buildah.ts";
import { makeAuthority, makeServerCertificate, type Certificate } from "./certificates.ts";
import { startDockerRegistry } from "./docker-registry.ts";
import { openTestGateway } from "./gateway.ts";
import { numbered } from "./numbered.ts";

const folder = temporaryFolder();

describeWith(["docker-registry", "buildah", "openssl"], "an image in a registry with TLS and a private CA", () => {
  const buildah = new Buildah(folder);
  let ca: Certificate;
  let registry = "";
  let image = "";

  /** Lays a CA out for a registry as docker wants it: FOLDER/HOST:PORT/ca.crt. */
  function certsDir(host: string, authority: Certificate): string {
    const certs = mkdtempSync(join(folder, "certs-"));
    mkdirSync(join(certs, host));
    copyFileSync(authority.certificate, join(certs, host, "ca.crt"));
    return certs;
  }

  beforeAll(async () => {
    ca = await makeAuthority(folder);
    registry = await startDockerRegistry(folder, { tls: await makeServerCertificate(folder, "IP:127.0.0.1", ca) });
    image = await buildah.build({ files: { "f.wasm": numbered(9) }, tag: `${registry}/tls:v1` });
    await buildah.push(image, ["--cert-dir", join(certsDir(registry, ca), registry)]);
  });

  test("is deployed and invoked with the CA in docker's layout", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CERTS_DIR: certsDir(registry, ca) });
    expect(await gateway.tryOut(image)).toBe("9");
  });

  test("is deployed and invoked unchecked where that is wanted", async () => {
    const gateway = await openTestGateway(folder, { WASMGATE_SKIP_TLS_VERIFY: registry });
    expect(await gateway.tryOut(image)).toBe("9");
  });

  test("is refused with 502 with another CA, and says where the right one goes", async () => {
    const another = await makeAuthority(folder, "Another CA");
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CERTS_DIR: certsDir(registry, another) });
    const { status, text } = await gateway.deploy("tls", image);
    expect({ status, text }).toEqual({
      status: 502,
      text: expect.stringMatching(/certificate.*WASMGATE_REGISTRY_CERTS_DIR/),
    });
  });

  test("is refused with 502 without a CA, since loopback is then spoken to by http, and says so", async () => {
    const gateway = await openTestGateway(folder);
    const { status, text } = await gateway.deploy("tls", image);
    expect({ status, text }).toEqual({
      status: 502,
      text: expect.stringMatching(/by plain http; .*https.*WASMGATE_REGISTRY_CERTS_DIR/),
    });
  });

  test("is refused with 502 where the certificate is for another host", async () => {
    const certificate = await makeServerCertificate(folder, "DNS:registry.example", ca);
    const other = await startDockerRegistry(folder, { tls: certificate });
    const gateway = await openTestGateway(folder, { WASMGATE_REGISTRY_CERTS_DIR: certsDir(other, ca) });
    const { status, text } = await gateway.deploy("tls", `${other}/tls:v1`);
    expect({ status, text }).toEqual({
      status: 502,
      text: expect.stringContaining("its certificate is for another host"),
    });
  });
});
