/**
 * poll_oneoff: waits until one of several clocks has come or a descriptor is ready, without burning CPU.
 *
 * Descriptors here are always ready: stdin is whole in memory, and so is every file. So a call sleeps only when it asks
 * for nothing but clocks; and it sleeps at most to its deadline, where the guest is ended as one that overran. A thread
 * that is terminated wakes at once.
 */
import { wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";
import type { Clock } from "./clocks.ts";
import type { Descriptors } from "./descriptors.ts";
import type { Exit } from "./exit.ts";
import { Input } from "./stdio.ts";

/** More than the table of descriptors has, and a few clocks. */
const maxSubscriptions = 128;
const subscriptionBytes = 48;
const eventBytes = 32;

type Host = {
  readonly memory: GuestMemory;
  readonly descriptors: Descriptors;
  readonly clock: Clock;
  readonly exit: Exit;
  readonly timeoutMs: number;
};

/** One thing that a guest waits for. */
type Subscription = { readonly userdata: bigint; readonly type: number } & (
  | { readonly waits: true; readonly clock: number; readonly untilNs: bigint }
  | { readonly waits: false; readonly errno: number; readonly readyBytes: number; readonly hangup: boolean }
);

/** The imports by which a guest waits. */
export function polls(host: Host) {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  return {
    sched_yield: (): number => wasi.ERRNO_SUCCESS,
    poll_oneoff: (subscriptionsAt: number, eventsAt: number, count: number, result: number): number => {
      if (count <= 0 || count > maxSubscriptions) return wasi.ERRNO_INVAL;
      host.memory.check(subscriptionsAt, count * subscriptionBytes);
      host.memory.check(eventsAt, count * eventBytes);
      host.memory.check(result, 4);
      const first = subscriptionsAt >>> 0;
      const subscriptions = Array.from({ length: count }, (_, index) =>
        readSubscription(host, first + index * subscriptionBytes),
      );
      let ready = subscriptions.filter((subscription) => isReady(host.clock, subscription));
      while (ready.length === 0) {
        sleep(host, sleeper, subscriptions);
        ready = subscriptions.filter((subscription) => isReady(host.clock, subscription));
      }
      ready.forEach((subscription, index) =>
        writeEvent(host.memory, (eventsAt >>> 0) + index * eventBytes, subscription),
      );
      host.memory.writeU32(result, ready.length);
      return wasi.ERRNO_SUCCESS;
    },
  };
}

function readSubscription(host: Host, at: number): Subscription {
  const userdata = host.memory.readU64(at);
  const type = host.memory.readU8(at + 8);
  const failed = (errno: number): Subscription => ({
    userdata,
    type,
    waits: false,
    errno,
    readyBytes: 0,
    hangup: false,
  });
  if (type === wasi.EVENTTYPE_CLOCK) {
    const clock = host.memory.readU32(at + 16);
    const timeoutNs = host.memory.readU64(at + 24);
    const absolute = (host.memory.readU16(at + 40) & wasi.SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME) !== 0;
    if (clock !== wasi.CLOCKID_REALTIME && clock !== wasi.CLOCKID_MONOTONIC) return failed(wasi.ERRNO_INVAL);
    const untilNs = absolute ? timeoutNs : (host.clock.nowNs(clock) ?? 0n) + timeoutNs;
    return { userdata, type, waits: true, clock, untilNs };
  }
  if (type !== wasi.EVENTTYPE_FD_READ && type !== wasi.EVENTTYPE_FD_WRITE) return failed(wasi.ERRNO_INVAL);
  const fd = host.descriptors.find(host.memory.readU32(at + 16));
  if (fd === undefined) return failed(wasi.ERRNO_BADF);
  const readyBytes = type === wasi.EVENTTYPE_FD_WRITE ? 65536 : fd instanceof Input ? fd.unreadBytes : 1;
  return { userdata, type, waits: false, errno: wasi.ERRNO_SUCCESS, readyBytes, hangup: readyBytes === 0 };
}

function isReady(clock: Clock, subscription: Subscription): boolean {
  return !subscription.waits || (clock.nowNs(subscription.clock) ?? 0n) >= subscription.untilNs;
}

/** Sleeps until the first clock comes, or ends the guest at its deadline. */
function sleep(host: Host, sleeper: Int32Array<SharedArrayBuffer>, subscriptions: readonly Subscription[]): void {
  const waitsMs = subscriptions.map((subscription) =>
    subscription.waits ? Number(subscription.untilNs - (host.clock.nowNs(subscription.clock) ?? 0n)) / 1e6 : 0,
  );
  const startMs = host.clock.elapsedMs;
  const leftMs = host.timeoutMs - startMs;
  if (leftMs <= 0) host.exit.end({ kind: "overran", timeoutMs: host.timeoutMs });
  // Not shorter than a step of the clock, or the last step would be spent spinning.
  Atomics.wait(sleeper, 0, 0, Math.max(0.1, Math.min(leftMs, ...waitsMs)));
  host.clock.slept(host.clock.elapsedMs - startMs);
}

function writeEvent(memory: GuestMemory, at: number, subscription: Subscription): void {
  const bytes = new DataView(new ArrayBuffer(eventBytes));
  bytes.setBigUint64(0, subscription.userdata, true);
  bytes.setUint8(10, subscription.type);
  if (!subscription.waits) {
    bytes.setUint16(8, subscription.errno, true);
    bytes.setBigUint64(16, BigInt(subscription.readyBytes), true);
    bytes.setUint16(24, subscription.hangup ? wasi.EVENTRWFLAGS_FD_READWRITE_HANGUP : 0, true);
  }
  memory.write(at, new Uint8Array(bytes.buffer));
}
