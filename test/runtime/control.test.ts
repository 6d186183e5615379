import { Control } from "../../src/runtime/control.ts";

describe("Control", () => {
  test("shows the ingress which call runs on which thread", () => {
    const ingress = new Control({ slots: 2 });
    const worker = new Control({ buffer: ingress.buffer });
    const slot = worker.claim(7);
    expect(ingress.running()).toEqual([]);
    worker.start(slot, 41);
    expect(ingress.running()).toEqual([{ slot, threadId: 7, callId: 41 }]);
    expect(worker.end(slot, 41)).toBe(true);
    expect(ingress.running()).toEqual([]);
  });

  test("lets either the end of a call or the shot at it win, never both", () => {
    const control = new Control({ slots: 1 });
    const slot = control.claim(7);
    control.start(slot, 1);
    const [sighting] = control.running();
    if (sighting === undefined) throw new Error("nothing runs");
    expect(control.end(slot, 1)).toBe(true);
    expect(control.shoot(sighting)).toBe(false);
    control.start(slot, 2);
    expect(control.shoot(sighting)).toBe(false);
    expect(control.shoot({ ...sighting, callId: 2 })).toBe(true);
    expect(control.end(slot, 2)).toBe(false);
  });

  test("tells which call of a batch was started last, until the thread's slot is freed", () => {
    const control = new Control({ slots: 2 });
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
    const control = new Control({ slots: 2 });
    expect(control.claim(7)).not.toBe(control.claim(8));
    expect(() => control.claim(9)).toThrow("no free control slot");
    control.free(7);
    expect(control.claim(9)).toBe(0);
  });
});
