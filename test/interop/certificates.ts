/** Certificates made by openssl for one run of a test, and keys that are worth nothing after it. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { findTool } from "../support/tools.ts";
import { run } from "./programs.ts";

/** Paths of a certificate and its key. */
export type Certificate = { readonly certificate: string; readonly key: string };

/** Makes a private CA. */
export async function makeAuthority(folder: string, name = "Test CA"): Promise<Certificate> {
  const constraints = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"];
  return make(folder, [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-subj",
    `/CN=${name}`,
    ...constraints,
  ]);
}

/** Makes a server's certificate for a name as openssl writes them, such as IP:127.0.0.1, signed by a CA. */
export async function makeServerCertificate(folder: string, name: string, ca: Certificate): Promise<Certificate> {
  const signed = ["-CA", ca.certificate, "-CAkey", ca.key];
  const constraints = ["-addext", `subjectAltName=${name}`, "-addext", "basicConstraints=critical,CA:FALSE"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  return make(folder, [...key, "-subj", "/CN=registry", ...signed, ...constraints]);
}

/** Makes an RSA key and its certificate, which a token server signs with. */
export async function makeSigner(folder: string): Promise<Certificate> {
  return make(folder, ["-newkey", "rsa:2048", "-subj", "/CN=token server"]);
}

async function make(folder: string, args: readonly string[]): Promise<Certificate> {
  const own = mkdtempSync(join(folder, "certificate-"));
  const made = { certificate: join(own, "certificate.pem"), key: join(own, "key.pem") };
  const files = ["-keyout", made.key, "-out", made.certificate];
  // Debian's own openssl.cnf adds what -addext then says a second time.
  const environment = { PATH: process.env["PATH"], OPENSSL_CONF: "/dev/null" };
  await run(findTool("openssl") ?? "openssl", ["req", "-x509", "-noenc", "-days", "2", ...args, ...files], {
    environment,
  });
  return made;
}
