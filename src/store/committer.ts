/**
 * What the writer's thread does with the jobs it is sent: one transaction for all that came together.
 *
 *   BEGIN ── job 1 ── job 2 ── … ── COMMIT (syncs) ──> all answers at once
 *              └ each in a savepoint: a job that fails undoes itself and leaves the others alone
 *
 * When the transaction as a whole fails (a full disk, a deferred constraint), each job is tried by itself, so that the
 * one at fault fails alone. After an error that leaves the disk's state unknown nothing is answered: the thread ends.
 */
import type Database from "better-sqlite3";
import { isFatal } from "./database.ts";
import { errorCode, errorMessage } from "./files.ts";

/** What SQLite stores and returns. */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** One statement. Its text is kept prepared for ever: texts are constants of the program, values go by `?`. */
export type Statement = { readonly sql: string; readonly values?: readonly SqlValue[] };

/** A row by column name; what is in it has to be checked before use. */
export type Row = Readonly<Record<string, unknown>>;

/** What the thread is asked to do. A write is all or nothing; a read sees the writes that were sent before it. */
export type Job =
  | { readonly kind: "write"; readonly statements: readonly Statement[] }
  | { readonly kind: "read"; readonly statement: Statement };

/** How a job ended; an error's class would not survive the way between threads. */
export type Answer =
  | { readonly kind: "done"; readonly rows: readonly Row[] }
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string };

/** Runs jobs on one connection, which it does not close. */
export class Committer {
  readonly #database: Database.Database;
  readonly #prepared = new Map<string, Database.Statement<unknown[], Row>>();

  constructor(database: Database.Database) {
    this.#database = database;
  }

  /**
   * Runs jobs in order and returns their answers when all of it is on disk.
   * @throws what the database threw when the disk's state is unknown; nobody may be told of success then
   */
  commit(jobs: readonly Job[]): readonly Answer[] {
    try {
      return this.#together(jobs);
    } catch (error) {
      if (isFatal(error)) throw error;
      if (jobs.length === 1) return [failed(error)];
      return jobs.flatMap((job) => this.commit([job]));
    }
  }

  #together(jobs: readonly Job[]): readonly Answer[] {
    this.#run({ sql: "BEGIN IMMEDIATE" });
    try {
      const answers = jobs.map((job) => this.#alone(job));
      this.#run({ sql: "COMMIT" });
      return answers;
    } catch (error) {
      if (this.#database.inTransaction) this.#run({ sql: "ROLLBACK" });
      throw error;
    }
  }

  #alone(job: Job): Answer {
    this.#run({ sql: "SAVEPOINT job" });
    try {
      const rows = job.kind === "read" ? this.#run(job.statement) : [];
      if (job.kind === "write") job.statements.forEach((statement) => this.#run(statement));
      this.#run({ sql: "RELEASE job" });
      return { kind: "done", rows };
    } catch (error) {
      // SQLite undoes the whole transaction itself when it runs out of disk or memory.
      if (!this.#database.inTransaction || isFatal(error)) throw error;
      this.#run({ sql: "ROLLBACK TO job" });
      this.#run({ sql: "RELEASE job" });
      return failed(error);
    }
  }

  #run(statement: Statement): readonly Row[] {
    const { sql, values = [] } = statement;
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      prepared = this.#database.prepare<unknown[], Row>(sql);
      this.#prepared.set(sql, prepared);
    }
    if (prepared.reader) return prepared.all(...values);
    prepared.run(...values);
    return [];
  }
}

function failed(error: unknown): Answer {
  return { kind: "failed", code: errorCode(error), message: errorMessage(error) };
}
