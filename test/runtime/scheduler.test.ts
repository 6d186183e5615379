import { Scheduler, type Ticket } from "../../src/runtime/scheduler.ts";

type Named = Ticket & { readonly name: string };

const ticket = (key: string, name = key, enqueuedAtMs = 0): Named => ({ key, name, enqueuedAtMs });
const names = (tickets: readonly Named[]): string[] => tickets.map(({ name }) => name);

describe("Scheduler", () => {
  test("serves functions in turn, however many calls one of them has waiting", () => {
    const scheduler = new Scheduler<Named>({ threads: 8 });
    for (let call = 1; call <= 3; call += 1) scheduler.offer(ticket("busy", `busy${call}`));
    scheduler.offer(ticket("quiet"));
    const served = [1, 2, 3, 4].flatMap(() => names(scheduler.take(1)));
    expect(served).toEqual(["busy1", "quiet", "busy2", "busy3"]);
  });

  test("gives a call that is not known to be fast a batch of its own", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    scheduler.offer(ticket("f", "f1"));
    scheduler.offer(ticket("f", "f2"));
    expect(names(scheduler.take(1))).toEqual(["f1"]);
  });

  test("puts calls that are known to be fast into one batch, spread over the free threads", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    scheduler.observe("f", 0.01);
    for (let call = 1; call <= 8; call += 1) scheduler.offer(ticket("f", `f${call}`));
    expect(names(scheduler.take(2))).toEqual(["f1", "f2", "f3", "f4"]);
    expect(names(scheduler.take(1))).toEqual(["f5", "f6", "f7", "f8"]);
  });

  test("never puts a slow call in front of a fast one or behind it", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    scheduler.observe("fast", 0.01);
    scheduler.observe("slow", 50);
    for (const key of ["fast", "slow", "fast", "slow"]) scheduler.offer(ticket(key));
    const batches = [1, 2, 3].map(() => names(scheduler.take(1)).sort());
    expect(batches).toContainEqual(["fast", "fast"]);
    expect(batches.filter((batch) => batch.join() === "slow")).toHaveLength(2);
  });

  test("ends a batch when the work expected in it is enough", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    scheduler.observe("f", 0.9);
    for (let call = 1; call <= 9; call += 1) scheduler.offer(ticket("f", `f${call}`));
    expect(scheduler.take(1)).toHaveLength(3);
  });

  test("keeps one thread from a function that is not known to be brief", () => {
    const scheduler = new Scheduler<Named>({ threads: 3 });
    for (let call = 1; call <= 3; call += 1) scheduler.offer(ticket("loops", `loops${call}`));
    expect([scheduler.take(1), scheduler.take(1), scheduler.take(1)].map((batch) => batch.length)).toEqual([1, 1, 0]);
    scheduler.offer(ticket("other"));
    expect(names(scheduler.take(1))).toEqual(["other"]);
    scheduler.release("loops");
    expect(names(scheduler.take(1))).toEqual(["loops3"]);
  });

  test("lets a brief function use every thread, until it turns slow", () => {
    const scheduler = new Scheduler<Named>({ threads: 2 });
    scheduler.observe("f", 5);
    for (let call = 1; call <= 4; call += 1) scheduler.offer(ticket("f", `f${call}`));
    expect([scheduler.take(1), scheduler.take(1)].map((batch) => batch.length)).toEqual([1, 1]);
    scheduler.observe("f", 10_000);
    scheduler.release("f");
    expect(scheduler.take(1)).toHaveLength(0);
  });

  test("puts calls back in front of their lines in the order they had", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    scheduler.observe("f", 0.01);
    for (let call = 1; call <= 4; call += 1) scheduler.offer(ticket("f", `f${call}`));
    const taken = scheduler.take(2);
    expect(names(taken)).toEqual(["f1", "f2"]);
    scheduler.putBack(taken);
    expect(scheduler.waiting).toBe(4);
    expect(names(scheduler.take(1))).toEqual(["f1", "f2", "f3", "f4"]);
  });

  test("never puts calls of two functions into one batch", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    for (const key of ["one", "other"]) scheduler.observe(key, 0.01);
    for (const key of ["one", "other", "one", "other"]) scheduler.offer(ticket(key));
    expect(names(scheduler.take(1))).toEqual(["one", "one"]);
    expect(names(scheduler.take(1))).toEqual(["other", "other"]);
  });

  test("gives no spare thread to a brief function while calls of it run long", () => {
    const scheduler = new Scheduler<Named>({ threads: 2 });
    scheduler.observe("f", 5);
    for (let call = 1; call <= 4; call += 1) scheduler.offer(ticket("f", `f${call}`));
    expect([scheduler.take(2), scheduler.take(2)].map((batch) => batch.length)).toEqual([1, 1]);
    scheduler.runsLong("f");
    expect(scheduler.take(2)).toHaveLength(0);
    scheduler.release("f", true);
    expect(scheduler.take(2)).toHaveLength(1);
    expect(scheduler.take(2)).toHaveLength(1);
  });

  test("expires the calls that have waited too long and only those", () => {
    const scheduler = new Scheduler<Named>({ threads: 4 });
    scheduler.offer(ticket("f", "old", 100));
    scheduler.offer(ticket("f", "young", 200));
    scheduler.offer(ticket("g", "older", 50));
    expect(names(scheduler.expire(150)).sort()).toEqual(["old", "older"]);
    expect(scheduler.waiting).toBe(1);
    expect(names(scheduler.take(1))).toEqual(["young"]);
  });
});
