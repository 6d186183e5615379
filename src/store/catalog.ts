/**
 * The functions that are deployed. All of them are in memory, so that no call waits for SQLite; the table behind is
 * what a restart reads.
 *
 *   put(), remove() ──> the writer's thread ──> on disk ──> then memory ──> then the caller goes on
 *   find(), list(), usersOf() ──> memory
 *
 * A record in memory has been through the row's form and its checks, so that a restart reads the very same. Files are
 * not its business: that a record's blob is there is for whoever puts it to see to first.
 */
import { join } from "node:path";
import type { Digest } from "../digest.ts";
import { openDataFolder, orStorageFull, syncFolder } from "./files.ts";
import { columns, fromRow, moduleDigestOf, toValues, type FunctionRecord } from "./function-record.ts";
import { Writer, type Log, type Row } from "./writer.ts";

export type { FunctionRecord } from "./function-record.ts";

/** What the rest of the gateway knows of a catalog, whatever keeps it. */
export interface FunctionCatalog {
  /** Returns a function's record; from memory, so that it may be asked for every call. */
  find(name: string, namespace: string): FunctionRecord | undefined;
  /** Returns the functions of a namespace, or of all, the oldest first, those of one time by name. */
  list(namespace?: string): readonly FunctionRecord[];
  /** Counts the functions that use a module. */
  usersOf(moduleDigest: Digest): number;
  /** Returns the modules that must be kept: those of every function. */
  moduleDigests(): ReadonlySet<Digest>;
  /** Adds a function or replaces the one of that name; durable when it resolves. @throws {GatewayError} STORAGE_FULL */
  put(record: FunctionRecord): Promise<void>;
  /** Removes a function, durably, and tells whether there was one. */
  remove(name: string, namespace: string): Promise<boolean>;
  /** False once closed, or when what is written can no longer be kept; what is in memory is still answered then. */
  readonly isOpen: boolean;
  /** Waits for what was begun. */
  close(): Promise<void>;
}

const sql = {
  load: `SELECT ${columns.join(", ")} FROM functions`,
  put: `INSERT INTO functions (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
    ON CONFLICT (namespace, name) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(", ")}`,
  remove: "DELETE FROM functions WHERE namespace = ? AND name = ?",
} as const;

/** The catalog that SQLite keeps, in DATA_DIR/wasmgate.db. */
export class Catalog implements FunctionCatalog {
  readonly #writer: Writer;
  /** By namespace, then by name. */
  readonly #records = new Map<string, Map<string, FunctionRecord>>();
  /** Modules of rows that cannot be read: somebody may repair them, so their files stay. */
  readonly #unreadable: Digest[] = [];

  private constructor(writer: Writer) {
    this.#writer = writer;
  }

  /**
   * Opens the catalog of a data folder, which is this process's alone until close().
   * @throws {Error} with one sentence for the operator when the folder is in use or the database cannot be opened
   */
  static async open(options: { readonly dataDir: string; readonly log: Log }): Promise<Catalog> {
    const folder = await orStorageFull(() => openDataFolder(options.dataDir));
    const writer = await Writer.open({ path: join(folder, "wasmgate.db"), log: options.log });
    const catalog = new Catalog(writer);
    try {
      await syncFolder(folder);
      for (const row of await writer.read({ sql: sql.load })) catalog.#load(row, options.log);
      return catalog;
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#writer.isOpen;
  }

  find(name: string, namespace: string): FunctionRecord | undefined {
    return this.#records.get(namespace)?.get(name);
  }

  list(namespace?: string): readonly FunctionRecord[] {
    const only = namespace === undefined ? this.#records.values() : [this.#records.get(namespace)];
    return [...only].flatMap((group) => [...(group?.values() ?? [])]).sort(byAge);
  }

  usersOf(moduleDigest: Digest): number {
    const digests = [...this.list().map((record) => record.moduleDigest), ...this.#unreadable];
    return digests.filter((digest) => digest === moduleDigest).length;
  }

  moduleDigests(): ReadonlySet<Digest> {
    return new Set([...this.list().map((record) => record.moduleDigest), ...this.#unreadable]);
  }

  async put(record: FunctionRecord): Promise<void> {
    const values = toValues(record);
    const kept = fromRow(Object.fromEntries(columns.map((column, index) => [column, values[index]])));
    await this.#writer.write([{ sql: sql.put, values }]);
    this.#keep(kept);
  }

  async remove(name: string, namespace: string): Promise<boolean> {
    // Asked of the database even when memory knows no such function: a put() may be on its way before us.
    await this.#writer.write([{ sql: sql.remove, values: [namespace, name] }]);
    return this.#records.get(namespace)?.delete(name) ?? false;
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  #load(row: Row, log: Log): void {
    try {
      this.#keep(fromRow(row));
    } catch (error) {
      const { namespace, name } = row;
      log.error("a function's row cannot be read; deploy it again to repair it", { namespace, name, error });
      const digest = moduleDigestOf(row);
      if (digest !== undefined) this.#unreadable.push(digest);
    }
  }

  #keep(record: FunctionRecord): void {
    const group = this.#records.get(record.namespace);
    if (group === undefined) this.#records.set(record.namespace, new Map([[record.name, record]]));
    else group.set(record.name, record);
  }
}

function byAge(one: FunctionRecord, other: FunctionRecord): number {
  return (
    compare(one.createdAt, other.createdAt) || compare(one.name, other.name) || compare(one.namespace, other.namespace)
  );
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
