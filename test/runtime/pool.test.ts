import { digestOf } from "../../src/digest.ts";
import { Pool, type PoolOptions } from "../../src/runtime/pool.ts";
import type { Call, LoadedModule, Outcome } from "../../src/runtime/protocol.ts";
import { defaultModuleLimits, inspect } from "../../src/wasm/inspect.ts";
import { chooseContract, type Contract } from "../../src/wasm/contract.ts";
import { prepare } from "../../src/wasm/rewrite.ts";
import { wat } from "../support/wat.ts";

type Function = { readonly loaded: LoadedModule; readonly call: (...values: number[]) => Omit<Call, "id"> };

const limits = { memoryPages: 256, timeoutMs: 10_000, outputBytes: 1024, stderrBytes: 1024 };

/** A guest of scalars, from its text. */
function guest(source: string, wanted: Partial<Call["limits"]> = {}): Function {
  const bytes = wat(source);
  const contract: Contract = chooseContract(inspect(bytes, defaultModuleLimits), { functionName: "f", wasiCap: false });
  const prepared = prepare(bytes);
  const module = digestOf(bytes);
  return {
    loaded: { module: new WebAssembly.Module(prepared.bytes), memories: prepared.memories },
    call: (...values) => ({
      module,
      contract,
      input: { kind: "scalars", values },
      env: [],
      limits: { ...limits, ...wanted },
    }),
  };
}

const increment = guest(`(module (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))`);
const loops = (timeoutMs: number) => guest(`(module (func (export "f") (loop (br 0))))`, { timeoutMs });
const fills = (timeoutMs: number) =>
  guest(
    `(module (memory 256) (func (export "f") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216)) (br 0))))`,
    { timeoutMs },
  );
/** Loops when its parameter is 13, otherwise answers it. */
const superstitious = guest(
  `(module (func (export "f") (param i32) (result i32)
     (if (i32.eq (local.get 0) (i32.const 13)) (then (loop (br 0)))) (local.get 0)))`,
  { timeoutMs: 100 },
);
/** Counts its calls in a global and in memory, to show that nothing outlives a call. */
const counts = guest(
  `(module (memory 1) (global $calls (mut i32) (i32.const 0))
     (func (export "f") (result i32)
       (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
       (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
       (i32.add (i32.mul (global.get $calls) (i32.const 10)) (i32.load (i32.const 0)))))`,
);

const text = (outcome: Outcome): string =>
  outcome.kind === "returned" ? Buffer.from(outcome.output).toString() : outcome.kind;

