/** argv of a caller's arguments, and the outcome of a program's run. */
import { callWasiCommand, input, stripNewline } from "../../../src/runtime/abi/wasi-command.ts";
import { enter } from "../../../src/runtime/guest.ts";
import { fixture, wat } from "../../support/wat.ts";
import { ready, text } from "../wasi/ready.ts";

const contract = { kind: "wasi-command", wasi: true, export: "_start" } as const;

function run(body: string, args: readonly string[] = []) {
  const module = wat(`(module
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func $print (param i32 i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (data (i32.const 100) "hello\\n\\n")
    (func (export "_start") ${body}))`);
  const { guest } = ready(module, { args });
  return enter(guest, () => callWasiCommand(guest, { contract }));
}

describe("input()", () => {
  test("makes the JSON itself argv[0] of a keyed object, and of no arguments", () => {
    expect(input({ json: '{"a":1}' }, contract)).toEqual({
      kind: "wasi-command",
      args: ['{"a":1}'],
      stdin: new Uint8Array(0),
    });
    expect(input({ json: "{}" }, contract).args).toEqual(["{}"]);
  });

  test("makes the values argv of keyless arguments: strings as they are, others their JSON", () => {
    const positional = ["7", '"x y"', "[1,2]", '{"a":null}', "null", "1e400", '"\\u00e9\\n"', '""'];
    expect(input({ json: `[${positional.join(",")}]`, positional }, contract).args).toEqual([
      ...["7", "x y", "[1,2]", '{"a":null}', "null", "1e400", "é\n", ""],
    ]);
    expect(input({ json: "[]", positional: [] }, contract).args).toEqual([]);
  });

  test("refuses a NUL, which JSON can say and argv cannot hold", () => {
    expect(() => input({ json: '["a","b\\u0000c"]', positional: ['"a"', '"b\\u0000c"'] }, contract)).toThrow(
      expect.objectContaining({ code: "INVALID_REQUEST", message: expect.stringContaining("argument 1") as string }),
    );
    expect(input({ json: '{"a":"\\u0000"}' }, contract).args).toEqual(['{"a":"\\u0000"}']);
  });
});

describe("callWasiCommand()", () => {
  test("returns stdout as it was written", () => {
    const outcome = run("(call $print (i32.const 100) (i32.const 7))");
    expect(outcome.kind === "returned" && text(outcome.output)).toBe("hello\n\n");
  });

  test("gives the program its arguments", () => {
    const outcome = run(
      "(drop (call $args_get (i32.const 16) (i32.const 200))) (call $print (i32.const 200) (i32.const 8))",
      ["é漢", "b"],
    );
    expect(outcome.kind === "returned" && text(outcome.output)).toBe("é漢\0b\0");
  });

  test("takes an exit with code 0 for a return", () => {
    const outcome = run("(call $print (i32.const 100) (i32.const 5)) (call $proc_exit (i32.const 0)) unreachable");
    expect(outcome).toEqual({ kind: "returned", output: new TextEncoder().encode("hello") });
  });

  test("says the code of another exit, and what was written before", () => {
    const outcome = run("(call $print (i32.const 100) (i32.const 5)) (call $proc_exit (i32.const 9))");
    expect(outcome).toEqual({ kind: "exited", exitCode: 9, output: new TextEncoder().encode("hello") });
  });

  test("names a trap, and refuses too much output", () => {
    expect(run("unreachable")).toMatchObject({ kind: "trapped", trap: "unreachable" });
    const { guest } = ready(fixture("wasi-endless-line.wat"), { args: ["x"] });
    expect(callWasiCommand(guest, { contract })).toMatchObject({ kind: "refused", code: "GUEST_OUTPUT_TOO_LARGE" });
  });
});

test("stripNewline() takes one newline off the end and nothing else", () => {
  const strip = (output: string) => text(stripNewline(new TextEncoder().encode(output)));
  expect(["a\n", "a\n\n", "a", "", "\n", "\na", "a\r\n"].map(strip)).toEqual(["a", "a\n", "a", "", "", "\na", "a\r"]);
});
