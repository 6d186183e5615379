/**
 * One request to a registry and the redirects it leads to; the only file that knows undici.
 *
 *   request -> hop (scheme, address, trust) -> answer
 *               ^                               | 301 302 303 307 308, at most `redirects` times
 *               +--- credentials stay behind ---+ never https -> http, never nearer than where we already were
 *
 * Bodies are the raw bytes: request() decodes no Content-Encoding, whose digest nobody promised. Addresses are judged
 * twice: before dialling, to know how far away a host is, and by the dialler's own lookup, so that a name cannot mean
 * another address the second time. IP literals pass no lookup and are judged here only; a URL has but one spelling
 * of each. Knows no retries, no tokens and no meaning of any status but a redirect's.
 */
import { isIP } from "node:net";
import type { Readable } from "node:stream";
import { Agent, request as exchange } from "undici";
import { GatewayError } from "../errors.ts";
import { reaches, type Addresses, type Reach } from "./address-policy.ts";
import { dialling, type Passage } from "./dial.ts";
import { breakdown, interruption } from "./failure.ts";
import type { PullLimits } from "./limits.ts";
import type { RegistryPolicy } from "./registry-policy.ts";

/** What to ask for. */
export type Request = {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to this URL's origin only, and never again once a redirect has left it. */
  readonly authorization?: string | undefined;
  /** A form to post; a redirect of it is not followed. */
  readonly form?: URLSearchParams;
  /** How far away the server is that named this URL; the URL's host must be at least as far. Absent: a person did. */
  readonly from?: Reach;
  readonly signal: AbortSignal;
};

/** What came. Whoever gets it reads the body to its end or destroys it. */
export type Answer = {
  readonly status: number;
  /** The first value of a header, by lower-case name. */
  header(name: string): string | undefined;
  /** All values of a header. */
  headers(name: string): readonly string[];
  readonly body: Readable;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** The farthest reach on the way. */
  readonly reach: Reach;
};

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Makes requests; holds the connections. */
export class Transport {
  readonly #policy: Pick<RegistryPolicy, "trust">;
  readonly #addresses: Addresses;
  readonly #limits: PullLimits;
  readonly #agents = new Map<string, Agent>();

  constructor(options: {
    readonly policy: Pick<RegistryPolicy, "trust">;
    readonly addresses: Addresses;
    readonly limits: PullLimits;
  }) {
    this.#policy = options.policy;
    this.#addresses = options.addresses;
    this.#limits = options.limits;
  }

  /**
   * Sends a request and follows its redirects; any status that is no redirect is an answer.
   * @throws {GatewayError} REGISTRY_NOT_ALLOWED REGISTRY_UNAVAILABLE
   */
  async send(request: Request): Promise<Answer> {
    let { url, authorization } = request;
    let from: Reach = request.from ?? "loopback";
    for (let hop = 0; hop <= this.#limits.redirects; hop++) {
      const passage = await this.#passage(url, from, request.signal);
      const answer = await this.#hop({ ...request, url, authorization }, passage);
      const location = redirects.has(answer.status) ? answer.header("location") : undefined;
      if (location === undefined || request.form !== undefined) return answer;
      discard(answer.body);
      const next = follow(url, location);
      if (next.origin !== url.origin) authorization = undefined;
      from = passage.farthest;
      url = next;
    }
    throw new GatewayError(
      "REGISTRY_UNAVAILABLE",
      `${request.url.host} redirected more than ${this.#limits.redirects} times`,
    );
  }

  /** Closes all connections, those in use too. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  /** Finds out how far away a host is and whether we may go there from where we are. */
  async #passage(url: URL, nearest: Reach, signal: AbortSignal): Promise<Passage> {
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const addresses = isIP(hostname) === 0 ? await this.#resolve(hostname, url.host, signal) : [hostname];
    const found = addresses.map((address) => this.#addresses.reachOf(address));
    const farthest = reaches.findLast((reach) => found.includes(reach));
    if (farthest === undefined || found.some((reach) => reach === "never" || isNearer(reach, nearest))) {
      throw new GatewayError(
        "REGISTRY_NOT_ALLOWED",
        `${url.host} is an address that ${nearest === "loopback" ? "no" : `a ${nearest}`} registry may lead to`,
      );
    }
    return { nearest, farthest };
  }

  async #resolve(hostname: string, host: string, signal: AbortSignal): Promise<readonly string[]> {
    if (signal.aborted) throw interruption(signal, host);
    const stop = Promise.withResolvers<never>();
    const onAbort = (): void => stop.reject(new Error("aborted"));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#addresses.lookup(hostname), stop.promise]);
    } catch (error) {
      throw breakdown(error, host, signal);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #hop(request: Request, passage: Passage): Promise<Answer> {
    const { url, signal, authorization, form } = request;
    try {
      const { statusCode, headers, body } = await exchange(url, {
        method: request.method,
        dispatcher: await this.#agent(url.host, passage),
        headers: {
          "user-agent": "wasmgate",
          "accept-encoding": "identity",
          ...request.headers,
          ...(authorization === undefined ? {} : { authorization }),
          ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        },
        ...(form === undefined ? {} : { body: form.toString() }),
        signal,
      });
      const all = (name: string): readonly string[] => [headers[name] ?? []].flat();
      const reach = passage.farthest;
      return { status: statusCode, headers: all, header: (name) => all(name)[0], body, url, reach };
    } catch (error) {
      throw breakdown(error, url.host, signal);
    }
  }

  /** One agent for each way of judging addresses and certificates, so that no connection is used under another. */
  async #agent(host: string, passage: Passage): Promise<Agent> {
    const trust = await this.#policy.trust(host);
    const key = JSON.stringify([passage.nearest, passage.farthest, trust && host, trust?.ca?.at(-1)]);
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const { connectTimeoutMs, headersTimeoutMs, idleTimeoutMs } = this.#limits;
      agent = new Agent({
        allowH2: false,
        headersTimeout: headersTimeoutMs,
        bodyTimeout: idleTimeoutMs,
        connect: { ...trust, timeout: connectTimeoutMs, lookup: dialling(this.#addresses, passage) },
      });
      this.#agents.set(key, agent);
    }
    return agent;
  }
}

/** Lets go of a body that nobody will read, and of its connection. */
export function discard(body: Readable): void {
  body.on("error", () => undefined);
  body.destroy();
}

/** Tells whether the first reach is nearer than the second. */
function isNearer(reach: Reach, than: Reach): boolean {
  return reaches.indexOf(reach) < reaches.indexOf(than);
}

function follow(from: URL, location: string): URL {
  const next = URL.parse(location, from);
  const problem =
    next === null || (next.protocol !== "https:" && next.protocol !== "http:")
      ? "to something that is no http address"
      : next.protocol === "http:" && from.protocol === "https:"
        ? "from https to plain http"
        : next.username !== "" || next.password !== ""
          ? "to an address with a user in it"
          : undefined;
  if (next !== null && problem === undefined) return next;
  throw new GatewayError("REGISTRY_NOT_ALLOWED", `${from.host} redirects ${problem ?? "nowhere"}`);
}
