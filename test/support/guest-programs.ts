/** Guests as programs that a pool can run: compiled, rewritten and snapshotted by the real compiler. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { Arena } from "../../src/runtime/arena.ts";
import { Compiler, type Compiled } from "../../src/runtime/compiler.ts";
import type { Wish } from "../../src/runtime/intake.ts";
import { Pool, type PoolOptions } from "../../src/runtime/pool.ts";
import type { CallLimits, Input, Outcome, Program } from "../../src/runtime/protocol.ts";
import { chooseContract } from "../../src/wasm/contract.ts";
import { defaultModuleLimits } from "../../src/wasm/limits.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { wat } from "./wat.ts";

/** A function that can be run. */
export type Guest = { readonly program: Program; readonly compiled: Compiled };

const memoryPages = 4096;
const limits: CallLimits = { memoryPages: 256, timeoutMs: 10_000, outputBytes: 1024, stderrBytes: 1024 };

/** A compiler, an arena and pools for one test file; everything is closed after it. */
export class GuestPrograms {
  readonly #folder = temporaryFolder();
  readonly #arena = new Arena(1024);
  readonly #pools: Pool[] = [];
  readonly #compiler: Compiler;
  readonly #verifyRestore: boolean;
  #count = 0;

  /** @param verifyRestore whether each restored instance is compared with a fresh one, at several times a call's price */
  constructor(verifyRestore = process.env["WASMGATE_VERIFY_RESTORE"] === "1") {
    this.#verifyRestore = verifyRestore;
    this.#compiler = new Compiler({
      timeoutMs: 60_000,
      limits: defaultModuleLimits,
      rewrittenFolder: join(this.#folder, "rewritten"),
      arena: this.#arena,
      memoryPages,
      verifyRestore,
    });
  }

  /** Compiles a guest from its text, with an export "f". */
  async guest(source: string, wanted: Partial<CallLimits> & { readonly wasiCap?: boolean } = {}): Promise<Guest> {
    return this.guestOf(wat(source), wanted);
  }

  /** Compiles a guest from its bytes. */
  async guestOf(
    bytes: Uint8Array,
    { wasiCap = false, ...lower }: Partial<CallLimits> & { readonly wasiCap?: boolean } = {},
  ): Promise<Guest> {
    const digest = digestOf(bytes);
    const path = join(this.#folder, `${(this.#count += 1)}.wasm`);
    writeFileSync(path, bytes);
    const compiled = await this.#compiler.compile({ path, digest });
    const contract = chooseContract(compiled.info, { functionName: "f", wasiCap });
    const program = { key: `test/${this.#count}`, digest, contract, env: [], limits: { ...limits, ...lower } };
    return { program, compiled };
  }

  /** Starts a pool. */
  async pool(options: Partial<PoolOptions> = {}): Promise<Pool> {
    const pool = new Pool(
      { threads: 2, maxQueue: 1024, queueTimeoutMs: 10_000, ...options },
      {
        arena: this.#arena.memory,
        memoryPages,
        idleBytes: 2 ** 28,
        idleInstances: 100,
        verifyRestore: this.#verifyRestore,
      },
    );
    this.#pools.push(pool);
    await pool.start();
    return pool;
  }

  /** Ends the pools; for afterEach. */
  async closePools(): Promise<void> {
    for (const pool of this.#pools.splice(0)) await pool.close(0);
  }

  /** Ends everything; for afterAll. */
  async close(): Promise<void> {
    await this.closePools();
    await this.#compiler.close();
  }
}

/** A call of a guest of scalars. */
export function callOf({ program, compiled }: Guest, ...values: number[]): Wish {
  const input: Input = { kind: "scalars", values };
  return { program, module: compiled.loaded, input };
}

/** What a call answered, or how else it ended. */
export function textOf(outcome: Outcome): string {
  return outcome.kind === "returned" ? Buffer.from(outcome.output).toString() : outcome.kind;
}
