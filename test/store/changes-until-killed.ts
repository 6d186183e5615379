/**
 * A process of its own that deploys, updates and deletes in the data folder it is given, as fast as it can and several
 * names at a time, until it is killed. It says what it begins and what has been answered, one line each:
 *
 *   begin NAME VERSION   done NAME VERSION            VERSION "-" is a deletion; one change of a name at a time
 */
import { writeSync } from "node:fs";
import { finished } from "node:stream/promises";
import type { Digest } from "../../src/digest.ts";
import { Blobs } from "../../src/store/blobs.ts";
import { Catalog } from "../../src/store/catalog.ts";
import { functionFile } from "../../src/store/links.ts";
import { sampleRecord } from "./sample-record.ts";

const [dataDir = "", names = "", salt = ""] = process.argv.slice(2);
const namespace = "openfaas-fn";
const catalog = await Catalog.open({ dataDir, log: console });
const blobs = await Blobs.open({ dataDir, quotaBytes: 1e9 });
await blobs.sweep(catalog.moduleDigests());

/** Written at once and in one piece: what is in the pipe survives the kill. */
const say = (line: string): number => writeSync(1, `${line}\n`);

async function deploy(name: string, version: string): Promise<void> {
  const ingest = await blobs.ingest();
  for (let piece = 0; piece < 20; piece++) ingest.writable.write(`${name} ${version} ${piece} `.repeat(500));
  ingest.writable.end();
  await finished(ingest.writable);
  const { digest, sizeBytes } = await ingest.commit();
  await blobs.link(digest, functionFile(dataDir, name, namespace));
  await catalog.put(sampleRecord({ name, image: version, moduleDigest: digest, moduleSizeBytes: sizeBytes }));
}

async function change(name: string, version: string, before: Digest | undefined): Promise<void> {
  if (version === "-") {
    await catalog.remove(name, namespace);
    await blobs.unlink(functionFile(dataDir, name, namespace));
  } else {
    await deploy(name, version);
  }
  if (before !== undefined && catalog.usersOf(before) === 0) await blobs.remove(before);
}

async function changeForEver(name: string): Promise<void> {
  for (let turn = 0; ; turn++) {
    const version = turn % 4 === 3 ? "-" : `${salt}.${turn}`;
    say(`begin ${name} ${version}`);
    await change(name, version, catalog.find(name, namespace)?.moduleDigest);
    say(`done ${name} ${version}`);
  }
}

await Promise.all(names.split(",").map(changeForEver));
