/**
 * Names of images, as github.com/distribution/reference writes them (v0.6.0):
 *
 *   reference := name [":" tag] ["@" digest]     name := [host [":" port] "/"] path
 *   host      := domain | IPv4 | "[" IPv6 "]"    path := component ("/" component)*
 *   component := [a-z0-9]+ (("." | "_" | "__" | "-"+) [a-z0-9]+)*
 *   tag       := [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
 *
 * The first segment is a host when it holds "." or ":" or an upper-case letter, or is "localhost"; otherwise the host
 * is docker.io, where a single component means library/COMPONENT. Neither tag nor digest means the tag "latest".
 */
import { isIPv4, isIPv6 } from "node:net";
import { isDigest, type Digest } from "../digest.ts";
import { GatewayError } from "../errors.ts";

/** A parsed image reference. */
export type Reference = {
  /** As it was given. */
  readonly text: string;
  /** Lower case, with the port when one was given: "docker.io", "127.0.0.1:5000", "[::1]:5000". */
  readonly registry: string;
  readonly repository: string;
  /** Only for display when there is a digest as well. */
  readonly tag?: string;
  readonly digest?: Digest;
};

const longestText = 1024;
const longestRepository = 255;
const hostPattern =
  /^(?<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::(?<port>\d{1,5}))?$/;
const componentPattern = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const imageIdPattern = /^[a-f0-9]{64}$/;

/**
 * Reads an image reference; `oci://` and `docker://` in front are ignored.
 * @throws {GatewayError} INVALID_REFERENCE
 */
export function parseReference(text: string): Reference {
  if (text === "" || text.length > longestText) {
    throw invalid(text, `expected an image reference of 1 to ${longestText} characters, got ${text.length}`);
  }
  const rest = withoutScheme(text);
  if (imageIdPattern.test(rest)) {
    throw invalid(text, "expected a name, got an image id; give the repository too, as in host/name@sha256:…");
  }
  const at = rest.indexOf("@");
  const digest = at < 0 ? undefined : readDigest(text, rest.slice(at + 1));
  const named = at < 0 ? rest : rest.slice(0, at);
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const tag = tagged ? readTag(text, named.slice(colon + 1)) : digest === undefined ? "latest" : undefined;
  const { registry, repository } = readName(text, tagged ? named.slice(0, colon) : named);
  return {
    text,
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/**
 * Reads a registry's name as settings and references write it and returns it in its one spelling: lower case, IPv6
 * shortened, docker.io for its aliases. Other spellings of an IP address, such as 0x7f.1, are refused.
 * @throws {GatewayError} INVALID_REFERENCE
 */
export function parseRegistry(text: string): string {
  const { host, port } = hostPattern.exec(text)?.groups ?? {};
  if (host === undefined) throw invalid(text, `expected a registry such as ghcr.io or 127.0.0.1:5000`);
  const portNumber = port === undefined ? undefined : Number(port);
  if (portNumber !== undefined && (portNumber < 1 || portNumber > 65_535)) {
    throw invalid(text, `expected a port from 1 to 65535, got ${portNumber}`);
  }
  const name = canonicalHost(text, host.toLowerCase());
  const registry = portNumber === undefined ? name : `${name}:${portNumber}`;
  return registry === "index.docker.io" ? "docker.io" : registry;
}

function withoutScheme(text: string): string {
  const scheme = /^(?<name>[a-z][a-z0-9+.-]*):\/\//i.exec(text)?.groups?.["name"]?.toLowerCase();
  if (scheme === undefined) return text;
  if (scheme === "oci" || scheme === "docker") return text.slice(scheme.length + "://".length);
  if (scheme === "http" || scheme === "https") {
    throw invalid(
      text,
      `expected a reference without ${scheme}://; whether a registry speaks plain http is a setting (WASMGATE_INSECURE_REGISTRIES)`,
    );
  }
  throw invalid(text, `expected a reference such as host/name:tag, got the scheme ${scheme}://`);
}

function readDigest(text: string, digest: string): Digest {
  if (isDigest(digest)) return digest;
  throw invalid(text, "expected @sha256:<64 hex> or @sha512:<128 hex> in lower case after the name");
}

function readTag(text: string, tag: string): string {
  if (tagPattern.test(tag)) return tag;
  throw invalid(text, "expected a tag of 1 to 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'");
}

function readName(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hosted = first === "localhost" || /[.:A-Z]/.test(first);
  const registry = hosted ? parseRegistry(first) : "docker.io";
  const path = hosted ? name.slice(slash + 1) : name;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  if (repository.length > longestRepository) {
    throw invalid(text, `expected a repository of at most ${longestRepository} characters, got ${repository.length}`);
  }
  const odd = path.split("/").find((component) => !componentPattern.test(component));
  if (odd === undefined) return { registry, repository };
  const hint = /[A-Z]/.test(odd) ? "; repositories are written in lower case" : "";
  throw invalid(text, `expected lower-case letters, digits and separators between slashes, got "${odd}"${hint}`);
}

/** What a URL makes of the host must be what was written, or a name could mean an address nobody reads in it. */
function canonicalHost(text: string, host: string): string {
  const parsed = URL.parse(`http://${host}/`)?.hostname;
  if (parsed === undefined) throw invalid(text, `expected a host name or an IP address, got ${host}`);
  if (host.startsWith("[") ? isIPv6(parsed.slice(1, -1)) : parsed === host) return parsed;
  const meaning = isIPv4(parsed) ? `; write ${parsed}` : "";
  throw invalid(text, `expected an IP address in its usual spelling, got ${host}${meaning}`);
}

function invalid(text: string, why: string): GatewayError {
  return new GatewayError("INVALID_REFERENCE", `${JSON.stringify(text.slice(0, 200))}: ${why}`);
}
