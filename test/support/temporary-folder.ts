/** A folder of its own for each test that asks, removed when the test ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes an empty folder and returns its path; it is gone after the current test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "wasmgate-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
