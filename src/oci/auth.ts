/**
 * From a challenge to the value of an Authorization header.
 * https://distribution.github.io/distribution/spec/auth/token/ and /oauth/
 *
 *   401 Bearer realm, service, scope --> guard(realm) --> cache --> GET realm (Basic or anonymous)
 *                                                           |       POST realm (identity token)
 *   401 Basic ------------------------> user:password, to the registry's own origin only
 *
 * A token is remembered for its registry and repository, and sent with the first request next time. Whoever asks for
 * one token at one time shares one fetch.
 */
import { GatewayError } from "../errors.ts";
import type { Reach } from "./address-policy.ts";
import { basicOf, bearerOf, type Authorization } from "./authorization.ts";
import type { Challenge } from "./challenge.ts";
import type { Credential, Credentials } from "./credentials.ts";
import type { Route } from "./registry-policy.ts";
import type { TokenRequest, TokenServer } from "./token-server.ts";

type Kept = { readonly authorization: Authorization; readonly untilMs: number };

/** Renewed this much before a token ends, so that it does not end on its way. */
const marginMs = 10_000;
const ownLifetimeMs = 60_000;
const mostKept = 1000;

/** Answers challenges; remembers tokens. */
export class Auth {
  readonly #tokenServer: Pick<TokenServer, "fetch">;
  readonly #credentials: Credentials;
  readonly #tokens = new Map<string, Kept>();
  readonly #flights = new Map<string, Promise<Authorization>>();
  /** The key of the token that worked last, by registry and repository. */
  readonly #lastKeys = new Map<string, string>();

  constructor(options: { readonly tokenServer: Pick<TokenServer, "fetch">; readonly credentials: Credentials }) {
    this.#tokenServer = options.tokenServer;
    this.#credentials = options.credentials;
  }

  /** Returns the token that is known to fit, so that the first request can carry it. */
  remembered(route: Route): Authorization | undefined {
    return this.#kept(this.#lastKeys.get(keyOf(route)) ?? "");
  }

  /**
   * Makes an authorization that answers one of the challenges, or undefined when we can answer none, or could only
   * repeat the refused one.
   * @throws {GatewayError} REGISTRY_NOT_ALLOWED REGISTRY_DENIED REGISTRY_UNAVAILABLE
   */
  async answer(
    challenges: readonly Challenge[],
    context: {
      readonly route: Route;
      /** How far away the registry is that challenges. */
      readonly reach: Reach;
      readonly refused: Authorization | undefined;
      /** Whether the refused one was made for this very request, and so cannot have expired. */
      readonly fresh: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<Authorization | undefined> {
    const { route, refused } = context;
    const credential = await this.#credentials.find(route.registry, route.repository);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      if (credential?.kind === "bearer") return this.#own(route, bearerOf(credential.token), refused);
      return this.#token(bearer, credential, context);
    }
    if (credential?.kind !== "password" || !challenges.some(({ scheme }) => scheme === "basic")) return undefined;
    return this.#own(route, basicOf(credential), refused);
  }

  /** Remembers what came from the credentials as it is, for so long that a change of these is soon seen. */
  #own(route: Route, authorization: Authorization, refused: Authorization | undefined): Authorization | undefined {
    if (authorization.value === refused?.value) return undefined;
    limitedSet(this.#tokens, keyOf(route), { authorization, untilMs: performance.now() + ownLifetimeMs });
    return this.#remember(route, keyOf(route), authorization);
  }

  async #token(
    bearer: Challenge,
    credential: Credential | undefined,
    context: Parameters<Auth["answer"]>[1],
  ): Promise<Authorization | undefined> {
    const { route, reach, refused, fresh, signal } = context;
    const scope = pullScope(bearer.parameters.get("scope"), route);
    if (fresh && refused?.scope === scope) return undefined;
    const realm = guardedRealm(bearer.parameters.get("realm"), route);
    const service = bearer.parameters.get("service");
    const key = JSON.stringify([route.origin, realm.href, service, scope, credential?.id]);
    const kept = this.#kept(key);
    if (kept !== undefined && kept.value !== refused?.value) return this.#remember(route, key, kept);
    this.#tokens.delete(key);
    const request: TokenRequest = { route, realm, service, scope, credential, reach };
    return this.#remember(route, key, await this.#fetch(key, request, signal));
  }

  /** Shares one fetch among all who want the same token; each waits no longer than it may. */
  async #fetch(key: string, request: TokenRequest, signal: AbortSignal): Promise<Authorization> {
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#land(key, request).finally(() => this.#flights.delete(key));
      flight.catch(() => undefined);
      this.#flights.set(key, flight);
    }
    signal.throwIfAborted();
    const stop = Promise.withResolvers<never>();
    const onAbort = (): void => stop.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([flight, stop.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #land(key: string, request: TokenRequest): Promise<Authorization> {
    const { token, lifetimeMs } = await this.#tokenServer.fetch(request);
    const authorization = bearerOf(token, request.scope);
    limitedSet(this.#tokens, key, { authorization, untilMs: performance.now() + lifetimeMs - marginMs });
    return authorization;
  }

  #kept(key: string): Authorization | undefined {
    const kept = this.#tokens.get(key);
    if (kept === undefined || kept.untilMs > performance.now()) return kept?.authorization;
    this.#tokens.delete(key);
    return undefined;
  }

  #remember(route: Route, key: string, authorization: Authorization): Authorization {
    limitedSet(this.#lastKeys, keyOf(route), key);
    return authorization;
  }
}

/** A realm is https, or http where the registry itself is; the transport judges its address. */
function guardedRealm(realm: string | undefined, route: Route): URL {
  const url = realm === undefined ? null : URL.parse(realm);
  const plainToo = route.origin.startsWith("http://");
  const speaks = url?.protocol === "https:" || (plainToo && url?.protocol === "http:");
  if (url !== null && speaks && url.username === "" && url.password === "") return url;
  throw new GatewayError(
    "REGISTRY_NOT_ALLOWED",
    `${route.image}: ${route.registry} sends us for a token to something other than an ${plainToo ? "http or " : ""}https address`,
  );
}

/** Asks for no more than pulling, whatever the challenge suggests. */
function pullScope(challenged: string | undefined, route: Route): string {
  const wanted = (challenged ?? "").split(" ").flatMap((scope) => {
    const [resource, actions] = [scope.slice(0, scope.lastIndexOf(":")), scope.slice(scope.lastIndexOf(":") + 1)];
    const pulls = actions.split(",").some((action) => action === "pull" || action === "*");
    return pulls && /^repository(?:\([a-z0-9]+\))?:./.test(resource) ? [`${resource}:pull`] : [];
  });
  return wanted.length > 0 ? wanted.slice(0, 4).join(" ") : `repository:${route.repository}:pull`;
}

function keyOf(route: Route): string {
  return `${route.origin}/${route.repository}`;
}

/** Keeps a map from growing without bound: the oldest goes. */
function limitedSet<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > mostKept && oldest !== undefined) map.delete(oldest);
}
