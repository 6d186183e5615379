/**
 * A GET that ends with what was asked for or with a GatewayError: challenges answered, failures tried again, refusals
 * put into words.
 *
 *   send --- expected status -----------------------------------------------> answer
 *     ^  --- 401 from the registry itself, twice at most --> auth.answer --> send again
 *     |  --- 408 429 5xx, broken connection --> pause ----------------------> send again
 *     |  --- anything else -------------------------------------------------> GatewayError
 *
 * A host that a redirect led to is never answered with credentials, whatever it challenges.
 */
import { GatewayError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Auth } from "./auth.ts";
import type { Authorization } from "./authorization.ts";
import { refusedBy } from "./body.ts";
import { parseChallenges } from "./challenge.ts";
import { interruption, printable, refusal } from "./failure.ts";
import type { PullLimits } from "./limits.ts";
import type { Route } from "./registry-policy.ts";
import { withRetries } from "./retry.ts";
import { discard, type Answer, type Transport } from "./transport.ts";

/** What to get. */
export type Wish = {
  readonly route: Route;
  /** Below /v2/REPOSITORY/, such as "manifests/latest". */
  readonly path: string;
  /** Names it in errors, such as "the manifest latest". */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses that are no failure. */
  readonly expected: readonly number[];
  readonly signal: AbortSignal;
  /** When to stop trying again, on performance.now()'s clock. */
  readonly untilMs: number;
};

const mostAnswered = 2;
const longestWarning = 4096;
const mostWarnings = 1000;

/** Gets things from registries. */
export class Exchange {
  readonly #transport: Pick<Transport, "send">;
  readonly #auth: Pick<Auth, "remembered" | "answer">;
  readonly #limits: PullLimits;
  readonly #log: Pick<Log, "warn">;
  readonly #warned = new Set<string>();

  constructor(options: {
    readonly transport: Pick<Transport, "send">;
    readonly auth: Pick<Auth, "remembered" | "answer">;
    readonly limits: PullLimits;
    readonly log: Pick<Log, "warn">;
  }) {
    this.#transport = options.transport;
    this.#auth = options.auth;
    this.#limits = options.limits;
    this.#log = options.log;
  }

  /**
   * Gets something, and whatever `use` makes of it; a failure in there that may pass is tried again too.
   * @throws {GatewayError} IMAGE_NOT_FOUND REGISTRY_DENIED REGISTRY_NOT_ALLOWED REGISTRY_RATE_LIMITED REGISTRY_UNAVAILABLE
   */
  async get<T>(wish: Wish, use: (answer: Answer) => T | Promise<T>): Promise<T> {
    const { signal, untilMs } = wish;
    try {
      return await withRetries({ limits: this.#limits, signal, untilMs }, async () => use(await this.#attempt(wish)));
    } catch (error) {
      throw this.#named(error, wish);
    }
  }

  async #attempt(wish: Wish): Promise<Answer> {
    const { route, signal } = wish;
    const url = new URL(`${route.origin}/v2/${route.repository}/${wish.path}`);
    let authorization = this.#auth.remembered(route);
    for (let answered = 0; ; answered++) {
      const headers = wish.headers ?? {};
      const answer = await this.#transport.send({
        method: "GET",
        url,
        headers,
        authorization: authorization?.value,
        signal,
      });
      this.#noteWarnings(answer);
      if (wish.expected.includes(answer.status)) return answer;
      const challenged = answer.status === 401 && answer.url.origin === url.origin && answered < mostAnswered;
      const next = challenged ? await this.#answer(answer, { wish, authorization, fresh: answered > 0 }) : undefined;
      if (next === undefined) throw await this.#refusal(answer, wish, authorization);
      discard(answer.body);
      authorization = next;
    }
  }

  async #answer(
    answer: Answer,
    made: { readonly wish: Wish; readonly authorization: Authorization | undefined; readonly fresh: boolean },
  ): Promise<Authorization | undefined> {
    const { wish, authorization, fresh } = made;
    const challenges = parseChallenges(answer.headers("www-authenticate"));
    const { route, signal } = wish;
    try {
      return await this.#auth.answer(challenges, { route, reach: answer.reach, refused: authorization, fresh, signal });
    } catch (error) {
      discard(answer.body);
      throw error;
    }
  }

  async #refusal(answer: Answer, wish: Wish, authorization: Authorization | undefined): Promise<GatewayError> {
    const { image, registry } = wish.route;
    const refused = await refusedBy(answer, this.#limits.errorBytes);
    const host = answer.url.origin === wish.route.origin ? registry : `${answer.url.host} (where ${registry} sent us)`;
    // What TLS servers answer to plain http, which loopback is spoken to unless its CA is known.
    const isPlain = answer.status === 400 && answer.url.protocol === "http:";
    const what = isPlain
      ? `${wish.what} by plain http; if it speaks https, put its CA into WASMGATE_REGISTRY_CERTS_DIR`
      : wish.what;
    return refusal(refused, { image, registry: host, what, secrets: authorization?.secrets ?? [] });
  }

  /** RFC 7234's Warning, which registries use for announcements; each text is logged once. */
  #noteWarnings(answer: Answer): void {
    for (const header of answer.headers("warning")) {
      const said = /^299 - "(?<said>.*)"$/.exec(header.slice(0, longestWarning))?.groups?.["said"];
      const text = printable(said ?? "");
      const key = `${answer.url.host} ${text}`;
      if (text === "" || this.#warned.has(key) || this.#warned.size >= mostWarnings) continue;
      this.#warned.add(key);
      this.#log.warn("a registry warns", { registry: answer.url.host, warning: text });
    }
  }

  /** Names the image in an error from below, which knows only hosts. */
  #named(error: unknown, { route, signal, what }: Wish): unknown {
    const known = signal.aborted && !(error instanceof GatewayError) ? interruption(signal, route.registry) : error;
    if (!(known instanceof GatewayError) || known.message.startsWith(route.image)) return known;
    const { code, message, cause, retryAfterSeconds } = known;
    return new GatewayError(code, `${route.image}: ${message} (asking ${route.registry} for ${what})`, {
      cause,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  }
}
