import type { FunctionRecord } from "../src/store/catalog.ts";
import { warmUp } from "../src/warm.ts";
import { sampleRecord } from "./store/sample-record.ts";

const record = (name: string, day: number): FunctionRecord => ({
  ...sampleRecord({ name }),
  updatedAt: `2026-01-0${day}T00:00:00.000Z`,
});
const records = [record("oldest", 1), record("newest", 3), record("middle", 2)];

/** Functions whose warm() is the one given, and what is logged. */
function scene(warm: (record: FunctionRecord) => Promise<void>) {
  const warmed: string[] = [];
  const logged: [string, unknown][] = [];
  const log = {
    info: (message: string, fields?: unknown): void => void logged.push([message, fields]),
    warn: (message: string, fields?: unknown): void => void logged.push([message, fields]),
  };
  const functions = {
    list: () => records,
    warm: (each: FunctionRecord): Promise<void> => {
      warmed.push(each.name);
      return warm(each);
    },
  };
  return { functions, warmed, logged, log };
}

const signal = new AbortController().signal;

describe("warmUp()", () => {
  test("makes functions ready, those that were deployed last first", async () => {
    const { functions, warmed, logged, log } = scene(async () => undefined);
    await warmUp(functions, { withinMs: 10_000, signal, log });
    expect(warmed).toEqual(["newest", "middle", "oldest"]);
    expect(logged).toEqual([["functions are ready", { ready: 3, deployed: 3 }]]);
  });

  test("goes on after one that fails", async () => {
    const error = new Error("lost");
    const { functions, logged, log } = scene(async ({ name }) => {
      if (name === "middle") throw error;
    });
    await warmUp(functions, { withinMs: 10_000, signal, log });
    expect(logged).toEqual([
      ["a function could not be made ready", { function: "middle", error }],
      ["functions are ready", { ready: 2, deployed: 3 }],
    ]);
  });

  test("ends when its time is up, in the middle of one that hangs", async () => {
    const { functions, warmed, logged, log } = scene(() => new Promise(() => undefined));
    await warmUp(functions, { withinMs: 20, signal, log });
    expect(warmed).toEqual(["newest"]);
    expect(logged).toEqual([["functions are ready", { ready: 0, deployed: 3 }]]);
  });

  test("ends in silence when the gateway stops", async () => {
    const stopped = new AbortController();
    const { functions, warmed, logged, log } = scene(async () => {
      stopped.abort();
      throw new Error("the compiler is closed");
    });
    await warmUp(functions, { withinMs: 10_000, signal: stopped.signal, log });
    expect(warmed).toEqual(["newest"]);
    expect(logged).toEqual([]);
  });
});
