/** JSON in through a pointer, an answer out through a pointer, by guests that keep the contract and guests that do not. */
import { callJsonPointer, input } from "../../../src/runtime/abi/json-pointer.ts";
import { GuestMemory } from "../../../src/runtime/guest-memory.ts";
import { enter, type Guest } from "../../../src/runtime/guest.ts";
import { fixture, wat } from "../../support/wat.ts";
import { ready, text } from "../wasi/ready.ts";

const limits = { memoryPages: 4, timeoutMs: 1000, outputBytes: 100_000, stderrBytes: 100 };
const echo = fixture("json-pointer-echo.wat");

function start(module: Uint8Array<ArrayBuffer>): Guest {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module));
  return exports["memory"] instanceof WebAssembly.Memory
    ? { exports, memory: new GuestMemory(exports["memory"]) }
    : { exports };
}

function call(guest: Guest, name: string, json = '{"a":"é"}', returns: "pair" | "packed" = "pair") {
  const contract = { kind: "json-pointer", wasi: false, export: name, returns } as const;
  return callJsonPointer(guest, { contract, input: input({ json }, contract), limits });
}

describe("callJsonPointer()", () => {
  test.each(["pair", "packed"] as const)("puts the JSON into the guest and copies its answer out (%s)", (returns) => {
    const guest = start(echo);
    const outcome = call(guest, returns, undefined, returns);
    expect(outcome.kind === "returned" && text(outcome.output)).toBe('{"a":"é"}');
    guest.memory?.write(65000, new Uint8Array(8));
    expect(outcome.kind === "returned" && text(outcome.output)).toBe('{"a":"é"}');
  });

  test("puts it at __heap_base, without growing a memory that has the room", () => {
    const guest = start(echo);
    call(guest, "pair", "[1,2,3]");
    expect(text(guest.memory?.read(65000, 7) ?? new Uint8Array(0))).toBe("[1,2,3]");
    expect(guest.memory?.sizeBytes).toBe(65536);
    const large = JSON.stringify("x".repeat(90_000));
    const outcome = call(guest, "pair", large);
    expect(outcome.kind === "returned" && text(outcome.output)).toBe(large);
    expect(guest.memory?.sizeBytes).toBe(3 * 65536);
  });

  test("puts it into a page of its own where there is no __heap_base", () => {
    const guest = start(
      wat(`(module (memory (export "memory") 1 2)
        (func (export "f") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))`),
    );
    const outcome = call(guest, "f", "[7]");
    expect(outcome.kind === "returned" && text(outcome.output)).toBe("[7]");
    expect(text(guest.memory?.read(65536, 3) ?? new Uint8Array(0))).toBe("[7]");
    expect(call(guest, "f", "[7]")).toMatchObject({ kind: "trapped", trap: "out of memory" });
  });

  test.each([
    [0xfffffff0 | 0, "beyond 4 GiB"],
    [0x7fffffff, "beyond the maximum"],
  ])("runs out of memory when __heap_base is %p: %s", (base) => {
    const guest = start(
      wat(`(module (memory (export "memory") 1 2) (global (export "__heap_base") i32 (i32.const ${base}))
        (func (export "f") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1)))`),
    );
    expect(call(guest, "f")).toMatchObject({ kind: "trapped", trap: "out of memory" });
  });

  test("refuses an answer outside the guest's memory", () => {
    expect(call(start(echo), "outside")).toEqual({
      kind: "refused",
      code: "GUEST_CONTRACT_BROKEN",
      message: "the guest returned pointer 4294967280 and length 32, outside its memory of 65536 bytes",
    });
    expect(call(start(echo), "across", undefined, "packed")).toMatchObject({ code: "GUEST_CONTRACT_BROKEN" });
  });

  test("takes an empty answer wherever its pointer points", () => {
    expect(call(start(echo), "nothing")).toEqual({ kind: "returned", output: new Uint8Array(0) });
  });

  test("refuses an answer longer than allowed", () => {
    const outcome = call(start(echo), "pair", JSON.stringify("x".repeat(100_000)));
    expect(outcome).toEqual({
      kind: "refused",
      code: "GUEST_OUTPUT_TOO_LARGE",
      message: "the guest returned 100002 bytes, and at most 100000 are allowed",
    });
  });

  test("passes on bytes that are no text", () => {
    const guest = start(
      wat(`(module (memory (export "memory") 1) (data (i32.const 0) "\\ff\\fe")
        (func (export "f") (param i32 i32) (result i32 i32) (i32.const 0) (i32.const 2)))`),
    );
    expect(call(guest, "f")).toEqual({ kind: "returned", output: Uint8Array.of(0xff, 0xfe) });
  });

  test("refuses what is no pointer and length", () => {
    const guest = start(
      wat(`(module (memory (export "memory") 1) (func (export "f") (param i32 i32) (result i32) (i32.const 0)))`),
    );
    expect(call(guest, "f")).toMatchObject({ code: "GUEST_CONTRACT_BROKEN" });
    expect(call(guest, "f", "{}", "packed")).toMatchObject({ code: "GUEST_CONTRACT_BROKEN" });
    const without = start(
      wat(`(module (func (export "f") (param i32 i32) (result i32 i32) (i32.const 0) (i32.const 0)))`),
    );
    expect(call(without, "f")).toMatchObject({ code: "GUEST_CONTRACT_BROKEN" });
  });

  test("names a trap, and throws where the export is missing", () => {
    expect(call(start(echo), "traps")).toMatchObject({ kind: "trapped", trap: "unreachable" });
    expect(() => call(start(echo), "missing")).toThrow("missing");
  });

  test("takes an exit for no answer, and stdout for the log", () => {
    const { guest, host } = ready(fixture("json-pointer-exits.wat"), { stdout: "log" });
    expect(call(guest, "f", "{}")).toMatchObject({ kind: "refused", code: "GUEST_CONTRACT_BROKEN" });
    expect(enter(guest, () => call(guest, "f", "{}"))).toMatchObject({ code: "GUEST_CONTRACT_BROKEN" });
    expect(text(host.stderr())).toBe("log");
    const other = ready(fixture("json-pointer-exits.wat"), { stdout: "log" });
    expect(call(other.guest, "f", "[1,2]")).toEqual({ kind: "exited", exitCode: 3, output: new Uint8Array(0) });
  });
});
