/**
 * Counts wrong passwords: one bucket of tokens for each client address and one for all of them together.
 *
 * A token is taken before a password is tried and given back when it was right, so that a thousand guesses sent at once
 * find no more tokens than a thousand sent one by one. An IPv6 client owns a /64 at least, so that is its address here.
 * Addresses that are remembered are bounded; a full bucket need not be remembered.
 */
import { isIPv6 } from "node:net";

type Bucket = { tokens: number; filledAtMs: number };

/** How many wrong passwords come at once and how fast more may follow. */
export type AttemptLimits = {
  readonly perAddress: number;
  readonly perAddressRefillMs: number;
  readonly together: number;
  readonly togetherRefillMs: number;
  readonly addresses: number;
};

/** Ten tries, then one every 10 s for an address; 200 and one every 500 ms for all. */
export const defaultAttemptLimits: AttemptLimits = {
  perAddress: 10,
  perAddressRefillMs: 10_000,
  together: 200,
  togetherRefillMs: 500,
  addresses: 10_000,
};

/** The wrong passwords of the recent past. */
export class Attempts {
  readonly #limits: AttemptLimits;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #together: Bucket;

  /** `now` returns milliseconds of a clock that never goes back. */
  constructor(options: { readonly limits?: AttemptLimits; readonly now?: () => number } = {}) {
    this.#limits = options.limits ?? defaultAttemptLimits;
    this.#now = options.now ?? (() => performance.now());
    this.#together = { tokens: this.#limits.together, filledAtMs: this.#now() };
  }

  /** Returns how long an address has to wait before its next try, in milliseconds; 0 when it may try now. */
  waitOf(address: string): number {
    const bucket = this.#buckets.get(networkOf(address));
    return bucket === undefined ? 0 : this.#refill(bucket, this.#limits.perAddress, this.#limits.perAddressRefillMs);
  }

  /** Takes a token for a try; returns how long to wait when there is none, in milliseconds, otherwise 0. */
  take(address: string): number {
    const network = networkOf(address);
    const { perAddress, perAddressRefillMs, together, togetherRefillMs } = this.#limits;
    const bucket = this.#buckets.get(network) ?? { tokens: perAddress, filledAtMs: this.#now() };
    const waitMs = Math.max(
      this.#refill(bucket, perAddress, perAddressRefillMs),
      this.#refill(this.#together, together, togetherRefillMs),
    );
    if (waitMs > 0) return waitMs;
    bucket.tokens -= 1;
    this.#together.tokens -= 1;
    this.#remember(network, bucket);
    return 0;
  }

  /** Gives the token of a right password back. */
  giveBack(address: string): void {
    const network = networkOf(address);
    const bucket = this.#buckets.get(network);
    this.#together.tokens = Math.min(this.#limits.together, this.#together.tokens + 1);
    if (bucket === undefined) return;
    bucket.tokens = Math.min(this.#limits.perAddress, bucket.tokens + 1);
    if (bucket.tokens >= this.#limits.perAddress) this.#buckets.delete(network);
  }

  /** Adds the tokens of the time since the last look; returns the milliseconds until one is there. */
  #refill(bucket: Bucket, capacity: number, refillMs: number): number {
    const now = this.#now();
    bucket.tokens = Math.min(capacity, bucket.tokens + (now - bucket.filledAtMs) / refillMs);
    bucket.filledAtMs = now;
    return bucket.tokens >= 1 ? 0 : Math.ceil((1 - bucket.tokens) * refillMs);
  }

  /** Keeps a bucket as the newest; past the bound the oldest is forgotten, which only the bucket of all can then stop. */
  #remember(network: string, bucket: Bucket): void {
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    if (this.#buckets.size <= this.#limits.addresses) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** The part of an address that one client holds: all of an IPv4 address, the /64 of an IPv6 address. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - after.length);
  return [...groups, ...Array.from({ length: zeros }, () => "0"), ...after].slice(0, 4).join(":").toLowerCase();
}
