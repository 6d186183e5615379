/** poll_oneoff, the clocks and random bytes. */
import { Worker } from "node:worker_threads";
import { enter } from "../../../src/runtime/guest.ts";
import { fixture } from "../../support/wat.ts";
import { type Ready, ready } from "./ready.ts";

const everything = fixture("wasi-everything.wat");
const [success, inval] = [0, 28];
const eventsAt = 4096;

type Wish =
  | { readonly clock: number; readonly ns: bigint; readonly absolute?: boolean }
  | { readonly descriptor: number; readonly type: 1 | 2 };

/** Polls for wishes, whose userdata are their indices; returns errno and events. */
function poll({ call, bytes }: Ready, wishes: readonly Wish[]) {
  const view = new DataView(bytes().buffer);
  wishes.forEach((wish, index) => {
    const at = 48 * index;
    view.setBigUint64(at, BigInt(index), true);
    view.setUint8(at + 8, "clock" in wish ? 0 : wish.type);
    view.setUint32(at + 16, "clock" in wish ? wish.clock : wish.descriptor, true);
    view.setBigUint64(at + 24, "clock" in wish ? wish.ns : 0n, true);
    view.setUint16(at + 40, "clock" in wish && wish.absolute === true ? 1 : 0, true);
  });
  const errno = call("poll_oneoff", 0, eventsAt, wishes.length, 8192);
  const events = Array.from({ length: view.getUint32(8192, true) }, (_, index) => ({
    wish: Number(view.getBigUint64(eventsAt + 32 * index, true)),
    errno: view.getUint16(eventsAt + 32 * index + 8, true),
    type: view.getUint8(eventsAt + 32 * index + 10),
    bytes: Number(view.getBigUint64(eventsAt + 32 * index + 16, true)),
    hangup: view.getUint16(eventsAt + 32 * index + 24, true),
  }));
  return { errno, events };
}

function time({ call, bytes }: Ready, clock: number): bigint {
  expect(call("clock_time_get", clock, 0n, 0)).toBe(success);
  return new DataView(bytes().buffer).getBigUint64(0, true);
}

describe("poll_oneoff", () => {
  test("waits for the first of several clocks and says which it was", () => {
    const guest = ready(everything);
    const before = time(guest, 1);
    const { errno, events } = poll(guest, [
      { clock: 1, ns: 3_600_000_000_000n },
      { clock: 1, ns: 20_000_000n },
      { clock: 0, ns: 3_600_000_000_000n },
    ]);
    expect(errno).toBe(success);
    expect(events).toEqual([{ wish: 1, errno: 0, type: 0, bytes: 0, hangup: 0 }]);
    expect(time(guest, 1) - before).toBeGreaterThanOrEqual(20_000_000n);
  });

  test("does not burn CPU while it waits", () => {
    const guest = ready(everything);
    const before = process.threadCpuUsage();
    const begun = performance.now();
    poll(guest, [{ clock: 1, ns: 500_000_000n }]);
    const { user, system } = process.threadCpuUsage(before);
    // A busy wait uses as much CPU as time passes; a tenth leaves room for a slow machine.
    expect((user + system) / 1000).toBeLessThan((performance.now() - begun) / 10);
  });

  test("takes absolute times of both clocks, past and future", () => {
    const guest = ready(everything);
    expect(poll(guest, [{ clock: 0, ns: 1n, absolute: true }]).events).toHaveLength(1);
    expect(poll(guest, [{ clock: 1, ns: 0n, absolute: true }]).events).toHaveLength(1);
    const until = time(guest, 0) + 30_000_000n;
    expect(poll(guest, [{ clock: 0, ns: until, absolute: true }]).events).toHaveLength(1);
    expect(time(guest, 0)).toBeGreaterThanOrEqual(until);
  });

  test("does not wait for a clock when a descriptor is ready", () => {
    const guest = ready(everything, { stdin: Uint8Array.of(1, 2, 3) });
    const { errno, events } = poll(guest, [
      { clock: 1, ns: 3_600_000_000_000n },
      { descriptor: 0, type: 1 },
      { descriptor: 1, type: 2 },
      { descriptor: 77, type: 1 },
    ]);
    expect(errno).toBe(success);
    expect(events).toEqual([
      { wish: 1, errno: 0, type: 1, bytes: 3, hangup: 0 },
      { wish: 2, errno: 0, type: 2, bytes: 65536, hangup: 0 },
      { wish: 3, errno: 8, type: 1, bytes: 0, hangup: 0 },
    ]);
    expect(poll(ready(everything), [{ descriptor: 0, type: 1 }]).events).toEqual([
      { wish: 0, errno: 0, type: 1, bytes: 0, hangup: 1 },
    ]);
  });

  test("reports a clock that does not exist as that event's error", () => {
    const { events } = poll(ready(everything), [
      { clock: 9, ns: 0n },
      { clock: 1, ns: 3_600_000_000_000n },
    ]);
    expect(events).toEqual([{ wish: 0, errno: inval, type: 0, bytes: 0, hangup: 0 }]);
  });

  test("refuses no subscription and too many", () => {
    const { call } = ready(everything);
    for (const count of [0, 129, 0x7fffffff, -1]) expect(call("poll_oneoff", 0, 0, count, 0)).toBe(inval);
  });

  test("is cut at the call's deadline and ends the guest as one that overran, which it cannot swallow", () => {
    const { guest, call } = ready(fixture("wasi-sleeps.wat"), {
      limits: { outputBytes: 1, stderrBytes: 1, timeoutMs: 50 },
    });
    const outcome = enter(guest, () => {
      call("sleep", 3_600_000_000_000n);
      return { kind: "returned", output: new Uint8Array(0) };
    });
    expect(outcome).toEqual({ kind: "overran", timeoutMs: 50 });
  });

  test("takes a time of more than 500 years for one that never comes", () => {
    const { guest, call } = ready(fixture("wasi-sleeps.wat"), {
      limits: { outputBytes: 1, stderrBytes: 1, timeoutMs: 20 },
    });
    expect(
      enter(guest, () => {
        call("sleep", -1n);
        return { kind: "returned", output: new Uint8Array(0) };
      }),
    ).toEqual({ kind: "overran", timeoutMs: 20 });
  });

  test("wakes at once when its thread is terminated", async () => {
    // Jest's transform does not reach into threads; this is the same wait as poll.ts makes.
    const worker = new Worker(
      `require("worker_threads").parentPort.postMessage(0);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3600000);`,
      { eval: true },
    );
    await new Promise((resolve) => worker.once("message", resolve));
    expect(await worker.terminate()).toBe(1);
  });
});

