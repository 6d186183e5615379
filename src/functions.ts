/**
 * The product: functions that are deployed, listed, removed and invoked. The only file where pulling, the catalog, the
 * module's facts and the guest threads meet; it knows no HTTP.
 *
 * Order is what keeps promises: a function's bytes are on disk before its row, its row before the answer. A crash in
 * between leaves files that nobody names, which the next start sweeps.
 */
import { GatewayError } from "./errors.ts";
import type { Log, LogFields } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Pulls } from "./pulls.ts";
import { callOf, limitsOf, outputOf, programOf, type InvokeRequest } from "./calls.ts";
import { naming, recordOf, type DeployRequest } from "./deployment.ts";
import { Loader } from "./loader.ts";
import type { Modules } from "./runtime/modules.ts";
import type { Wish } from "./runtime/intake.ts";
import type { Pool } from "./runtime/pool.ts";
import type { CallLimits, Outcome, Program } from "./runtime/protocol.ts";
import type { Blobs } from "./store/blobs.ts";
import type { Catalog, FunctionRecord } from "./store/catalog.ts";
import { functionFile } from "./store/links.ts";
import { Turns } from "./turns.ts";

export type { InvokeRequest } from "./calls.ts";
export type { DeployRequest } from "./deployment.ts";
export type { FunctionRecord } from "./store/catalog.ts";

/** The namespace of whoever names none. */
export const defaultNamespace = "openfaas-fn";

/** What functions are made of. */
export type FunctionsOptions = {
  readonly dataDir: string;
  readonly catalog: Pick<Catalog, "find" | "list" | "moduleDigests" | "put" | "remove">;
  readonly blobs: Pick<Blobs, "path" | "has" | "isLinked" | "link" | "unlink" | "sweep" | "sweepLinks">;
  readonly pulls: Pick<Pulls, "pull" | "collect">;
  readonly modules: Pick<Modules, "find" | "load">;
  readonly pool: Pick<Pool, "run">;
  readonly log: Pick<Log, "info" | "warn">;
  /** Most that a function may ask for, and what it gets when it asks for nothing. */
  readonly limits: CallLimits;
  readonly metrics: Pick<Metrics, "countCall">;
};

/** What became of a function. */
type Change = { readonly did: "deployed" | "updated" | "deleted"; readonly record: FunctionRecord };

/** The deployed functions. */
export class Functions {
  readonly #options: FunctionsOptions;
  readonly #loader: Loader;
  readonly #turns = new Turns();
  readonly #programs = new WeakMap<FunctionRecord, Program>();
  #closed = false;

  constructor(options: FunctionsOptions) {
    this.#options = options;
    this.#loader = new Loader({ ...options, relink: (record) => this.#relink(record) });
  }

