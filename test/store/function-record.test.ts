import { digestOf } from "../../src/digest.ts";
import type { Row } from "../../src/store/committer.ts";
import { columns, fromRow, moduleDigestOf, toValues, type FunctionRecord } from "../../src/store/function-record.ts";
import { sampleRecord } from "./sample-record.ts";

function rowOf(record: FunctionRecord): Row {
  const values = toValues(record);
  return Object.fromEntries(columns.map((column, index) => [column, values[index]]));
}

describe("fromRow()", () => {
  test.each<[string, Partial<FunctionRecord>]>([
    ["nothing optional", {}],
    ["limits", { limits: { memoryBytes: 1048576, timeoutMs: 1 } }],
    ["one limit", { limits: { timeoutMs: 0 } }],
    ["environment and labels", { env: { A: "1", "": "ü=" }, labels: { "com.openfaas.scale.min": "2" } }],
    ["a packed pointer", { contract: { kind: "json-pointer", wasi: true, export: "x", returns: "packed" } }],
    [
      "a command with initializers",
      { contract: { kind: "wasi-command", wasi: true, export: "_start", initialize: ["a", "b"] } },
    ],
    [
      "scalars",
      { contract: { kind: "scalars", wasi: false, export: "x", params: ["i32", "i64"], results: ["f32", "f64"] } },
    ],
    ["scalars of nothing", { contract: { kind: "scalars", wasi: false, export: "", params: [], results: [] } }],
    ["the capability", { wasiCap: true, imageDigest: digestOf("image", "sha512") }],
  ])("reads back a record with %s", (_what, changes) => {
    expect(fromRow(rowOf(sampleRecord(changes)))).toEqual(sampleRecord(changes));
  });

  test("keeps names that objects have of themselves", () => {
    const env = Object.fromEntries([
      ["__proto__", "1"],
      ["constructor", "2"],
    ]);
    expect(Object.entries(fromRow(rowOf(sampleRecord({ env }))).env)).toEqual(Object.entries(env));
  });

  test.each<[string, Row, string]>([
    ["a number for a name", { name: 7 }, "column name: expected text, got 7"],
    ["no digest", { module_digest: "sha256:abc" }, 'column module_digest: expected a digest, got "sha256:abc"'],
    ["a negative size", { module_size_bytes: -1 }, "column module_size_bytes: expected a whole number, got -1"],
    ["a third truth value", { wasi_cap: 2 }, "column wasi_cap: expected 0 or 1, got 2"],
    ["text that is no JSON", { env: "{" }, "column env: "],
    ["a list of labels", { labels: "[]" }, "column labels: expected an object, got []"],
    ["a number as a label", { labels: '{"a":1}' }, "column labels: expected text, got 1"],
    ["no limits", { limits: "null" }, "column limits: expected an object, got null"],
    ["a limit of half a byte", { limits: '{"memoryBytes":0.5}' }, "column limits: expected a whole number, got 0.5"],
    [
      "a contract of the future",
      { contract: '{"kind":"component","wasi":false}' },
      "column contract: expected json-pointer or",
    ],
    [
      "a contract without an export",
      { contract: '{"kind":"json-pointer","wasi":false}' },
      "column contract: expected text",
    ],
    [
      "a type of the future",
      { contract: '{"kind":"scalars","wasi":false,"export":"x","params":["v128"]}' },
      "column contract: expected i32 or",
    ],
    [
      "no list of types",
      { contract: '{"kind":"scalars","wasi":false,"export":"x","params":"i32"}' },
      "column contract: expected a list",
    ],
    ["a day for a time", { created_at: "2026-01-31" }, "column created_at: expected a time"],
    ["a word for a time", { updated_at: "soon" }, "column updated_at: expected a time"],
    ["a missing column", { image: undefined }, "column image: expected text, got undefined"],
  ])("refuses a row with %s and names the column", (_what, damage, message) => {
    expect(() => fromRow({ ...rowOf(sampleRecord()), ...damage })).toThrow(message);
  });

  test("returns records that nobody can change", () => {
    const contract = { kind: "scalars", wasi: false, export: "x", params: ["i32"], results: [] } as const;
    const record = fromRow(rowOf(sampleRecord({ contract })));
    for (const part of [record, record.contract, record.limits, record.env, record.labels]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(record.contract.kind === "scalars" && Object.isFrozen(record.contract.params)).toBe(true);
  });
});

describe("moduleDigestOf()", () => {
  test("returns the digest of a row that is damaged elsewhere, and nothing for a damaged digest", () => {
    expect(moduleDigestOf({ ...rowOf(sampleRecord()), name: 7 })).toBe(digestOf("module"));
    expect(moduleDigestOf({ module_digest: "sha256:abc" })).toBeUndefined();
  });
});
