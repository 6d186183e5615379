/**
 * Which addresses a registry may lead us to. Knows IP addresses and how names become some; knows no HTTP.
 *
 *   never      link-local, cloud metadata, multicast, unspecified, reserved: refused from every registry
 *   loopback < private < public
 *              what a registry points at (redirect, token realm) must reach at least as far as the registry itself:
 *              a public one leads only to public addresses, a private one never to our own loopback
 *
 * An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4) is what the carried one is.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";

/** How far away an address is. */
export type Reach = "loopback" | "private" | "public";

/** How names become addresses and what these are; a collaborator, so that a test can have a public host on loopback. */
export type Addresses = {
  /** Resolves a host name to all of its addresses. */
  lookup(hostname: string): Promise<readonly string[]>;
  /** Tells how far away an IP address is; "never" is not to be contacted at all. */
  reachOf(address: string): Reach | "never";
};

/** The operating system's resolver and the real ranges. */
export const systemAddresses: Addresses = {
  lookup: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
  reachOf,
};

/** The reaches from near to far. */
export const reaches: readonly Reach[] = ["loopback", "private", "public"];

/** https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sister; metadata as clouds document it. */
const ranges = {
  never: blockList([
    "0.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "::/128",
    "fe80::/10",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    "ff00::/8",
  ]),
  loopback: blockList(["127.0.0.0/8", "::1/128"]),
  private: blockList([
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "fc00::/7",
    "fec0::/10",
  ]),
};

/** Classifies an IP address; what is no address at all is "never". */
export function reachOf(address: string): Reach | "never" {
  const plain = address.replace(/%.*$/, "");
  if (isIP(plain) === 0) return "never";
  const inner = isIPv6(plain) ? carriedIPv4(plain) : undefined;
  if (inner !== undefined) return reachOf(inner);
  const family = isIPv6(plain) ? "ipv6" : "ipv4";
  if (ranges.never.check(plain, family)) return "never";
  if (ranges.loopback.check(plain, family)) return "loopback";
  return ranges.private.check(plain, family) ? "private" : "public";
}

/** Tells whether an address lies in a list of CIDR ranges such as "10.0.0.0/8". */
export function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = "", prefix = ""] = cidr.split("/");
    list.addSubnet(network, Number(prefix), isIPv6(network) ? "ipv6" : "ipv4");
  }
  return list;
}

function carriedIPv4(address: string): string | undefined {
  const groups = groupsOf(address);
  const low = dotted(groups[6], groups[7]);
  const leading = groups.slice(0, 6);
  if (isMapped(leading)) return low;
  if (leading.every((group) => group === 0)) return groups[6] === 0 && Number(groups[7]) <= 1 ? undefined : low;
  if (groups[0] === 0x64 && groups[1] === 0xff9b && leading.slice(2).every((group) => group === 0)) return low;
  return groups[0] === 0x2002 ? dotted(groups[1], groups[2]) : undefined;
}

/** ::ffff:a.b.c.d, and the ::ffff:0:a.b.c.d of stateless translation. */
function isMapped(leading: readonly number[]): boolean {
  const [fifth, sixth] = leading.slice(4);
  const zeros = leading.slice(0, 4).every((group) => group === 0);
  return zeros && ((fifth === 0 && sixth === 0xffff) || (fifth === 0xffff && sixth === 0));
}

/** The eight groups of an IPv6 address; a URL turns any spelling into hexadecimal with at most one "::". */
function groupsOf(address: string): number[] {
  const [before = "", after] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const head = numbersOf(before);
  if (after === undefined) return head;
  const tail = numbersOf(after);
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function numbersOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function dotted(high = 0, low = 0): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