  /**
   * Deploys a function: durable, and callable, when this resolves. Until then an older one of its name answers calls.
   * @throws {GatewayError} FUNCTION_EXISTS, INVALID_REQUEST (limits), MODULE_UNSUPPORTED, STORAGE_FULL, SHUTTING_DOWN,
   * and all that a pull may end with
   */
  async deploy(request: DeployRequest): Promise<FunctionRecord> {
    const { namespace, name, image } = request;
    return this.#tell("deploy", { namespace, function: name, image: image.text }, () => {
      limitsOf(this.#options.limits, request.limits);
      return this.#turns.take(`${namespace}/${name}`, () => this.#deploy(request));
    });
  }

  /** Finds a function. @throws {GatewayError} FUNCTION_NOT_FOUND */
  get(name: string, namespace: string): FunctionRecord {
    const record = this.#options.catalog.find(name, namespace);
    if (record !== undefined) return record;
    const where = namespace === defaultNamespace ? "" : ` in namespace ${namespace}`;
    throw new GatewayError("FUNCTION_NOT_FOUND", `function ${name} is not deployed${where}`);
  }

  /** Lists the functions of a namespace, or all, oldest first. */
  list(namespace?: string): readonly FunctionRecord[] {
    return this.#options.catalog.list(namespace);
  }

  /** Returns the absolute path of a function's module, a hard link to its blob. */
  localPath({ name, namespace }: Pick<FunctionRecord, "name" | "namespace">): string {
    return functionFile(this.#options.dataDir, name, namespace);
  }

  /**
   * Removes a function and every file that nothing else uses; calls under way end as if nothing had happened.
   * @throws {GatewayError} FUNCTION_NOT_FOUND, SHUTTING_DOWN
   */
  async remove(name: string, namespace: string): Promise<FunctionRecord> {
    return this.#tell("delete", { namespace, function: name }, () =>
      this.#turns.take(`${namespace}/${name}`, async () => {
        const record = this.get(name, namespace);
        await this.#options.catalog.remove(name, namespace);
        await this.#tidy(() => this.#options.blobs.unlink(this.localPath(record)));
        await this.#tidy(() => this.#options.pulls.collect(record.moduleDigest));
        return { did: "deleted", record };
      }),
    );
  }

  /**
   * Calls a function.
   * @returns its result's bytes; of a WASI command its stdout without one trailing newline
   * @throws {GatewayError} FUNCTION_NOT_FOUND, INVALID_REQUEST, the guest's family, QUEUE_FULL, QUEUE_TIMEOUT,
   * MODULE_UNAVAILABLE
   */
  async invoke(request: InvokeRequest): Promise<{ readonly output: Uint8Array }> {
    for (;;) {
      const record = this.get(request.name, request.namespace);
      const program = this.#programOf(record);
      const call = callOf(program, request);
      const module = this.#loader.find(record) ?? (await this.#loader.load(record));
      // Replaced or removed while its module was loaded: the next turn finds what answers now.
      if (module === undefined) continue;
      const outcome = await this.#run({ ...call, program, module }, request.signal);
      this.#options.metrics.countCall(outcome.kind);
      const { stderr } = outcome;
      if (stderr !== undefined) this.#options.log.info("guest stderr", { ...nameOf(record), text: textOf(stderr) });
      return { output: outputOf(record, outcome) };
    }
  }

  /** Compiles a function's module ahead of its first call. */
  async warm(record: FunctionRecord): Promise<void> {
    if (this.#loader.find(record) === undefined) await this.#loader.load(record);
  }

  /** Refuses every deploy and removal from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Puts a start's files in order: sweeps what a crash left, gives each function its file's name again. Only at start. */
  async restore(): Promise<void> {
    const { catalog, blobs, log } = this.#options;
    const records = catalog.list();
    const swept = await blobs.sweep(catalog.moduleDigests());
    const names = await blobs.sweepLinks(new Set(records.map((record) => this.localPath(record))));
    if (swept.removedFiles + names > 0) log.info("swept what an interrupted run had left", { ...swept, names });
    for (const record of records) {
      const path = this.localPath(record);
      if (await blobs.isLinked(record.moduleDigest, path)) continue;
      if (await blobs.has(record.moduleDigest)) await blobs.link(record.moduleDigest, path);
      else log.warn("a function's module is missing; it is pulled again when first called", nameOf(record));
    }
  }

  #programOf(record: FunctionRecord): Program {
    let program = this.#programs.get(record);
    if (program === undefined) {
      program = programOf(record, this.#options.limits);
      this.#programs.set(record, program);
    }
    return program;
  }

  async #run(wish: Wish, signal: AbortSignal | undefined): Promise<Outcome> {
    try {
      return await this.#options.pool.run(wish, signal);
    } catch (error) {
      this.#options.metrics.countCall("rejected");
      throw error;
    }
  }

  async #deploy(request: DeployRequest): Promise<Change> {
    const { catalog, pulls, limits: base } = this.#options;
    const before = catalog.find(request.name, request.namespace);
    if (before !== undefined && !request.update) {
      const hint = 'delete it first, or deploy with "update": true';
      throw new GatewayError("FUNCTION_EXISTS", `function ${request.name} is already deployed; ${hint}`);
    }
    try {
      const pulled = await pulls.pull(request.image);
      try {
        const record = await this.#install(recordOf(request, pulled, { base, before }), before);
        return { did: before === undefined ? "deployed" : "updated", record };
      } finally {
        pulled.release();
        await this.#tidy(() => pulls.collect(pulled.digest));
        if (before !== undefined) await this.#tidy(() => pulls.collect(before.moduleDigest));
      }
    } catch (error) {
      throw naming(request.image, error);
    }
  }

  async #install(record: FunctionRecord, before: FunctionRecord | undefined): Promise<FunctionRecord> {
    const path = this.localPath(record);
    await this.#options.blobs.link(record.moduleDigest, path);
    try {
      await this.#options.catalog.put(record);
    } catch (error) {
      if (before === undefined) await this.#options.blobs.unlink(path);
      else await this.#options.blobs.link(before.moduleDigest, path);
      throw error;
    }
    return record;
  }

  /** Gives a function its file's name again, unless it has been replaced or removed. */
  async #relink(record: FunctionRecord): Promise<void> {
    await this.#turns.take(`${record.namespace}/${record.name}`, async () => {
      if (this.#options.catalog.find(record.name, record.namespace) !== record) return;
      await this.#options.blobs.link(record.moduleDigest, this.localPath(record));
    });
  }

  /** Removes what nobody needs. What was asked for is done by then, so a failure is for the log and the next start. */
  async #tidy(remove: () => Promise<void>): Promise<void> {
    try {
      await remove();
    } catch (error) {
      this.#options.log.warn("a file that nobody needs is still there; the next start sweeps it", { error });
    }
  }

  /** Makes a change, unless we are stopping, and logs in one line how it ended. */
  async #tell(wish: string, about: LogFields, change: () => Promise<Change>): Promise<FunctionRecord> {
    const startMs = performance.now();
    const ms = (): number => Math.round(performance.now() - startMs);
    try {
      if (this.#closed) throw new GatewayError("SHUTTING_DOWN", "the gateway is stopping");
      const { did, record } = await change();
      const { image, imageDigest: digest, moduleDigest } = record;
      this.#options.log.info(`function ${did}`, { ...nameOf(record), image, digest, moduleDigest, ms: ms() });
      return record;
    } catch (error) {
      const { code, message: reason, cause } = error instanceof GatewayError ? error : { message: String(error) };
      this.#options.log.warn(`a ${wish} failed`, { ...about, code, reason, cause, ms: ms() });
      throw error;
    }
  }
}

function nameOf({ namespace, name }: FunctionRecord): { namespace: string; function: string } {
  return { namespace, function: name };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
