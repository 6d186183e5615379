/** A guest's end stands, whatever the guest does about it. */
import { enter } from "../../../src/runtime/guest.ts";
import { Exit } from "../../../src/runtime/wasi/exit.ts";
import { fixture, wat } from "../../support/wat.ts";
import { ready } from "./ready.ts";

describe("proc_exit", () => {
  test("ends a guest that tries to swallow it, with the first code", () => {
    const { guest, call, host } = ready(fixture("wasi-swallows-exit.wat"));
    const outcome = enter(guest, () => {
      call("_start");
      return { kind: "returned", output: host.output() };
    });
    expect(outcome).toEqual({ kind: "exited", exitCode: 7, output: new TextEncoder().encode("alive") });
  });

  test("cannot be caught by the guest at all", () => {
    const { call } = ready(fixture("wasi-swallows-exit.wat"));
    expect(() => call("_start")).toThrow(WebAssembly.RuntimeError);
  });

  test("makes every later import throw, so that nothing after it counts", () => {
    const { call, host } = ready(fixture("wasi-everything.wat"));
    expect(() => call("proc_exit", 3)).toThrow();
    expect(() => call("fd_write", 1, 0, 0, 0)).toThrow();
    expect(() => call("random_get", 0, 4)).toThrow();
    expect(() => call("proc_exit", 4)).toThrow();
    expect(host.ending).toEqual({ kind: "exited", exitCode: 3 });
  });

  test("stands even where it was caught", () => {
    const exit = new Exit();
    expect(() => exit.end({ kind: "exited", exitCode: 7 })).toThrow();
    expect(() => exit.end({ kind: "exited", exitCode: 0 })).toThrow();
    expect(() => exit.fail(new Error("later"))).toThrow();
    expect(exit.ending).toEqual({ kind: "exited", exitCode: 7 });
    const { guest, call } = ready(fixture("wasi-everything.wat"));
    const outcome = enter(guest, () => {
      expect(() => call("proc_exit", 7)).toThrow();
      return { kind: "returned", output: new Uint8Array(0) };
    });
    expect(outcome).toMatchObject({ kind: "exited", exitCode: 7 });
  });

  test("reads its code as unsigned", () => {
    const { call, host } = ready(fixture("wasi-everything.wat"));
    expect(() => call("proc_exit", -1)).toThrow();
    expect(host.ending).toEqual({ kind: "exited", exitCode: 4294967295 });
  });
});

describe("proc_raise", () => {
  test("ends the guest as a shell reports a signal", () => {
    const { call, host } = ready(fixture("wasi-everything.wat"));
    expect(call("proc_raise", 0)).toBe(0);
    expect(call("proc_raise", 99)).toBe(28);
    expect(call("proc_raise", -1)).toBe(28);
    expect(() => call("proc_raise", 6)).toThrow();
    expect(host.ending).toEqual({ kind: "exited", exitCode: 134 });
  });
});

describe("what host code throws", () => {
  test("on a full stack is a trap, not EFAULT and not swallowed by the guest", () => {
    const { guest, call } = ready(fixture("wasi-to-the-brink.wat"));
    const outcome = enter(guest, () => {
      call("run");
      return { kind: "returned", output: new Uint8Array(0) };
    });
    expect(outcome).toMatchObject({ kind: "trapped", trap: "stack overflow" });
  });

  test("when types do not fit is a trap that stands", () => {
    const { guest, call, host } = ready(fixture("wasi-lies.wat"));
    const outcome = enter(guest, () => {
      call("bigint_pointer");
      return { kind: "returned", output: new Uint8Array(0) };
    });
    expect(outcome).toMatchObject({ kind: "trapped", trap: "trap" });
    expect(() => call("fraction", 0, 1)).toThrow();
    expect(host.ending).toMatchObject({ kind: "trapped" });
  });

  test("is V8's where only the result's type does not fit, and touches nothing", () => {
    const { call, host } = ready(fixture("wasi-lies.wat"));
    call("bigint_result");
    expect(host.ending).toBeUndefined();
  });

  test("is nothing for numbers of a wrong type that can be read as i32", () => {
    const { call, bytes } = ready(fixture("wasi-lies.wat"));
    for (const pointer of [Number.NaN, Number.POSITIVE_INFINITY, 0.5]) expect(call("fraction", pointer, 0.5)).toBe(0);
    expect(call("fraction", 65535.5, 1.5)).toBe(0);
    for (const pointer of [65536.5, -0.5 - 1, 4294967295]) expect(call("fraction", pointer, 1)).toBe(21);
    expect(call("no_arguments")).toBe(0);
    expect(bytes()).toHaveLength(65536);
  });
});

test("an exit before the start function has returned is an exit", () => {
  const exits = wat(`(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1) (func $start (call $exit (i32.const 5))) (start $start))`);
  expect(() => ready(exits)).toThrow(WebAssembly.RuntimeError);
});