describe("the clocks", () => {
  test("step by 100 us, the time of day by 1 ms", () => {
    const guest = ready(everything);
    for (let turn = 0; turn < 100; turn++) {
      expect(time(guest, 0) % 1_000_000n).toBe(0n);
      expect(time(guest, 1) % 100_000n).toBe(0n);
    }
    expect(guest.call("clock_res_get", 0, 0)).toBe(success);
    expect(guest.call("clock_res_get", 1, 8)).toBe(success);
    const view = new DataView(guest.bytes().buffer);
    expect([view.getBigUint64(0, true), view.getBigUint64(8, true)]).toEqual([1_000_000n, 100_000n]);
    expect(guest.call("clock_res_get", 9, 0)).toBe(inval);
    expect(guest.call("clock_time_get", -1, 0n, 0)).toBe(inval);
  });

  test("tell the time of day and never go back", () => {
    const guest = ready(everything);
    expect(Math.abs(Number(time(guest, 0) / 1_000_000n) - Date.now())).toBeLessThan(10_000);
    const first = time(guest, 1);
    poll(guest, [{ clock: 1, ns: 5_000_000n }]);
    expect(time(guest, 1)).toBeGreaterThan(first);
  });

  test("count a call's CPU time from its beginning and without its sleeps", () => {
    const guest = ready(everything, { limits: { outputBytes: 1, stderrBytes: 1, timeoutMs: 60_000 } });
    const before = [time(guest, 1), time(guest, 2)];
    poll(guest, [{ clock: 1, ns: 300_000_000n }]);
    const after = [time(guest, 1), time(guest, 3)];
    const [wall = 0n, cpu = 0n] = after.map((now, index) => now - (before[index] ?? 0n));
    expect(wall).toBeGreaterThanOrEqual(300_000_000n);
    expect(cpu).toBeLessThan(wall - 290_000_000n);
  });
});

describe("random_get", () => {
  test("fills exactly what it is asked for, across its pool's end", () => {
    const guest = ready(everything);
    for (const [at, length] of [
      [10, 16],
      [100, 4090],
      [8192, 40_000],
    ] as const) {
      guest.bytes().fill(0);
      expect(guest.call("random_get", at, length)).toBe(success);
      const bytes = guest.bytes();
      expect(bytes.subarray(0, at).every((byte) => byte === 0)).toBe(true);
      expect(bytes.subarray(at + length).every((byte) => byte === 0)).toBe(true);
      // 16 zeros in a row come up once in 2^128.
      for (let start = at; start + 16 <= at + length; start += 16) {
        expect(bytes.subarray(start, start + 16).some((byte) => byte !== 0)).toBe(true);
      }
    }
  });

  test("never gives the same bytes twice", () => {
    const guest = ready(everything);
    const seen = new Set<string>();
    for (let turn = 0; turn < 2000; turn++) {
      guest.call("random_get", 0, 16);
      seen.add(Buffer.from(guest.bytes().subarray(0, 16)).toString("hex"));
    }
    expect(seen.size).toBe(2000);
  });

  test("writes nothing when the end is outside", () => {
    const guest = ready(everything);
    expect(guest.call("random_get", 60_000, 10_000)).toBe(21);
    expect(guest.bytes().every((byte) => byte === 0)).toBe(true);
  });
});
