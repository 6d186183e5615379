/**
 * Kills a gateway by SIGKILL at random moments of deploys, updates, deletes and starts, again and again, and holds what
 * the next start finds against what had been answered. By itself: node test/support/kill-nine.ts ROUNDS [SEED]
 *
 *   start -> check -> change several names at a time -> SIGKILL after so many answers and a moment -> start -> …
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, hexOf } from "../../src/digest.ts";
import { filesIn } from "./files-in.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { GatewayProcess } from "./gateway-process.ts";
import { answers } from "./guests.ts";
import { putDockerImage } from "./image.ts";
import { MisbehavingRegistry } from "./misbehaving-registry.ts";
import { wat } from "./wat.ts";

/** A version that a function may have; 0 is that it is not deployed. */
type Version = number;

/** What is known of a name: what was answered last, and what was begun and not answered. */
type Known = { readonly answered: Version; readonly begun?: Version };

const names = ["a", "b", "c", "d", "e"];
/** Fewer versions than names, so that names share modules and deletes meet deploys of the same one. */
const modules = [1, 2, 3].map((version) => wat(answers(version)));

/** A folder, a registry, and what was answered about them. */
class Ordeal {
  readonly #dataDir: string;
  readonly #registry: MisbehavingRegistry;
  readonly #random: () => number;
  readonly #known = new Map<string, Known>(names.map((name) => [name, { answered: 0 }]));
  changes = 0;

  constructor(parts: { readonly dataDir: string; readonly registry: MisbehavingRegistry; readonly seed: number }) {
    this.#dataDir = parts.dataDir;
    this.#registry = parts.registry;
    this.#random = randomFrom(parts.seed);
    modules.forEach((module, index) => {
      putDockerImage(parts.registry, { repository: "versions", tag: `v${index + 1}`, module });
    });
  }

  /** Starts, checks, changes and kills. */
  async round(): Promise<void> {
    const gateway = new GatewayProcess({ WASMGATE_DATA_DIR: this.#dataDir });
    // Now and then the start itself is what is interrupted.
    if (this.#random() < 0.15) await pause(this.#random() * 500);
    else await this.#changeUntilKilled(gateway);
    gateway.kill("SIGKILL");
    await gateway.ended;
  }

  /** Starts once more and checks. */
  async finish(): Promise<void> {
    const gateway = await GatewayProcess.start({ WASMGATE_DATA_DIR: this.#dataDir });
    await this.#check(gateway.client);
    gateway.kill("SIGTERM");
    const { code } = await gateway.ended;
    if (code !== 0) throw new Error(`the gateway ended with ${code}: ${gateway.stderr}`);
  }

  async #changeUntilKilled(gateway: GatewayProcess): Promise<void> {
    await gateway.line("listening");
    const { client } = gateway;
    await this.#check(client);
    const stop = new AbortController();
    const enough = Promise.withResolvers<void>();
    let left = Math.floor(this.#random() * 12);
    const answered = (): void => {
      this.changes += 1;
      if (left-- <= 0) enough.resolve();
    };
    const changers = Promise.all(names.map((name) => this.#change(name, client, { answered, signal: stop.signal })));
    await Promise.race([enough.promise, changers]);
    await pause(this.#random() * 12);
    gateway.kill("SIGKILL");
    stop.abort();
    await changers;
  }

  /** Changes one name again and again, until the gateway does not answer any more. */
  async #change(
    name: string,
    client: GatewayClient,
    told: { readonly answered: () => void; readonly signal: AbortSignal },
  ): Promise<void> {
    while (!told.signal.aborted) {
      const before = this.#known.get(name)?.answered ?? 0;
      const begun = before > 0 && this.#random() < 0.4 ? 0 : 1 + Math.floor(this.#random() * modules.length);
      this.#known.set(name, { answered: before, begun });
      const status = await this.#ask(name, begun, client).catch(() => undefined);
      if (status === undefined) return;
      if (status !== 200) throw new Error(`changing ${name} from ${before} to ${begun} was answered ${status}`);
      this.#known.set(name, { answered: begun });
      told.answered();
    }
  }

  async #ask(name: string, version: Version, client: GatewayClient): Promise<number> {
    if (version === 0) return (await client.remove(name)).status;
    const function_image = `${this.#registry.host}/versions:v${version}`;
    return (await client.deploy({ function_name: name, function_image, update: true })).status;
  }

  /** Holds functions and files against what is known, and takes what is found as known from here on. */
  async #check(client: GatewayClient): Promise<void> {
    const files: string[] = [];
    const used = new Set<string>();
    for (const [name, { answered, begun = answered }] of this.#known) {
      const found = await versionOf(name, client);
      if (found !== answered && found !== begun) {
        throw new Error(`${name} is ${found} after ${answered} was answered and ${begun} begun`);
      }
      this.#known.set(name, { answered: found });
      const module = modules[found - 1];
      if (module === undefined) continue;
      files.push(join("functions", name, `${name}.wasm`));
      used.add(join("blobs", "sha256", hexOf(digestOf(module))));
    }
    const [expected, there] = [[...used, ...files].sort(), filesIn(this.#dataDir)].map((each) => each.join("\n"));
    if (expected !== there) throw new Error(`expected the files\n${expected}\nand found\n${there}`);
  }
}

/** Runs an ordeal of so many rounds; rejects with what was lost, or left over. */
export async function killNine(rounds: number, seed: number): Promise<{ readonly changes: number }> {
  const dataDir = mkdtempSync(join(tmpdir(), "wasmgate-kill-nine-"));
  const registry = await MisbehavingRegistry.start();
  try {
    const ordeal = new Ordeal({ dataDir, registry, seed });
    for (let round = 0; round < rounds; round++) await ordeal.round();
    await ordeal.finish();
    return { changes: ordeal.changes };
  } finally {
    await GatewayProcess.killAll();
    await registry.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** What a function answers: its version, by both of its ways to know it. */
async function versionOf(name: string, client: GatewayClient): Promise<Version> {
  const { status, text } = await client.invoke(name);
  if (status === 404) return 0;
  const [, one, two] = /message: \[(\d+),(\d+)\]$/.exec(text) ?? [];
  if (status !== 200 || one === undefined || one !== two) throw new Error(`${name} answered ${status} ${text}`);
  return Number(one);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32); moments still differ from run to run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (import.meta.main) {
  const [rounds = 100, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number);
  console.log(`${rounds} rounds, seed ${seed}`);
  const { changes } = await killNine(rounds, seed);
  console.log(`nothing was lost and nothing left over: ${changes} changes were answered`);
}
