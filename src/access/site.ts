/**
 * Keeps web pages away from the control routes: a page that someone has open must not deploy with their reach.
 *
 * Host: a name that is not ours means DNS rebinding, where a page's own name has been pointed at this machine. An IP
 * address cannot be rebound, and nobody else can own localhost (RFC 6761). A client without Host is no browser.
 * Origin, Sec-Fetch-Site: browsers add them; a page of another origin is foreign even on the same machine.
 * https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { GatewayError } from "../errors.ts";

/** Refuses a request that a foreign page may have caused. */
export type SiteCheck = (headers: IncomingHttpHeaders) => void;

/**
 * Makes the check of a listener from the name it listens on and further names that are ours, with or without ports.
 * The check throws FORBIDDEN.
 */
export function siteCheck(ours: { readonly host: string; readonly allowedHosts: readonly string[] }): SiteCheck {
  const allowed = new Set(ours.allowedHosts.map((name) => hostnameOf(name)));
  const hosts = new Set([...allowed, hostnameOf(ours.host)]);
  return (headers) => {
    const { host, origin } = headers;
    if (host !== undefined && !isOurs(hostnameOf(host), hosts)) {
      throw new GatewayError(
        "FORBIDDEN",
        `expected a Host header with a name of this gateway, got ${JSON.stringify(host.slice(0, 100))}: ` +
          "add it to WASMGATE_ALLOWED_HOSTS if it is one",
      );
    }
    if (headers["sec-fetch-site"] === "cross-site") throw foreign("a request of another site's page");
    if (origin !== undefined && !isSameOrigin(origin, host, allowed)) {
      throw foreign(`Origin ${JSON.stringify(origin.slice(0, 100))}`);
    }
  };
}

function foreign(what: string): GatewayError {
  return new GatewayError(
    "FORBIDDEN",
    `expected a request of this gateway's own origin or of no web page, got ${what}`,
  );
}

/** Takes the name out of `name`, `name:port`, `[v6]`, `[v6]:port`; an IPv6 address may come bare, from a setting. */
function hostnameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1];
  const name = bracketed ?? (isIP(host) === 6 ? host : host.replace(/:\d*$/, ""));
  return name.replace(/\.$/, "").toLowerCase();
}

function isOurs(name: string, hosts: ReadonlySet<string>): boolean {
  return name === "localhost" || name.endsWith(".localhost") || isIP(name) !== 0 || hosts.has(name);
}

function isSameOrigin(origin: string, host: string | undefined, allowed: ReadonlySet<string>): boolean {
  if (!URL.canParse(origin) || !/^https?:\/\/[^/@]+$/i.test(origin)) return false;
  const { protocol, host: given, hostname } = new URL(origin);
  const requested = `${protocol}//${host ?? ""}`;
  if (URL.canParse(requested) && new URL(requested).host === given) return true;
  return allowed.has(hostnameOf(hostname));
}
