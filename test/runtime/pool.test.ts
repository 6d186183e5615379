import type { Pool, PoolOptions } from "../../src/runtime/pool.ts";
import type { Outcome } from "../../src/runtime/protocol.ts";
import { callOf, GuestPrograms, textOf } from "../support/guest-programs.ts";

const programs = new GuestPrograms();
afterEach(() => programs.closePools());
afterAll(() => programs.close());

const increment = await programs.guest(
  `(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))`,
);
const loops = (timeoutMs: number) => programs.guest(`(module (func (export "f") (loop (br 0))))`, { timeoutMs });
const fills = (timeoutMs: number) =>
  programs.guest(
    `(module (memory 256) (func (export "f")
       (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) (br 0))))`,
    { timeoutMs },
  );
/** Not rewritten, for it has two memories: only the end of its thread ends it. */
const stubborn = (timeoutMs: number) =>
  programs.guest(
    `(module (memory 200) (memory 1) (func (export "f")
       (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 8388608)) (br 0))))`,
    { timeoutMs },
  );
/** Loops when its parameter is 13, otherwise answers it. */
const superstitious = await programs.guest(
  `(module (func (export "f") (param i32) (result i32)
     (if (i32.eq (local.get 0) (i32.const 13)) (then (loop (br 0)))) (local.get 0)))`,
  { timeoutMs: 100 },
);
/** Counts its calls in a global and in memory, to show that nothing outlives a call. */
const counts = await programs.guest(
  `(module (memory 1) (global $calls (mut i32) (i32.const 0))
     (func (export "f") (result i32)
       (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
       (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
       (i32.add (i32.mul (global.get $calls) (i32.const 10)) (i32.load (i32.const 0)))))`,
);

