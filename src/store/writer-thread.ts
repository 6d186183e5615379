/**
 * The entry of the writer's thread, the only one in the process that runs SQL.
 *
 * It is sent a list of jobs and sends the list of their answers, one for one; null asks it to end. Whatever is thrown
 * here, at start or later, ends the thread and reaches the other side as the worker's error.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Committer, type Job } from "./committer.ts";
import { openDatabase } from "./database.ts";

const port = parentPort;
if (port === null) throw new Error("writer-thread.ts is the entry of a worker thread");

const database = openDatabase(String(workerData));
const committer = new Committer(database);

port.on("message", (jobs: readonly Job[] | null) => {
  if (jobs !== null) {
    port.postMessage(committer.commit(jobs));
    return;
  }
  // The last connection to close moves the log into the database and removes it.
  database.close();
  port.close();
});
