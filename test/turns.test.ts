import { setTimeout as sleep } from "node:timers/promises";
import { Turns } from "../src/turns.ts";

describe("Turns", () => {
  test("runs jobs of one key one after the other, in order", async () => {
    const turns = new Turns();
    const events: string[] = [];
    const job = (name: string, ms: number) => async (): Promise<string> => {
      events.push(`${name} begins`);
      await sleep(ms);
      events.push(`${name} ends`);
      return name;
    };
    const results = await Promise.all([
      turns.take("k", job("a", 20)),
      turns.take("k", job("b", 1)),
      turns.take("k", job("c", 1)),
    ]);
    expect(results).toEqual(["a", "b", "c"]);
    expect(events).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("lets jobs of different keys overlap", async () => {
    const turns = new Turns();
    let release = (): void => undefined;
    const blocked = turns.take("a", () => new Promise<void>((resolve) => (release = resolve)));
    await expect(turns.take("b", async () => "through")).resolves.toBe("through");
    release();
    await blocked;
  });

  test("passes an error to its own caller only", async () => {
    const turns = new Turns();
    const fails = turns.take("k", async () => {
      throw new Error("mine");
    });
    const works = turns.take("k", async () => "fine");
    await expect(fails).rejects.toThrow("mine");
    await expect(works).resolves.toBe("fine");
  });
});
