/**
 * A deployed function's module, ready to be called: at hand, else compiled from its file, else pulled again by digest.
 *
 *   modules.find ── no ──> compile its file ── missing, damaged ──> pull by digest ── gone, other ──> MODULE_UNAVAILABLE
 *
 * A file that is not there may also mean that the function was replaced or removed while we looked; then nothing is
 * pulled, and whoever asked looks the function up again.
 */
import type { Digest } from "./digest.ts";
import { GatewayError } from "./errors.ts";
import type { Log } from "./log.ts";
import { parseReference } from "./oci/reference.ts";
import type { Pulled, Pulls } from "./pulls.ts";
import type { Modules } from "./runtime/modules.ts";
import type { LoadedModule } from "./runtime/protocol.ts";
import type { Blobs } from "./store/blobs.ts";
import type { Catalog, FunctionRecord } from "./store/catalog.ts";

/** What loading works with. */
export type LoaderOptions = {
  readonly catalog: Pick<Catalog, "find" | "list">;
  readonly blobs: Pick<Blobs, "path">;
  readonly modules: Pick<Modules, "find" | "load">;
  readonly pulls: Pick<Pulls, "pull" | "collect">;
  readonly log: Pick<Log, "warn">;
  /** Gives a function that is still deployed its file's name again; called while its module is held. */
  readonly relink: (record: FunctionRecord) => Promise<void>;
};

/** Loads the modules of functions. */
export class Loader {
  readonly #options: LoaderOptions;
  /** Pulls of modules that were lost, so that many calls of one moment ask the registry once. */
  readonly #repairs = new Map<Digest, Promise<LoadedModule>>();

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Returns a module that is at hand. */
  find(record: FunctionRecord): LoadedModule | undefined {
    return this.#options.modules.find(record.moduleDigest);
  }

  /**
   * Makes a module ready; undefined when the function was replaced or removed meanwhile.
   * @throws {GatewayError} MODULE_UNAVAILABLE, MODULE_INVALID
   */
  async load(record: FunctionRecord): Promise<LoadedModule | undefined> {
    const { blobs, modules } = this.#options;
    const file = { path: blobs.path(record.moduleDigest), digest: record.moduleDigest };
    try {
      return (await modules.load(file, record.moduleSizeBytes)).loaded;
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "MODULE_UNAVAILABLE") throw error;
      return this.#isCurrent(record) ? this.#repairOnce(record, error) : undefined;
    }
  }

  #isCurrent(record: FunctionRecord): boolean {
    return this.#options.catalog.find(record.name, record.namespace) === record;
  }

  async #repairOnce(record: FunctionRecord, damage: GatewayError): Promise<LoadedModule> {
    let repair = this.#repairs.get(record.moduleDigest);
    if (repair === undefined) {
      repair = this.#repair(record, damage).finally(() => this.#repairs.delete(record.moduleDigest));
      this.#repairs.set(record.moduleDigest, repair);
    }
    return repair;
  }

  async #repair(record: FunctionRecord, damage: GatewayError): Promise<LoadedModule> {
    const about = { namespace: record.namespace, function: record.name, reason: damage.message };
    this.#options.log.warn("a function's module is pulled again", about);
    const pulled = await this.#pull(record, damage);
    try {
      if (pulled.digest !== record.moduleDigest) throw lost(damage, `its image now holds module ${pulled.digest}`);
      await this.#options.relink(record);
      void this.#relinkOthers(record);
      return pulled.compiled.loaded;
    } finally {
      pulled.release();
      await this.#options.pulls.collect(pulled.digest);
    }
  }

  /**
   * Gives the names of their files back to the other functions of a module. The call does not wait for it: one of them
   * may be in the middle of a deploy. The module's file is theirs as well, so it stays.
   */
  async #relinkOthers(record: FunctionRecord): Promise<void> {
    const { catalog, log, relink } = this.#options;
    const others = catalog.list().filter((each) => each.moduleDigest === record.moduleDigest && each !== record);
    for (const each of others) {
      try {
        await relink(each);
      } catch (error) {
        const about = { namespace: each.namespace, function: each.name, error };
        log.warn("a function's file has not got its name again; the next start gives it", about);
      }
    }
  }

  async #pull(record: FunctionRecord, damage: GatewayError): Promise<Pulled> {
    try {
      return await this.#options.pulls.pull({ ...parseReference(record.image), digest: record.imageDigest });
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code === "SHUTTING_DOWN") throw error;
      throw lost(damage, error.message);
    }
  }
}

function lost(damage: GatewayError, why: string): GatewayError {
  const message = `${damage.message}, and it could not be pulled again: ${why}`;
  return new GatewayError("MODULE_UNAVAILABLE", message, { cause: damage });
}
