/**
 * What the operator said about registries: which are allowed, which speak plain http, which are mirrored, whom to
 * trust. Turns a Reference into a Route, the only thing that requests are made from.
 *
 * Plain http is for loopback and for registries that are listed; there is no falling back to it. A registry whose CA
 * lies in certs.d, or whose certificate is not to be verified, speaks https even on loopback.
 */
import { readFile } from "node:fs/promises";
import { isIP, type BlockList } from "node:net";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { GatewayError } from "../errors.ts";
import { blockList, reachOf } from "./address-policy.ts";
import { codeOf } from "./failure.ts";
import { parseRegistry, type Reference } from "./reference.ts";

/** Where the requests for one image go. */
export type Route = {
  /** The reference as it was given; names the image in every error. */
  readonly image: string;
  /** The registry that is asked, the mirror's name where there is one; also the key of its credentials. */
  readonly registry: string;
  readonly repository: string;
  /** Scheme, host and port; a docker.io that is not mirrored answers at registry-1.docker.io. */
  readonly origin: string;
};

/** How a registry proves who it is, where that differs from the system's trust. */
export type Trust = { readonly ca?: string[]; readonly rejectUnauthorized?: false };

/** The operator's lists; every registry as host[:port], one without a port is another than one with. */
export type RegistryRules = {
  /** Absent: every registry is allowed. */
  readonly allowed?: readonly string[] | undefined;
  /** Registries, or CIDR ranges that hold for registries written as an IP address. */
  readonly insecure?: readonly string[];
  /** From a registry's name to the mirror that is asked in its place. */
  readonly mirrors?: Readonly<Record<string, string>>;
  readonly skipTlsVerify?: readonly string[];
  /** A folder in docker's layout, FOLDER/HOST:PORT/ca.crt. */
  readonly certsFolder?: string | undefined;
};

/** Answers for the operator, without asking anybody. */
export class RegistryPolicy {
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #insecure: ReadonlySet<string>;
  readonly #insecureRanges: BlockList;
  readonly #mirrors: ReadonlyMap<string, string>;
  readonly #unverified: ReadonlySet<string>;
  readonly #certsFolder: string | undefined;

  /** @throws {GatewayError} INVALID_REFERENCE when a list holds something that is no registry */
  constructor(rules: RegistryRules) {
    const insecure = rules.insecure ?? [];
    this.#allowed = rules.allowed && new Set(rules.allowed.map(parseRegistry));
    this.#insecure = new Set(insecure.filter((entry) => !isRange(entry)).map(parseRegistry));
    this.#insecureRanges = blockList(insecure.filter(isRange));
    this.#mirrors = new Map(
      Object.entries(rules.mirrors ?? {}).map(([from, to]) => [parseRegistry(from), parseRegistry(to)]),
    );
    this.#unverified = new Set((rules.skipTlsVerify ?? []).map(parseRegistry));
    this.#certsFolder = rules.certsFolder;
  }

  /**
   * Says where an image's requests go.
   * @throws {GatewayError} REGISTRY_NOT_ALLOWED
   */
  async route(reference: Reference): Promise<Route> {
    if (this.#allowed && !this.#allowed.has(reference.registry)) {
      throw new GatewayError(
        "REGISTRY_NOT_ALLOWED",
        `${reference.text}: the registry ${reference.registry} is not on the list of allowed registries`,
      );
    }
    const registry = this.#mirrors.get(reference.registry) ?? reference.registry;
    const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
    const scheme = (await this.#speaksPlainHttp(registry)) ? "http" : "https";
    return { image: reference.text, registry, repository: reference.repository, origin: `${scheme}://${host}` };
  }

  /** Returns whom to trust for a host[:port], or undefined for the system's usual trust. */
  async trust(host: string): Promise<Trust | undefined> {
    if (this.#unverified.has(host)) return { rejectUnauthorized: false };
    const ca = await this.#authority(host);
    return ca === undefined ? undefined : { ca: [...getCACertificates("default"), ca] };
  }

  async #speaksPlainHttp(registry: string): Promise<boolean> {
    if (this.#unverified.has(registry)) return false;
    if (this.#insecure.has(registry)) return true;
    const hostname = new URL(`http://${registry}/`).hostname.replace(/^\[|\]$/g, "");
    const family = isIP(hostname);
    if (family !== 0 && this.#insecureRanges.check(hostname, family === 6 ? "ipv6" : "ipv4")) return true;
    const loopback = hostname === "localhost" || (family !== 0 && reachOf(hostname) === "loopback");
    return loopback && (await this.#authority(registry)) === undefined;
  }

  async #authority(host: string): Promise<string | undefined> {
    if (this.#certsFolder === undefined) return undefined;
    try {
      return await readFile(join(this.#certsFolder, host, "ca.crt"), "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      throw new GatewayError("REGISTRY_UNAVAILABLE", `the CA certificate kept for ${host} cannot be read`, {
        cause: error,
      });
    }
  }
}

function isRange(entry: string): boolean {
  const [network = "", prefix, ...more] = entry.split("/");
  if (prefix === undefined) return false;
  const bits = isIP(network) === 6 ? 128 : 32;
  if (isIP(network) !== 0 && more.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits) return true;
  throw new GatewayError("INVALID_REFERENCE", `expected host:port or a range such as 10.0.0.0/8, got ${entry}`);
}
