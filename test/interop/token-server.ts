/**
 * A token server, as a registry with `auth: token` sends its clients to.
 * https://distribution.github.io/distribution/spec/auth/token/ and /jwt/
 *
 * Whoever brings a user and password gets what `grants` allows, signed with RS256; whoever brings none is nobody.
 */
import { randomUUID, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./certificates.ts";

/** One request for a token; the user is undefined where none was brought. */
export type Asked = {
  readonly user: string | undefined;
  readonly service: string | null;
  readonly scopes: readonly string[];
};

/** What a token server knows. */
export type TokenServerOptions = {
  readonly signer: Certificate;
  readonly service: string;
  readonly passwords: Readonly<Record<string, string>>;
  /** The actions that a user, or nobody, may do with a repository. */
  readonly grants: (user: string | undefined, repository: string) => readonly string[];
};

const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A token server on 127.0.0.1, stopped after the test file. */
export class TokenServer {
  readonly issuer = "token server of a test";
  /** All requests, in order. */
  readonly asked: Asked[] = [];
  readonly #options: TokenServerOptions;
  readonly #server: Server;

  private constructor(options: TokenServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
    servers.push(this.#server);
  }

  static async start(options: TokenServerOptions): Promise<TokenServer> {
    const started = new TokenServer(options);
    await new Promise<void>((resolve) => started.#server.listen(0, "127.0.0.1", resolve));
    return started;
  }

  /** What a registry is told so that it sends its clients here and believes what they come back with. */
  get settings(): { readonly token: Readonly<Record<string, string>> } {
    const realm = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
    const { service, signer } = this.#options;
    return { token: { realm, service, issuer: this.issuer, rootcertbundle: signer.certificate } };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
    const [user, password] = credentialsOf(request);
    const scopes = searchParams.getAll("scope");
    this.asked.push({ user, service: searchParams.get("service"), scopes });
    response.setHeader("content-type", "application/json");
    if (user !== undefined && this.#options.passwords[user] !== password) {
      // As rude as a server can be: it repeats what it was shown.
      const message = `wrong: ${request.headers.authorization} ${password}`;
      response.writeHead(401).end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message }] }));
      return;
    }
    response.end(JSON.stringify({ token: this.#token(user, scopes), expires_in: 300 }));
  }

  #token(user: string | undefined, scopes: readonly string[]): string {
    const { signer, service } = this.#options;
    const certificate = new X509Certificate(readFileSync(signer.certificate));
    const now = Math.floor(Date.now() / 1000);
    const header = { typ: "JWT", alg: "RS256", x5c: [certificate.raw.toString("base64")] };
    const claims = {
      ...{ iss: this.issuer, sub: user ?? "", aud: service, jti: randomUUID() },
      ...{ iat: now, nbf: now - 10, exp: now + 300 },
      access: scopes.flatMap((scope) => this.#access(user, scope)),
    };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${signed}.${sign("RSA-SHA256", Buffer.from(signed), readFileSync(signer.key)).toString("base64url")}`;
  }

  #access(user: string | undefined, scope: string): readonly object[] {
    const [, name = "", wanted = ""] = /^repository:(.+):([a-z,*]+)$/.exec(scope) ?? [];
    const granted = this.#options.grants(user, name);
    const actions = wanted.split(",").filter((action) => granted.includes(action));
    return actions.length === 0 ? [] : [{ type: "repository", name, actions }];
  }
}

function credentialsOf(request: IncomingMessage): [string | undefined, string | undefined] {
  const [, encoded] = /^Basic (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  if (encoded === undefined) return [undefined, undefined];
  const [user, ...password] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return [user, password.join(":")];
}
