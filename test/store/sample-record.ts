/** A function's record as a deploy would put it, with whatever a test wants to be different. */
import { digestOf } from "../../src/digest.ts";
import type { FunctionRecord } from "../../src/store/catalog.ts";

export function sampleRecord(changes: Partial<FunctionRecord> = {}): FunctionRecord {
  return {
    namespace: "openfaas-fn",
    name: "hello",
    image: "127.0.0.1:5000/hello:1",
    imageDigest: digestOf("image"),
    moduleDigest: digestOf("module"),
    moduleSizeBytes: 6,
    wasiCap: false,
    contract: { kind: "json-pointer", wasi: false, export: "hello", returns: "pair" },
    limits: {},
    env: {},
    labels: {},
    createdAt: "2026-01-31T12:00:00.000Z",
    updatedAt: "2026-01-31T12:00:00.000Z",
    ...changes,
  };
}
