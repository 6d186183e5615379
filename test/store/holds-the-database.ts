/** A process of its own that opens the database whose path it is given, says so, and keeps it until it is killed. */
import { Writer } from "../../src/store/writer.ts";

const writer = await Writer.open({ path: process.argv[2] ?? "", log: console });
await writer.write([{ sql: "CREATE TABLE held (a)" }, { sql: "INSERT INTO held VALUES (1)" }]);
console.log("open");
