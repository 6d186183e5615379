import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { hexOf } from "../../src/digest.ts";
import { Blobs } from "../../src/store/blobs.ts";
import { Catalog } from "../../src/store/catalog.ts";
import { functionFile } from "../../src/store/links.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const kills = 20;
const names = ["a", "b", "c", "d", "e"];
const dataDir = temporaryFolder();
mkdirSync(join(dataDir, "functions"));
const log = { error: (...line: unknown[]): void => expect(line).toEqual([]) };

/** Per name: what was answered last ("-" when deleted), and what was begun but not answered. */
type Known = { answered: string; begun?: string };
const known = new Map<string, Known>(names.map((name) => [name, { answered: "-" }]));

/** Runs the changing process and kills it after so many lines, wherever it is then. */
async function runAndKill(salt: string, lines: number): Promise<void> {
  const program = join(import.meta.dirname, "changes-until-killed.ts");
  const child = spawn(process.execPath, [program, dataDir, names.join(","), salt], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  let seen = 0;
  for await (const line of createInterface(child.stdout)) {
    const [what, name = "", version = ""] = line.split(" ");
    const before = known.get(name)?.answered ?? "-";
    known.set(name, what === "done" ? { answered: version } : { answered: before, begun: version });
    if (++seen === lines) child.kill("SIGKILL");
  }
  expect(await exited).toEqual([null, "SIGKILL"]);
}

/** Holds the disk against what is known, and takes what the disk says as known from here on. */
async function check(catalog: Catalog): Promise<void> {
  const blobs = await Blobs.open({ dataDir, quotaBytes: 1e9 });
  for (const [name, { answered, begun }] of known) {
    const record = catalog.find(name, "openfaas-fn");
    const found = record?.image ?? "-";
    expect([answered, begun]).toContain(found);
    known.set(name, { answered: found });
    if (record !== undefined) expect((await blobs.read(record.moduleDigest)).byteLength).toBe(record.moduleSizeBytes);
  }
  const used = catalog.moduleDigests();
  await blobs.sweep(used);
  const places = catalog.list().map((record) => functionFile(dataDir, record.name, record.namespace));
  await blobs.sweepLinks(new Set(places));
  const sizes = catalog.list().map((record) => record.moduleSizeBytes);
  expect(blobs.usedBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  expect(readdirSync(join(dataDir, "blobs", "sha256")).sort()).toEqual([...used].map(hexOf).sort());
  expect(readdirSync(join(dataDir, "tmp"))).toEqual([]);
  const folders = catalog.list().map((record) => record.name);
  expect(readdirSync(join(dataDir, "functions")).sort()).toEqual(folders.sort());
}

test(`a data folder keeps all that was answered through ${kills} kills in the middle of changes`, async () => {
  for (let kill = 0; kill < kills; kill++) {
    // Different numbers of lines and the scheduler's whims put the kill into different steps of a change.
    await runAndKill(String(kill), 5 + ((kill * 13) % 60));
    const catalog = await Catalog.open({ dataDir, log });
    await check(catalog).finally(() => catalog.close());
  }
}, 240_000);
