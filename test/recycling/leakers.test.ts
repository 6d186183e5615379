/**
 * One guest for each kind of state that could outlive a call: test/fixtures/leaks-*.wat. f(1) leaves something, f(0)
 * answers what is there. Each leaks when nothing is restored, so a test of it can fail; none does when an instance is.
 */
import type { Instance } from "../../src/runtime/instance.ts";
import { difference } from "../../src/runtime/state.ts";
import { rewrite } from "../../src/wasm/rewrite.ts";
import { callOf, GuestPrograms, textOf } from "../support/guest-programs.ts";
import { resultOf } from "../support/random-call.ts";
import { Stage, Twin } from "../support/twins.ts";
import { fixture } from "../support/wat.ts";

const stage = new Stage();
const forms = [
  { tracked: true, headroomPages: 0 },
  { tracked: true, headroomPages: 4 },
  { tracked: false, headroomPages: 0 },
  { tracked: false, headroomPages: 4 },
];

const leakers = [
  "memory",
  "grown-memory",
  "globals",
  "passive-data",
  "stack-residue",
  "descriptor",
  "file",
  "host-written",
  "host-written-at-the-brink",
  "lane-stores",
  "atomics",
  "straddling-store",
  "neighbouring-stores",
  "copy",
  "fill-to-the-end",
  "trap",
  "exit",
  "named-like-ours",
] as const;

/** What these keep is not in the instance. */
const inTheHost = new Set<string>(["descriptor", "file"]);

function twinOf(name: string, tracked: boolean, on = stage): Twin {
  const twin = Twin.of(fixture(`leaks-${name}.wat`), { stage: on, tracked });
  if (typeof twin === "string") throw new Error(`${name} is not rewritten: it ${twin}`);
  return twin;
}

function enter(instance: Instance, input: number): string {
  return resultOf(instance.guest.exports, { name: "f", inputs: [input] });
}

/** What a second call answers where the first one left something; `after` is all that happens between them. */
function secondCall(twin: Twin, headroomPages: number, after: (instance: Instance) => void): string {
  const instance = twin.make(headroomPages);
  twin.begin(instance);
  enter(instance, 1);
  after(instance);
  return enter(instance, 0);
}

describe.each(leakers)("%s", (name) => {
  test.each(forms)("does not outlive a call, and would %o", ({ tracked, headroomPages }) => {
    const twin = twinOf(name, tracked);
    expect(twin.isRecyclable).toBe(true);
    const untouched = twin.make(headroomPages);
    const state = twin.state(untouched);
    const fresh = enter(untouched, 0);
    expect(fresh).toMatch(/^returned/);
    let seen: string | undefined;
    const leaks = (instance: Instance): void => void (seen = difference(state, twin.state(instance)));
    expect(secondCall(twin, headroomPages, leaks)).not.toBe(fresh);
    if (!inTheHost.has(name)) expect(seen).toBeDefined();
    stage.marks.fill(0);
    let restored = false;
    const second = secondCall(twin, headroomPages, (instance) => {
      restored = instance.restore();
      twin.begin(instance);
      if (restored) expect(difference(state, twin.state(instance))).toBeUndefined();
    });
    stage.marks.fill(0);
    // Without headroom, a call that grows the real memory retires its instance.
    if (restored) expect(second).toBe(fresh);
    else expect([name, headroomPages]).toEqual([expect.stringMatching(/grown-memory|named-like-ours/), 0]);
  });
});

test.each([true, false])("a store past the memory's end is gone when a later call grows (tracked: %p)", (tracked) => {
  const twin = twinOf("store-before-growth", tracked);
  expect(enter(twin.make(4), 0)).toBe("returned number 0");
  expect(secondCall(twin, 4, () => undefined)).toBe("returned number 42");
  stage.marks.fill(0);
  expect(secondCall(twin, 4, (instance) => expect(instance.restore()).toBe(true))).toBe("returned number 0");
});

test.each([true, false])("what the host gave a guest is forgotten (tracked: %p)", (tracked) => {
  const keep = (instance: Instance): string => resultOf(instance.guest.exports, { name: "keep", inputs: [{}] });
  const twin = twinOf("externref", tracked);
  const instance = twin.make(0);
  keep(instance);
  expect(enter(instance, 0)).toBe("returned number 1");
  expect(instance.restore()).toBe(true);
  expect(enter(instance, 0)).toBe("returned number 0");
});

test.each([
  ["table-slot", "uses table.set"],
  ["dropped-data", "uses data.drop"],
  ["dropped-elements", "uses elem.drop"],
])("%s: what cannot be restored is not used twice", (name, reason) => {
  const made = rewrite(fixture(`leaks-${name}.wat`), { tracked: true });
  expect(made).toMatchObject({ rewritten: true, recyclable: expect.stringContaining(reason) });
  const twin = twinOf(name, true);
  const fresh = enter(twin.make(0), 0);
  expect(secondCall(twin, 0, () => undefined)).not.toBe(fresh);
});

describe("a seed", () => {
  const real = new Stage(20, "real");

  test.each([true, false])("is drawn anew by each call that draws (tracked: %p)", (tracked) => {
    const instance = twinOf("seed", tracked, real).make(0);
    const first = enter(instance, 0);
    expect(enter(instance, 0)).toBe(first);
    instance.restore();
    expect(enter(instance, 0)).not.toBe(first);
  });

  test.each([true, false])("drawn in _initialize is not frozen in the snapshot (tracked: %p)", (tracked) => {
    const twin = twinOf("initial-seed", tracked, real);
    expect(twin.startsEachTime).toBe(true);
    const instance = twin.make(0);
    const seeds = [1, 2, 3].map(() => {
      instance.initialize(["_initialize"]);
      const seed = enter(instance, 0);
      instance.restore();
      return seed;
    });
    expect(new Set(seeds).size).toBe(3);
    expect(enter(instance, 0)).toBe("returned number 0");
  });
});

describe("through the pool, with restores verified", () => {
  const programs = new GuestPrograms(true);
  afterAll(() => programs.close());

  test("no guest finds what another call of it left", async () => {
    const pool = await programs.pool({ threads: 1 });
    // Through the pool a guest has no folder, and f(0) of these is not the same in every call.
    const names = [...leakers, "store-before-growth", "table-slot", "dropped-data", "dropped-elements"].filter(
      (name) => name !== "file",
    );
    const found: Record<string, string[]> = {};
    const clean: Record<string, string[]> = {};
    for (const name of names) {
      const guest = await programs.guestOf(fixture(`leaks-${name}.wat`), { wasiCap: true });
      const first = textOf(await pool.run(callOf(guest, 0)));
      clean[name] = [first, first, first];
      found[name] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        for (let again = 0; again < 4; again += 1) await pool.run(callOf(guest, 1));
        found[name].push(textOf(await pool.run(callOf(guest, 0))));
      }
    }
    expect(found).toEqual(clean);
  });
});
