import { readArguments } from "../src/arguments.ts";
import { callOf, checkStart, limitsOf, outputOf, ownLimits, programOf, type InvokeRequest } from "../src/calls.ts";
import type { Outcome } from "../src/runtime/protocol.ts";
import type { FunctionRecord } from "../src/store/catalog.ts";
import { refusalOf } from "./support/refusal.ts";
import { sampleRecord } from "./store/sample-record.ts";

const page = 65_536;
const base = { memoryPages: 16, timeoutMs: 1000, outputBytes: 100, stderrBytes: 10 };
const scalars = { kind: "scalars", export: "f", params: ["i32"], results: ["i32"], wasi: false } as const;
const command = { kind: "wasi-command", export: "_start", wasi: true } as const;
const record = (change: Partial<FunctionRecord>): FunctionRecord => ({ ...sampleRecord({ name: "f" }), ...change });

describe("limitsOf()", () => {
  test("lowers what is asked for, in whole pages, and keeps the rest", () => {
    expect(limitsOf(base, {})).toEqual(base);
    expect(limitsOf(base, { memoryBytes: 16 * page, timeoutMs: 1000 })).toEqual(base);
    expect(limitsOf(base, { memoryBytes: 4 * page - 1 })).toEqual({ ...base, memoryPages: 3 });
    expect(limitsOf(base, { timeoutMs: 5 })).toEqual({ ...base, timeoutMs: 5 });
  });

  test.each([
    [{ memoryBytes: 17 * page }, /^limits\.memory may be at most 1048576 bytes here, got 1114112$/],
    [{ timeoutMs: 1001 }, /^limits\.timeout may be at most 1000ms here, got 1001ms$/],
  ])("refuses more than there is: %j", (asked, message) => {
    const refusal = refusalOf(() => limitsOf(base, asked));
    expect(refusal.code).toBe("INVALID_REQUEST");
    expect(refusal.message).toMatch(message);
  });
});

test("ownLimits() takes the lower of the function's and the gateway's", () => {
  expect(ownLimits(base, { limits: {} })).toEqual(base);
  expect(ownLimits(base, { limits: { memoryBytes: 2 * page, timeoutMs: 5000 } })).toEqual({ ...base, memoryPages: 2 });
  expect(ownLimits(base, { limits: { memoryBytes: 99 * page, timeoutMs: 5 } })).toEqual({ ...base, timeoutMs: 5 });
});

test("checkStart() refuses a module whose memories together start above the limit", () => {
  const memory = (minPages: number) => ({ minPages, shared: false, is64: false, imported: false });
  expect(() => checkStart({ memories: [memory(10), memory(6)] }, base, base)).not.toThrow();
  const refusal = refusalOf(() => checkStart({ memories: [memory(10), memory(7)] }, base, base));
  expect(refusal.code).toBe("MODULE_UNSUPPORTED");
  expect(refusal.message).toMatch(
    /starts with 17 pages .* limit is 16: .* WASMGATE_MEMORY_LIMIT of 1088Ki or more, or /,
  );
  const own = refusalOf(() => checkStart({ memories: [memory(10)] }, { ...base, memoryPages: 2 }, base));
  expect(own.message).toMatch(/starts with 10 pages .* limit is 2: deploy it with limits.memory of 640Ki or more$/);
});

describe("programOf()", () => {
  test("brings the module, the contract, the limits and NAME=value pairs", () => {
    const deployed = record({ contract: command, env: { A: "1", B: "=" } });
    expect(programOf(deployed, base)).toEqual({
      key: `${deployed.namespace}/${deployed.name}`,
      digest: deployed.moduleDigest,
      contract: command,
      env: ["A=1", "B=="],
      limits: base,
    });
  });
});

describe("callOf()", () => {
  const request = (json: string, limits = {}): InvokeRequest => {
    return {
      namespace: "n",
      name: "f",
      args: readArguments({ text: json, value: JSON.parse(json) as unknown }, "args"),
      limits,
    };
  };
  const program = (contract: FunctionRecord["contract"]) => programOf(record({ contract }), base);

  test("brings the input, and bounds only where the call has its own", () => {
    const input = { kind: "wasi-command", args: ["x"], stdin: new Uint8Array(0) };
    expect(callOf(program(command), request('{"args":["x"]}'))).toEqual({ input });
    expect(callOf(program(command), request('{"args":["x"]}', { timeoutMs: 5 }))).toEqual({
      input,
      limits: { ...base, timeoutMs: 5 },
    });
  });

  test("refuses arguments that the contract cannot take, and bounds above the program's", () => {
    expect(refusalOf(() => callOf(program(scalars), request('{"args":["x"]}'))).code).toBe("INVALID_REQUEST");
    const refusal = refusalOf(() => callOf(program(command), request("{}", { timeoutMs: base.timeoutMs + 1 })));
    expect(refusal.code).toBe("INVALID_REQUEST");
  });
});

describe("outputOf()", () => {
  const bytes = (text: string): Uint8Array => Buffer.from(text);
  const text = (outcome: Outcome, contract: FunctionRecord["contract"] = scalars): string =>
    Buffer.from(outputOf({ name: "f", contract }, outcome)).toString();

  test("takes one trailing newline off what a command printed, and nothing off any other result", () => {
    expect(text({ kind: "returned", output: bytes("a\n\n") }, command)).toBe("a\n");
    expect(text({ kind: "exited", exitCode: 0, output: bytes("a\n") }, command)).toBe("a");
    expect(text({ kind: "returned", output: bytes("a\n") })).toBe("a\n");
  });

  test.each<[Outcome, string, string]>([
    [{ kind: "exited", exitCode: 3, output: bytes("x") }, "GUEST_EXIT", "function f exited with code 3"],
    [{ kind: "trapped", trap: "unreachable", message: "unreachable" }, "GUEST_TRAP", "function f trapped: unreachable"],
    [{ kind: "overran", timeoutMs: 20 }, "GUEST_TIMEOUT", "function f ran longer than 20 ms"],
    [
      { kind: "refused", code: "GUEST_OUTPUT_TOO_LARGE", message: "too much" },
      "GUEST_OUTPUT_TOO_LARGE",
      "function f: too much",
    ],
  ])("refuses %j", (outcome, code, message) => {
    expect(refusalOf(() => text(outcome))).toMatchObject({ code, message });
  });
});
