/**
 * Our side of the writer's thread: whoever calls write() goes on with its own work while the thread waits for the disk.
 *
 *   write() write() write() ──> waiting ──> underway ──> the thread: one transaction, one sync ──> answers
 *                                  ^            │
 *                                  └────────────┘  one batch at a time, so all that comes during a sync shares the next
 *
 * It knows no table: catalog.ts has its statements, and so will the queue and the state of later. The thread's end, for
 * whatever reason, rejects all that was not answered: such a write may or may not be on disk, nobody was told it is.
 */
import { Worker } from "node:worker_threads";
import { GatewayError } from "../errors.ts";
import type { Answer, Job, Row, Statement } from "./committer.ts";

export type { Row, SqlValue, Statement } from "./committer.ts";

/** What the store needs of a log. */
export type Log = { readonly error: (message: string, details: Record<string, unknown>) => unknown };

type Pending = {
  readonly job: Job;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: Error) => void;
};

/** The database, reached through its thread. Owns both; close() ends them. */
export class Writer {
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #ended = Promise.withResolvers<void>();
  #waiting: Pending[] = [];
  #underway: Pending[] = [];
  #state: "starting" | "open" | "closing" | "ended" = "starting";
  #failure: Error | undefined;

  private constructor(worker: Worker, log: Log) {
    this.#worker = worker;
    this.#log = log;
    worker.on("message", (answers: readonly Answer[]) => this.#settle(answers));
    worker.on("error", (error: Error) => (this.#failure = error));
    worker.on("exit", () => this.#end());
  }

  /**
   * Opens the database at `path`, whose folder exists.
   * @throws {Error} with one sentence for the operator, see openDatabase()
   */
  static async open(options: { readonly path: string; readonly log: Log }): Promise<Writer> {
    const entry = import.meta.url.endsWith(".ts") ? "./writer-thread.ts" : "./writer-thread.js";
    const worker = new Worker(new URL(entry, import.meta.url), { workerData: options.path, env: {} });
    const writer = new Writer(worker, options.log);
    try {
      // Answered once the thread has opened the database, locked it and brought it up to date.
      await writer.#send({ kind: "read", statement: { sql: "SELECT 1" } });
      writer.#state = "open";
      return writer;
    } catch (error) {
      throw writer.#failure ?? error;
    }
  }

  /** False once close() was called or the thread has ended. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /**
   * Runs statements as one, all or none, after everything that was sent before; resolves when they are on disk.
   * @throws {GatewayError} STORAGE_FULL, SHUTTING_DOWN
   * @throws {Error} SQLite's refusal, such as a constraint, or the thread's end
   */
  async write(statements: readonly Statement[]): Promise<void> {
    this.#expectOpen();
    await this.#send({ kind: "write", statements });
  }

  /**
   * Runs a query after everything that was sent before, and returns all its rows at once.
   * @throws {GatewayError} SHUTTING_DOWN
   */
  async read(statement: Statement): Promise<readonly Row[]> {
    this.#expectOpen();
    return this.#send({ kind: "read", statement });
  }

  /** Takes no more work, waits for what was sent, and closes the database. */
  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#next();
    }
    await this.#ended.promise;
  }

  #expectOpen(): void {
    if (this.#failure !== undefined) throw this.#unavailable();
    if (!this.isOpen) throw new GatewayError("SHUTTING_DOWN", "the database is closed, or closing");
  }

  #send(job: Job): Promise<readonly Row[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Row[]>();
    this.#waiting.push({ job, resolve, reject });
    this.#next();
    return promise;
  }

  /** Sends what waits unless something is under way, whose end comes back here. */
  #next(): void {
    if (this.#underway.length > 0) return;
    this.#underway = this.#waiting;
    this.#waiting = [];
    if (this.#underway.length > 0) this.#post(this.#underway.map((pending) => pending.job));
    else if (this.#state === "closing") this.#worker.postMessage(null);
  }

  #post(jobs: readonly Job[]): void {
    try {
      this.#worker.postMessage(jobs);
    } catch (error) {
      // A value that cannot be sent, such as the bytes of a detached buffer: nothing of this batch was.
      this.#settle(jobs.map(() => ({ kind: "failed", code: undefined, message: String(error) })));
    }
  }

  #settle(answers: readonly Answer[]): void {
    const settled = this.#underway;
    this.#underway = [];
    settled.forEach(({ resolve, reject }, index) => {
      const answer = answers[index];
      if (answer?.kind === "done") resolve(answer.rows);
      else reject(refusal(answer));
    });
    this.#next();
  }

  #end(): void {
    const pending = [...this.#underway, ...this.#waiting];
    if (this.#state !== "closing" || pending.length > 0) this.#failure ??= new Error("the thread ended by itself");
    if (this.#failure !== undefined && this.#state !== "starting") {
      const details = { error: this.#failure, unansweredJobs: pending.length };
      this.#log.error("the database's thread has ended", details);
    }
    this.#state = "ended";
    this.#underway = [];
    this.#waiting = [];
    for (const { reject } of pending) reject(this.#unavailable());
    this.#ended.resolve();
  }

  #unavailable(): Error {
    return new Error("the database's thread has ended; a restart reads what is on disk", { cause: this.#failure });
  }
}

function refusal(answer: Answer | undefined): Error {
  if (answer?.kind !== "failed") return new Error("the database's thread answered fewer jobs than it was sent");
  if (answer.code === "SQLITE_FULL") {
    return new GatewayError(
      "STORAGE_FULL",
      `expected room for the database on the data folder's disk: ${answer.message}`,
    );
  }
  return new Error(answer.code === undefined ? answer.message : `${answer.code}: ${answer.message}`);
}