/** Waits for something that is on its way. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("Pool", () => {
  const open = (options: Partial<PoolOptions> = {}): Promise<Pool> => programs.pool(options);

  test("is up from start to close", async () => {
    const pool = await open();
    expect(pool.isUp).toBe(true);
    expect(pool.state.threads).toBe(3);
    await pool.close(0);
    expect(pool.isUp).toBe(false);
    await expect(pool.run(callOf(increment, 1))).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });

  test("answers each of many calls with its own result", async () => {
    const pool = await open();
    const results = await Promise.all(Array.from({ length: 500 }, (_, index) => pool.run(callOf(increment, index))));
    expect(results.map(textOf)).toEqual(Array.from({ length: 500 }, (_, index) => String(index + 1)));
  });

  test("gives every call a fresh instance", async () => {
    const pool = await open();
    for (let call = 0; call < 5; call += 1) expect(textOf(await pool.run(callOf(counts)))).toBe("11");
  });

  test.each([
    { by: "br", made: loops, threadsEnded: 0 },
    { by: "memory.fill", made: fills, threadsEnded: 0 },
    { by: "memory.fill in a module that cannot be rewritten", made: stubborn, threadsEnded: 1 },
  ])("ends a call that loops for ever by $by at its deadline", async ({ made, threadsEnded }) => {
    const pool = await open();
    const looping = await made(100);
    await expect(pool.run(callOf(looping))).resolves.toMatchObject({
      kind: "overran",
      timeoutMs: 100,
    });
    expect(textOf(await pool.run(callOf(increment, 1)))).toBe("2");
    await until(() => pool.state.threadsEnded === threadsEnded && pool.state.running === 0);
  });

  test("gives a call up when its caller goes, whether it waits or runs, without ending a thread", async () => {
    const pool = await open({ threads: 1 });
    const looping = await loops(60_000);
    const [runs, waits] = [new AbortController(), new AbortController()];
    const running = pool.run(callOf(looping), runs.signal).catch((error: unknown) => error);
    const waiting = pool.run(callOf(looping), waits.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    waits.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CALLER_GONE" });
    runs.abort();
    await running;
    expect(textOf(await pool.run(callOf(increment, 1)))).toBe("2");
    expect(pool.state).toMatchObject({ waiting: 0, running: 0, threadsEnded: 0 });
  });

  test("answers other functions while one loops in as many calls as there are", async () => {
    const pool = await open();
    const looping = await loops(1500);
    const stuck = Array.from({ length: 32 }, () => pool.run(callOf(looping)).catch(() => undefined));
    let running = true;
    const first = stuck[0]?.then(() => (running = false));
    for (let call = 0; call < 200; call += 1) {
      expect(textOf(await pool.run(callOf(increment, call)))).toBe(String(call + 1));
    }
    expect(running).toBe(true);
    await first;
  });

  test("answers other functions while one that was fast loops in as many calls as there are", async () => {
    const pool = await open();
    const turns = await programs.guest(
      `(module (func (export "f") (param i32) (result i32)
         (if (i32.eq (local.get 0) (i32.const 13)) (then (loop (br 0)))) (local.get 0)))`,
      { timeoutMs: 1500 },
    );
    const neighbours = await Promise.all(
      Array.from({ length: 10 }, (_, constant) =>
        programs.guest(`(module (func (export "f") (result i32) (i32.const ${constant})))`),
      ),
    );
    const others = (): Promise<Outcome[]> => Promise.all(neighbours.map((each) => pool.run(callOf(each))));
    for (let round = 0; round < 50; round += 1) {
      await pool.run(callOf(turns, 1));
      await others();
    }
    let running = true;
    const stuck = Array.from({ length: 32 }, () => pool.run(callOf(turns, 13)).catch(() => undefined));
    void stuck[0]?.then(() => (running = false));
    const expected = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for (let round = 0; round < 10; round += 1) expect((await others()).map(textOf)).toEqual(expected);
    expect(running).toBe(true);
  });

  test("starts a spare thread when calls run long", async () => {
    const pool = await open();
    const [one, other] = [await loops(600), await loops(600)];
    const stuck = [pool.run(callOf(one)), pool.run(callOf(other))];
    expect(textOf(await pool.run(callOf(increment, 1)))).toBe("2");
    expect(pool.state.running).toBe(2);
    await Promise.all(stuck);
  });

  test("answers or runs elsewhere every other call of a batch whose thread is ended, each with its own result", async () => {
    const pool = await open();
    for (let round = 0; round < 3; round += 1) {
      // Known to be fast, so that its calls share batches.
      await Promise.all(Array.from({ length: 50 }, () => pool.run(callOf(superstitious, 1))));
      const values = Array.from({ length: 200 }, (_, index) => (index === 100 ? 13 : 1000 + index));
      const outcomes = await Promise.all(values.map((value) => pool.run(callOf(superstitious, value))));
      expect(outcomes.map(textOf)).toEqual(values.map((value) => (value === 13 ? "overran" : String(value))));
    }
  });

  test("counts only running time against the deadline", async () => {
    const pool = await open({ threads: 1 });
    const looping = await loops(300);
    const quick = await programs.guest(`(module (func (export "f")))`, { timeoutMs: 50 });
    const stuck = Array.from({ length: 2 }, () => pool.run(callOf(looping)));
    const waiting = pool.run(callOf(quick));
    expect((await Promise.all(stuck)).map(textOf)).toEqual(["overran", "overran"]);
    expect(textOf(await waiting)).toBe("");
  });

  test("refuses a call when as many wait as may, and one that has waited too long", async () => {
    const pool = await open({ threads: 1, maxQueue: 2, queueTimeoutMs: 200 });
    const looping = await loops(800);
    const stuck = pool.run(callOf(looping));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const waiting = [1, 2].map(() => pool.run(callOf(looping)));
    await expect(pool.run(callOf(looping))).rejects.toMatchObject({
      code: "QUEUE_FULL",
      retryAfterSeconds: 1,
    });
    for (const call of waiting)
      await expect(call).rejects.toMatchObject({ code: "QUEUE_TIMEOUT", retryAfterSeconds: 1 });
    expect(textOf(await stuck)).toBe("overran");
  });

  test("lets running calls end within the grace period, and refuses what is left after it", async () => {
    const pool = await open();
    const [brief, long] = [await loops(100), await loops(10_000)];
    const ends = pool.run(callOf(brief));
    const lost = pool.run(callOf(long));
    const refused = expect(lost).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await pool.close(400);
    expect(textOf(await ends)).toBe("overran");
    await refused;
  });

  test.each([
    ["unreachable", `(module (func (export "f") unreachable))`],
    ["stack overflow", `(module (func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1))))`],
    ["integer divide by zero", `(module (func (export "f") (result i32) (i32.div_s (i32.const 1) (i32.const 0))))`],
    [
      "out of bounds memory access",
      `(module (memory 1) (func (export "f") (result i32) (i32.load (i32.const 0x7fffffff))))`,
    ],
  ])("names the trap: %s", async (trap, source) => {
    const pool = await open();
    const trapping = await programs.guest(source);
    await expect(pool.run(callOf(trapping))).resolves.toMatchObject({ kind: "trapped", trap });
    expect(pool.state.threadsEnded).toBe(0);
  });

  test("gives back the memory of guests that have ended", async () => {
    const pool = await open({ threads: 1 });
    const grows = await programs.guest(
      `(module (memory 1) (func (export "f") (drop (memory.grow (i32.const 1023)))
         (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864))))`,
      { memoryPages: 1024 },
    );
    const before = process.memoryUsage.rss();
    for (let call = 0; call < 24; call += 1) await pool.run(callOf(grows));
    expect(process.memoryUsage.rss() - before).toBeLessThan(8 * 64 * 2 ** 20);
  });

  test("keeps a guest's memory within its limit, however it grows", async () => {
    const pool = await open();
    const grows = await programs.guest(
      `(module (memory 1) (func (export "f") (result i32)
         (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)))`,
      { memoryPages: 40 },
    );
    expect(textOf(await pool.run(callOf(grows)))).toBe("40");
  });
});
