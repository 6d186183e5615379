/**
 * Password hashes: scrypt (RFC 7914), written as the PHC string format has it, salt and hash in base64 without padding:
 *
 *   $scrypt$ln=15,r=8,p=3$<salt>$<hash>          N = 2^ln; memory 128 * r * N bytes: 32 MiB here
 *
 * https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md. The parameters of new hashes are one of the
 * pairs that OWASP's password storage cheat sheet holds equal; those of a file are believed within bounds, so that no
 * line of it can ask for more memory than a verification should have.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** A password's hash, taken apart. */
export type PasswordHash = {
  readonly costLog2: number;
  readonly blockSize: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
};

const pattern =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86}={0,2})\$([A-Za-z0-9+/]{22,86}={0,2})$/;
const maxMemoryBytes = 256 * 2 ** 20;

/** Reads a hash; undefined when it is none of ours or its parameters are out of bounds. */
export function parseHash(text: string): PasswordHash | undefined {
  const [, costLog2 = NaN, blockSize = NaN, parallelism = NaN, salt = "", hash = ""] = pattern.exec(text) ?? [];
  const read = {
    costLog2: Number(costLog2),
    blockSize: Number(blockSize),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
  const sane = read.costLog2 >= 10 && read.blockSize >= 1 && read.parallelism >= 1 && read.parallelism <= 16;
  return sane && memoryBytes(read) <= maxMemoryBytes ? read : undefined;
}

/** Makes a hash of a password, with a salt of its own, in the form that parseHash reads. */
export async function hashPassword(password: string): Promise<string> {
  const made = { costLog2: 15, blockSize: 8, parallelism: 3, salt: randomBytes(16), hash: Buffer.alloc(32) };
  const hash = await derive(password, made);
  const base64 = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$scrypt$ln=15,r=8,p=3$${base64(made.salt)}$${base64(hash)}`;
}

/** Tells whether a password has that hash; takes the same time whether it has or not, and never blocks the caller. */
export async function isPassword(password: string, expected: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, expected), expected.hash);
}

/** Makes a hash that no password has, as costly to verify as the one given. */
export function impossibleHash(like: PasswordHash | undefined): PasswordHash {
  const { costLog2 = 15, blockSize = 8, parallelism = 3, hash } = like ?? {};
  return { costLog2, blockSize, parallelism, salt: randomBytes(16), hash: randomBytes(hash?.length ?? 32) };
}

function memoryBytes({ costLog2, blockSize }: PasswordHash): number {
  return 128 * blockSize * 2 ** costLog2;
}

function derive(password: string, hash: PasswordHash): Promise<Buffer> {
  const options = { N: 2 ** hash.costLog2, r: hash.blockSize, p: hash.parallelism, maxmem: 2 * memoryBytes(hash) };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), hash.salt, hash.hash.length, options, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}
