/**
 * The file of users: one line each, `name:hash:rights`. Comments begin with #.
 *
 *   alice:$scrypt$ln=15,r=8,p=3$c2Fs…$aGFz…:read,deploy,invoke
 *   anonymous::invoke                     what callers without credentials may do; without this line, invoke
 *
 * A line is made by `node src/access/hash-password.ts NAME RIGHTS`. What is wrong is said by the line's number: neither
 * a hash nor what may be a password in the wrong place is ever repeated.
 */
import { parseHash, type PasswordHash } from "./password.ts";

/** What a caller may do: see functions and metrics, change functions, call them. */
export type Right = "read" | "deploy" | "invoke";

/** The rights there are. */
export const allRights: readonly Right[] = ["read", "deploy", "invoke"];

/** Someone with a password. */
export type User = { readonly name: string; readonly hash: PasswordHash; readonly rights: ReadonlySet<Right> };

/** What the file says. */
export type Users = { readonly byName: ReadonlyMap<string, User>; readonly anonymous: ReadonlySet<Right> };

/** Why a file of users cannot be used; `message` is one sentence for a person. */
export class AuthFileError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AuthFileError";
  }
}

const userName = /^[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,62}[A-Za-z0-9])?$/;

/** Tells whether a user can have that name. */
export function isUserName(name: string): boolean {
  return userName.test(name) && name !== "anonymous";
}

/** Reads rights such as "read,deploy"; undefined when one is unknown or missing between commas. */
export function parseRights(text: string): ReadonlySet<Right> | undefined {
  const names = text.split(",").map((name) => name.trim());
  const rights = names.flatMap((name) => allRights.filter((right) => right === name));
  return rights.length === names.length ? new Set(rights) : undefined;
}

/**
 * Reads the lines of a file of users.
 * @throws {AuthFileError} naming the first line that is wrong
 */
export function parseUsers(text: string): Users {
  const byName = new Map<string, User>();
  let anonymous: ReadonlySet<Right> | undefined;
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.replace(/^\uFEFF/, "").trim();
    if (line === "" || line.startsWith("#")) return;
    const refuse = (expected: string): AuthFileError => new AuthFileError(`line ${index + 1}: expected ${expected}`);
    const [name = "", hash, rights, ...more] = line.split(":");
    if (hash === undefined || rights === undefined || more.length > 0) {
      throw refuse("three parts, name:hash:rights, with a colon between them");
    }
    if (name === "anonymous") {
      if (anonymous !== undefined) throw refuse("one line for anonymous, and this is the second");
      anonymous = anonymousRights(hash, rights, refuse);
      return;
    }
    if (byName.has(name)) throw refuse(`one line for each user, and this is the second for ${name}`);
    byName.set(name, parseUser({ name, hash, rights }, refuse));
  });
  return { byName, anonymous: anonymous ?? new Set(["invoke"]) };
}

type Refuse = (expected: string) => AuthFileError;

function anonymousRights(hash: string, rights: string, refuse: Refuse): ReadonlySet<Right> {
  if (hash !== "") throw refuse("no hash for anonymous, as in anonymous::invoke");
  const read = rights.trim() === "" ? new Set<Right>() : parseRights(rights);
  if (read === undefined) throw refuse("nothing or some of read, deploy and invoke after anonymous::");
  return read;
}

function parseUser(line: { name: string; hash: string; rights: string }, refuse: Refuse): User {
  if (!isUserName(line.name)) throw refuse("a name of up to 64 letters, digits and . _ @ + - before the first colon");
  const hash = parseHash(line.hash);
  if (hash === undefined) {
    throw refuse("a hash such as $scrypt$ln=15,r=8,p=3$salt$hash between the colons, made by `npm run passwd`");
  }
  const rights = parseRights(line.rights);
  if (rights === undefined) throw refuse("some of read, deploy and invoke, with commas, after the last colon");
  return { name: line.name, hash, rights };
}
