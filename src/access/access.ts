/**
 * Who may do what: callers with a password by the file of users, callers without by its `anonymous` line, everyone
 * everything when there is no file.
 *
 *   right open to all? -> permitted, credentials unread
 *   address waits after wrong passwords? -> TOO_MANY_ATTEMPTS        before the cache, which would answer guesses fast
 *   verified before? (HMAC of the header under a key of this process) -> its user
 *   otherwise scrypt, off the ingress thread, a few at a time; a name nobody has costs what a name somebody has costs
 */
import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { GatewayError } from "../errors.ts";
import { requirePath } from "../required-paths.ts";
import { Attempts } from "./attempts.ts";
import { impossibleHash, isPassword } from "./password.ts";
import { AuthFileError, parseUsers, type Right, type User, type Users } from "./users.ts";

/** What a request says about who sends it. */
export type Caller = {
  /** The Authorization header as it came. */
  readonly authorization: string | undefined;
  /** The peer's IP address. */
  readonly address: string;
};

const verifiedAtMost = 1000;
const scryptAtOnce = 2;
const waitingAtMost = 64;

/** Decides whether a caller has a right. */
export class Access {
  readonly #users: Users | undefined;
  readonly #attempts: Attempts;
  readonly #key = randomBytes(32);
  readonly #verified = new Map<string, User>();
  readonly #pending = new Map<string, Promise<User>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Without users everyone may do everything. */
  constructor(options: { readonly users?: Users; readonly attempts?: Attempts }) {
    this.#users = options.users;
    this.#attempts = options.attempts ?? new Attempts();
  }

  /**
   * Reads the file of users, or lets everyone do everything when there is none.
   * @throws {AuthFileError} a sentence that names the file and the line; {Error} one about a file that cannot be read
   */
  static async open({ authFile }: { readonly authFile: string | null }): Promise<Access> {
    if (authFile === null) return new Access({});
    await requirePath("WASMGATE_AUTH_FILE", authFile, "file");
    try {
      return new Access({ users: parseUsers(await readFile(authFile, "utf8")) });
    } catch (error) {
      const why = Error.isError(error) ? error.message : String(error);
      throw new AuthFileError(`WASMGATE_AUTH_FILE ${authFile}: ${why}`, error);
    }
  }

  /**
   * Returns when the caller has the right: at once (undefined) wherever no password has to be verified.
   * @throws {GatewayError} UNAUTHENTICATED, FORBIDDEN, TOO_MANY_ATTEMPTS; thrown or by the promise
   */
  permit(right: Right, caller: Caller): Promise<void> | undefined {
    const users = this.#users;
    if (users === undefined || users.anonymous.has(right)) return undefined;
    const credentials = parseBasic(caller.authorization);
    const waitMs = this.#attempts.waitOf(caller.address);
    if (waitMs > 0) throw tooMany(waitMs);
    const key = createHmac("sha256", this.#key).update(credentials.name).update("\0").update(credentials.password);
    const known = key.digest("base64");
    const user = this.#verified.get(known);
    if (user !== undefined) {
      demand(user, right);
      return undefined;
    }
    return this.#verifyOnce(known, users, { ...credentials, ...caller }).then((verified) => demand(verified, right));
  }

  /** Verifies equal credentials that come at the same time as one. */
  #verifyOnce(key: string, users: Users, given: Credentials & Caller): Promise<User> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const verifying = this.#verify(users, given)
      .then((user) => {
        const [oldest] = this.#verified.size < verifiedAtMost ? [] : this.#verified.keys();
        if (oldest !== undefined) this.#verified.delete(oldest);
        this.#verified.set(key, user);
        return user;
      })
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, verifying);
    return verifying;
  }

  async #verify(users: Users, { name, password, address }: Credentials & Caller): Promise<User> {
    if (this.#waiting.length >= waitingAtMost) throw tooMany(1000);
    const waitMs = this.#attempts.take(address);
    if (waitMs > 0) throw tooMany(waitMs);
    const user = users.byName.get(name);
    if (this.#running >= scryptAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    const right = await isPassword(password, user?.hash ?? this.#stranger(users, name)).finally(() => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    });
    if (user === undefined || !right) throw new GatewayError("UNAUTHENTICATED", "wrong user or password");
    this.#attempts.giveBack(address);
    return user;
  }

  /** A hash for a name that nobody has: as costly as some user's, and always the same user's for the same name. */
  #stranger(users: Users, name: string) {
    const all = [...users.byName.values()];
    const drawn = createHmac("sha256", this.#key).update(name).digest().readUInt32BE();
    return impossibleHash(all[drawn % Math.max(1, all.length)]?.hash);
  }
}

type Credentials = { readonly name: string; readonly password: string };

/** Reads `Basic base64(name:password)` (RFC 7617, UTF-8). */
function parseBasic(authorization: string | undefined): Credentials {
  if (authorization === undefined) {
    throw new GatewayError("UNAUTHENTICATED", "expected a user and password (HTTP Basic), got none");
  }
  const encoded = /^basic +([A-Za-z0-9+/_-]*={0,2}) *$/i.exec(authorization)?.[1];
  const decoded = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon < 0) {
    throw new GatewayError("UNAUTHENTICATED", "expected an Authorization header of Basic and base64 of user:password");
  }
  return { name: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

function demand(user: User, right: Right): void {
  if (user.rights.has(right)) return;
  throw new GatewayError("FORBIDDEN", `${user.name} does not have the right to ${right}`);
}

function tooMany(waitMs: number): GatewayError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new GatewayError("TOO_MANY_ATTEMPTS", "too many wrong passwords came from this address, wait and try again", {
    retryAfterSeconds,
  });
}
