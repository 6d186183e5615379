/**
 * The baseline of the HTTP benches: node:http that reads a body, parses it as JSON, looks a function up by name, and
 * answers the bytes that the gateway answers. One thread, no guest, nothing else.
 *
 *   node bare-server.ts '{"port": 1234, "functions": ["authentication"], "headers": {…}, "answer": "…"}'
 */
import { createServer } from "node:http";

/** What the server is told. */
export type BareServer = {
  readonly port: number;
  readonly functions: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: string;
};

const { port, functions, headers, answer } = JSON.parse(process.argv[2] ?? "{}") as BareServer;
const known = new Set(functions);
const bytes = Buffer.from(answer);
const allHeaders = { ...headers, "content-length": String(bytes.byteLength) };

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.end("ready");
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.once("end", () => {
    const only = chunks.length === 1 ? chunks[0] : undefined;
    const call = JSON.parse((only ?? Buffer.concat(chunks)).toString("utf8")) as {
      function_name?: string;
      args?: object;
    };
    const ok = call.function_name !== undefined && known.has(call.function_name) && call.args !== undefined;
    if (!ok) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, allHeaders);
    response.end(bytes);
  });
});
server.listen(port, "127.0.0.1");
process.once("SIGTERM", () => process.exit(0));
