/**
 * The lookup that a dialler uses: resolves a name at the moment of connecting and refuses addresses that are nearer or
 * farther than what was judged before, so that a name which changes its meaning in between leads nowhere.
 */
import type { LookupFunction } from "node:net";
import { isIPv6 } from "node:net";
import { GatewayError } from "../errors.ts";
import { reaches, type Addresses, type Reach } from "./address-policy.ts";

/** The reaches that a connection may have, both included. */
export type Passage = { readonly nearest: Reach; readonly farthest: Reach };

/** Makes a `lookup` for net.connect() that yields only addresses within the passage, or an error when any is not. */
export function dialling(addresses: Addresses, passage: Passage): LookupFunction {
  const allowed = reaches.slice(reaches.indexOf(passage.nearest), reaches.indexOf(passage.farthest) + 1);
  return (hostname, options, done) => {
    const found = addresses.lookup(hostname).then((resolved) => {
      const isAllowed = (address: string): boolean => allowed.some((reach) => reach === addresses.reachOf(address));
      if (resolved.length > 0 && resolved.every(isAllowed)) return resolved.map(withFamily);
      throw new GatewayError("REGISTRY_NOT_ALLOWED", `${hostname} is an address that its registry may not lead to`);
    });
    found.then(
      (all) => (options.all ? done(null, all) : done(null, all[0]?.address ?? "", all[0]?.family)),
      (error: Error) => done(error, []),
    );
  };
}

function withFamily(address: string): { address: string; family: number } {
  return { address, family: isIPv6(address) ? 6 : 4 };
}
