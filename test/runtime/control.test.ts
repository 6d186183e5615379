import { Control } from "../../src/runtime/control.ts";

describe("Control", () => {
  test("shows the ingress which call runs on which thread", () => {
    const ingress = new Control();
    const worker = new Control(ingress.memory);
    const slot = worker.claim(7);
    expect(ingress.running()).toEqual([]);
    worker.start(slot, 41);
    expect(ingress.running()).toEqual([{ slot, threadId: 7, callId: 41, shot: false }]);
    expect(worker.end(slot, 41)).toBe("returned");
    expect(ingress.running()).toEqual([]);
  });

  test("lets either the end of a call or the shot at it win, never both", () => {
    const control = new Control();
    const slot = control.claim(7);
    control.start(slot, 1);
    const [sighting] = control.running();
    if (sighting === undefined) throw new Error("nothing runs");
    expect(control.end(slot, 1)).toBe("returned");
    expect(control.shoot(sighting)).toBe(false);
    control.start(slot, 2);
    expect(control.shoot(sighting)).toBe(false);
    expect(control.shoot({ ...sighting, callId: 2 })).toBe(true);
    expect(control.running()).toEqual([{ slot, threadId: 7, callId: 2, shot: true }]);
    expect(control.end(slot, 2)).toBe("shot");
    expect(control.giveUp({ ...sighting, callId: 2 })).toBe(false);
  });

  test("lets either the stop of a shot guest or the end of its thread win, never both", () => {
    const control = new Control();
    const slot = control.claim(7);
    control.start(slot, 5);
    const [sighting] = control.running();
    if (sighting === undefined) throw new Error("nothing runs");
    expect(control.giveUp(sighting)).toBe(false);
    control.shoot(sighting);
    expect(control.giveUp(sighting)).toBe(true);
    expect(control.end(slot, 5)).toBe("lost");
    expect(control.running()).toEqual([]);
  });

  test("makes the word negative that a guest looks at", () => {
    const control = new Control();
    control.claim(6);
    const slot = control.claim(7);
    control.start(slot, 5);
    const seen = (): number => new DataView(control.memory.buffer).getInt32(control.flagAt(slot), true);
    expect(seen()).toBe(5);
    control.shoot({ slot, threadId: 7, callId: 5, shot: false });
    expect(seen()).toBe(-5);
  });

  test("tells which call of a batch was started last, until the thread's slot is freed", () => {
    const control = new Control();
    const slot = control.claim(7);
    control.start(slot, 11);
    control.end(slot, 11);
    control.start(slot, 12);
    expect(control.startedOf([11, 12, 13])).toBe(12);
    expect(control.startedOf([13])).toBeUndefined();
    control.free(7);
    expect(control.startedOf([11, 12, 13])).toBeUndefined();
  });

  test("gives each thread a slot and takes back those of threads that ended", () => {
    const control = new Control();
    expect(control.claim(7)).not.toBe(control.claim(8));
    control.free(7);
    expect(control.claim(9)).toBe(0);
  });
});
