/**
 * Fetches tokens: GET realm?service&scope with Basic or anonymously, or POST realm with an identity token.
 * https://distribution.github.io/distribution/spec/auth/token/ and /oauth/
 */
import { z } from "zod";
import { GatewayError } from "../errors.ts";
import type { Reach } from "./address-policy.ts";
import { shownToTokenServer } from "./authorization.ts";
import { bodyOf, refusedBy } from "./body.ts";
import type { Credential } from "./credentials.ts";
import { breakdown, refusal } from "./failure.ts";
import type { PullLimits } from "./limits.ts";
import type { Route } from "./registry-policy.ts";
import { withRetries } from "./retry.ts";
import { discard, type Answer, type Transport } from "./transport.ts";

/** What is asked of a token server. */
export type TokenRequest = {
  readonly route: Route;
  readonly realm: URL;
  readonly service: string | undefined;
  /** One or several, separated by blanks. */
  readonly scope: string;
  readonly credential: Credential | undefined;
  /** How far away the registry is that named the realm. */
  readonly reach: Reach;
};

const shortestLifetimeSeconds = 60;
const longestLifetimeSeconds = 24 * 60 * 60;
const clientId = "wasmgate";
const token = z
  .string()
  .regex(/^[\x21-\x7e]{1,65536}$/)
  .nullish();
const answerSchema = z.object({ token, access_token: token, expires_in: z.number().nullish() });

/** Speaks to the token servers of registries. */
export class TokenServer {
  readonly #transport: Pick<Transport, "send">;
  readonly #limits: PullLimits;

  constructor(options: { readonly transport: Pick<Transport, "send">; readonly limits: PullLimits }) {
    this.#transport = options.transport;
    this.#limits = options.limits;
  }

  /**
   * Fetches a token, within the time of a document.
   * @throws {GatewayError} REGISTRY_DENIED REGISTRY_NOT_ALLOWED REGISTRY_RATE_LIMITED REGISTRY_UNAVAILABLE
   */
  async fetch(request: TokenRequest): Promise<{ readonly token: string; readonly lifetimeMs: number }> {
    const signal = AbortSignal.timeout(this.#limits.documentTimeoutMs);
    const untilMs = performance.now() + this.#limits.documentTimeoutMs;
    try {
      const posted = await this.#post(request, signal);
      if (posted !== undefined) return await this.#read(posted, request, signal);
      return await withRetries({ limits: this.#limits, signal, untilMs }, async () =>
        this.#read(await this.#get(request, signal), request, signal),
      );
    } catch (error) {
      throw breakdown(error, request.realm.host, signal);
    }
  }

  async #get({ route, realm, service, scope, credential, reach }: TokenRequest, signal: AbortSignal): Promise<Answer> {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    for (const one of scope.split(" ")) url.searchParams.append("scope", one);
    const authorization = shownToTokenServer(credential)?.value;
    return this.#transport.send({ method: "GET", url, authorization, from: nearest(realm, route, reach), signal });
  }

  /** Returns undefined where there is no identity token, or the server does not know how to exchange one. */
  async #post(request: TokenRequest, signal: AbortSignal): Promise<Answer | undefined> {
    const { route, realm, service, scope, credential, reach } = request;
    if (credential?.kind !== "identity") return undefined;
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      ...(service === undefined ? {} : { service }),
      client_id: clientId,
      scope,
      refresh_token: credential.identityToken,
    });
    const from = nearest(realm, route, reach);
    const answer = await this.#transport.send({ method: "POST", url: realm, form, from, signal });
    if (answer.status !== 404 && answer.status !== 405) return answer;
    discard(answer.body);
    return undefined;
  }

  async #read(
    answer: Answer,
    request: TokenRequest,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly lifetimeMs: number }> {
    const { image } = request.route;
    const registry = `the token server ${answer.url.host}`;
    if (answer.status !== 200) {
      const secrets = shownToTokenServer(request.credential)?.secrets ?? [];
      throw refusal(await refusedBy(answer, this.#limits.errorBytes), { image, registry, what: "a token", secrets });
    }
    const what = `${image}: the answer of ${registry}`;
    const bytes = await bodyOf(answer, {
      limitBytes: this.#limits.tokenBytes,
      tooLong: "REGISTRY_UNAVAILABLE",
      what,
      signal,
    });
    const parsed = answerSchema.safeParse(jsonOf(bytes));
    const found = parsed.data?.access_token ?? parsed.data?.token;
    if (!found) {
      throw new GatewayError("REGISTRY_UNAVAILABLE", `${image}: ${registry} answers without a token`);
    }
    const seconds = parsed.data?.expires_in ?? shortestLifetimeSeconds;
    return { token: found, lifetimeMs: 1000 * Math.min(Math.max(seconds, 0), longestLifetimeSeconds) };
  }
}

/** The registry itself may be its token server, wherever it is. */
function nearest(realm: URL, route: Route, reach: Reach): Reach {
  return realm.origin === new URL(route.origin).origin ? "loopback" : reach;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
