import { Control, Words } from "../../src/runtime/control.ts";

/** A thread's words as the thread has them, and as the ingress has them. */
function thread(control: Control, threadId: number): { readonly worker: Words; readonly ingress: Words } {
  const worker = new Words();
  control.add(threadId, worker.memory);
  return { worker, ingress: new Words(worker.memory) };
}

describe("Control", () => {
  test("shows the ingress which calls run", () => {
    const control = new Control();
    const { worker } = thread(control, 7);
    thread(control, 8);
    expect(control.running()).toEqual([]);
    worker.start(41);
    expect(control.running().map(({ callId }) => callId)).toEqual([41]);
    expect(worker.end(41)).toBe("returned");
    expect(control.running()).toEqual([]);
  });

  test("tells which call of a batch was started last, until its thread is removed", () => {
    const control = new Control();
    const { worker } = thread(control, 7);
    worker.start(11);
    worker.end(11);
    worker.start(12);
    expect(control.startedOf([11, 12, 13])).toBe(12);
    expect(control.startedOf([13])).toBeUndefined();
    control.remove(7);
    expect(control.startedOf([11, 12, 13])).toBeUndefined();
    expect(control.running()).toEqual([]);
  });
});

describe("Words", () => {
  test("let either the end of a call or the shot at it win, never both", () => {
    const { worker, ingress } = thread(new Control(), 7);
    worker.start(1);
    expect(worker.end(1)).toBe("returned");
    expect(ingress.shoot(1)).toBe(false);
    worker.start(2);
    expect(ingress.shoot(1)).toBe(false);
    expect(ingress.shoot(2)).toBe(true);
    expect(ingress.running).toBe(2);
    expect(worker.end(2)).toBe("shot");
    expect(ingress.giveUp(2)).toBe(false);
  });

  test("let either the stop of a shot guest or the end of its thread win, never both", () => {
    const { worker, ingress } = thread(new Control(), 7);
    worker.start(5);
    expect(ingress.giveUp(5)).toBe(false);
    ingress.shoot(5);
    expect(ingress.giveUp(5)).toBe(true);
    expect(worker.end(5)).toBe("lost");
    expect(ingress.running).toBeUndefined();
  });

  test("have their first word negative while a guest must stop", () => {
    const { worker, ingress } = thread(new Control(), 7);
    const first = (): number => new DataView(worker.memory.buffer).getInt32(0, true);
    worker.start(5);
    expect(first()).toBe(5);
    ingress.shoot(5);
    expect(first()).toBe(-5);
    worker.end(5);
    expect(first()).toBe(0);
  });
});
