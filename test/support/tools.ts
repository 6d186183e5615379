/**
 * Real tools that interop tests need. A missing one skips its tests with a notice on a developer's machine and fails
 * them in CI, where nothing may be skipped.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Returns the full path of a program on PATH (or in the usual system folders), or undefined. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin", "/usr/local/bin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** `describe` when every tool is there; otherwise skips with a notice, or fails when CI is set. */
export function describeWith(tools: readonly string[], title: string, body: () => void): void {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) {
    describe(title, body);
  } else if (process.env["CI"]) {
    describe(title, () => {
      test("has its tools", () => {
        throw new Error(`missing: ${missing.join(", ")}`);
      });
    });
  } else {
    console.warn(`SKIPPED: ${title} (missing: ${missing.join(", ")})`);
    describe.skip(title, body);
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
