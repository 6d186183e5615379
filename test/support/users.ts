/** Lines of a file of users whose hashes are cheap to verify, made by node's scrypt alone and not by the code under test. */
import { randomBytes, scryptSync } from "node:crypto";

/** Makes one line, `name:hash:rights`. */
export function userLine(name: string, password: string, rights: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  const base64 = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `${name}:$scrypt$ln=10,r=8,p=1$${base64(salt)}$${base64(hash)}:${rights}`;
}

/** Makes the value of an Authorization header. */
export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}