describe("Pool", () => {
  const pools: Pool[] = [];
  const open = async (options: Partial<PoolOptions> = {}): Promise<Pool> => {
    const pool = new Pool({ threads: 2, maxQueue: 1024, queueTimeoutMs: 10_000, ...options });
    pools.push(pool);
    await pool.start();
    return pool;
  };
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close(0);
  });

  test("is up from start to close", async () => {
    const pool = new Pool({ threads: 2, maxQueue: 1, queueTimeoutMs: 1000 });
    expect(pool.isUp).toBe(false);
    await pool.start();
    expect(pool.isUp).toBe(true);
    expect(pool.state.threads).toBe(2);
    await pool.close(0);
    expect(pool.isUp).toBe(false);
    await expect(pool.run("f", increment.call(1), increment.loaded)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });

  test("answers each of many calls with its own result", async () => {
    const pool = await open();
    const results = await Promise.all(
      Array.from({ length: 500 }, (_, index) => pool.run(`f${index % 7}`, increment.call(index), increment.loaded)),
    );
    expect(results.map(text)).toEqual(Array.from({ length: 500 }, (_, index) => String(index + 1)));
  });

  test("gives every call a fresh instance", async () => {
    const pool = await open();
    for (let call = 0; call < 5; call += 1) expect(text(await pool.run("f", counts.call(), counts.loaded))).toBe("11");
  });

  test.each([
    ["br", loops],
    ["memory.fill", fills],
  ])("ends a call that loops for ever by %s at its deadline", async (_name, made) => {
    const pool = await open();
    const looping = made(100);
    await expect(pool.run("loops", looping.call(), looping.loaded)).resolves.toMatchObject({
      kind: "overran",
      timeoutMs: 100,
    });
    expect(pool.state.threadsEnded).toBe(1);
    expect(text(await pool.run("f", increment.call(1), increment.loaded))).toBe("2");
  });

  test("answers other functions while one loops in as many calls as there are", async () => {
    const pool = await open();
    const looping = loops(1500);
    const stuck = Array.from({ length: 32 }, () =>
      pool.run("loops", looping.call(), looping.loaded).catch(() => undefined),
    );
    let running = true;
    const first = stuck[0]?.then(() => (running = false));
    for (let call = 0; call < 200; call += 1) {
      expect(text(await pool.run(`f${call % 10}`, increment.call(call), increment.loaded))).toBe(String(call + 1));
    }
    expect(running).toBe(true);
    await first;
  });

  test("answers other functions while one that was fast loops in as many calls as there are", async () => {
    const pool = await open();
    const { call, loaded } = guest(
      `(module (func (export "f") (param i32) (result i32)
         (if (i32.eq (local.get 0) (i32.const 13)) (then (loop (br 0)))) (local.get 0)))`,
      { timeoutMs: 1500 },
    );
    for (let round = 0; round < 50; round += 1) {
      await pool.run("turns", call(1), loaded);
      for (let other = 0; other < 10; other += 1) await pool.run(`f${other}`, increment.call(1), increment.loaded);
    }
    let running = true;
    const stuck = Array.from({ length: 32 }, () => pool.run("turns", call(13), loaded).catch(() => undefined));
    void stuck[0]?.then(() => (running = false));
    const others = (): Promise<Outcome[]> =>
      Promise.all(Array.from({ length: 10 }, (_, other) => pool.run(`f${other}`, increment.call(1), increment.loaded)));
    for (let round = 0; round < 10; round += 1) expect((await others()).map(text)).toEqual(Array(10).fill("2"));
    expect(running).toBe(true);
  });

  test("starts a spare thread when calls run long", async () => {
    const pool = await open();
    const [one, other] = [loops(600), loops(600)];
    const stuck = [pool.run("one", one.call(), one.loaded), pool.run("other", other.call(), other.loaded)];
    expect(text(await pool.run("f", increment.call(1), increment.loaded))).toBe("2");
    expect(pool.state.running).toBe(2);
    await Promise.all(stuck);
  });

  test("answers or runs elsewhere every other call of a batch whose thread is ended, each with its own result", async () => {
    const pool = await open();
    for (let round = 0; round < 3; round += 1) {
      // Known to be fast, so that its calls share batches.
      await Promise.all(Array.from({ length: 50 }, () => pool.run("s", superstitious.call(1), superstitious.loaded)));
      const values = Array.from({ length: 200 }, (_, index) => (index === 100 ? 13 : 1000 + index));
      const outcomes = await Promise.all(
        values.map((value) => pool.run("s", superstitious.call(value), superstitious.loaded)),
      );
      expect(outcomes.map(text)).toEqual(values.map((value) => (value === 13 ? "overran" : String(value))));
    }
  });

  test("counts only running time against the deadline", async () => {
    const pool = await open({ threads: 1 });
    const looping = loops(300);
    const quick = guest(`(module (func (export "f")))`, { timeoutMs: 50 });
    const stuck = Array.from({ length: 2 }, () => pool.run("loops", looping.call(), looping.loaded));
    const waiting = pool.run("loops", quick.call(), quick.loaded);
    expect((await Promise.all(stuck)).map(text)).toEqual(["overran", "overran"]);
    expect(text(await waiting)).toBe("");
  });

  test("refuses a call when as many wait as may, and one that has waited too long", async () => {
    const pool = await open({ threads: 1, maxQueue: 2, queueTimeoutMs: 200 });
    const looping = loops(800);
    const stuck = pool.run("loops", looping.call(), looping.loaded);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const waiting = [1, 2].map(() => pool.run("loops", looping.call(), looping.loaded));
    await expect(pool.run("loops", looping.call(), looping.loaded)).rejects.toMatchObject({
      code: "QUEUE_FULL",
      retryAfterSeconds: 1,
    });
    for (const call of waiting)
      await expect(call).rejects.toMatchObject({ code: "QUEUE_TIMEOUT", retryAfterSeconds: 1 });
    expect(text(await stuck)).toBe("overran");
  });

  test("lets running calls end within the grace period, and refuses what is left after it", async () => {
    const pool = await open();
    const [brief, long] = [loops(100), loops(10_000)];
    const ends = pool.run("brief", brief.call(), brief.loaded);
    const lost = pool.run("long", long.call(), long.loaded);
    const refused = expect(lost).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await pool.close(400);
    expect(text(await ends)).toBe("overran");
    await refused;
  });

  test.each([
    ["unreachable", `(module (func (export "f") unreachable))`],
    ["stack overflow", `(module (func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1))))`],
    ["integer divide by zero", `(module (func (export "f") (result i32) (i32.div_s (i32.const 1) (i32.const 0))))`],
    [
      "out of bounds memory access",
      `(module (memory 1) (func (export "f") (result i32) (i32.load (i32.const 65536))))`,
    ],
  ])("names the trap: %s", async (trap, source) => {
    const pool = await open();
    const trapping = guest(source);
    await expect(pool.run("f", trapping.call(), trapping.loaded)).resolves.toMatchObject({ kind: "trapped", trap });
    expect(pool.state.threadsEnded).toBe(0);
  });

  test("gives back the memory of guests that have ended", async () => {
    const pool = await open({ threads: 1 });
    const grows = guest(
      `(module (memory 1) (func (export "f") (drop (memory.grow (i32.const 1023)))
         (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864))))`,
      { memoryPages: 1024 },
    );
    const before = process.memoryUsage.rss();
    for (let call = 0; call < 24; call += 1) await pool.run("f", grows.call(), grows.loaded);
    expect(process.memoryUsage.rss() - before).toBeLessThan(8 * 64 * 2 ** 20);
  });

  test("keeps a guest's memory within its limit, however it grows", async () => {
    const pool = await open();
    const grows = guest(
      `(module (memory 1) (func (export "f") (result i32)
         (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)))`,
      { memoryPages: 40 },
    );
    expect(text(await pool.run("f", grows.call(), grows.loaded))).toBe("40");
  });
});
