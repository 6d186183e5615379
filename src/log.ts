/**
 * The process's log: one JSON object a line on stdout, made by winston.
 *
 *   {"time":"2026-01-02T03:04:05.678Z","level":"error","message":"…","requestId":"…","error":{"message":…,"stack":…}}
 *
 * Fields are the caller's to choose; Errors among them are written out with code, stack and cause, since JSON.stringify
 * would leave an Error empty. Nothing here knows what must stay secret: do not log it.
 */
import { createLogger, format, transports } from "winston";

/** How much an event weighs. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** What an event says beside its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes events; each folder asks for the methods it uses. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** Resolves when everything logged so far has left the process; nothing may be logged afterwards. */
  close(): Promise<void>;
}

/** Makes a log that writes events of a level and above to a stream, stdout unless told otherwise. */
export function createLog(options: { readonly level: LogLevel; readonly stream?: NodeJS.WritableStream }): Log {
  const stream = options.stream ?? process.stdout;
  const logger = createLogger({
    level: options.level,
    format: format.printf(({ level, message, fields }) => line(level, message, fields)),
    transports: [new transports.Stream({ stream, eol: "\n" })],
  });
  // A reader that goes away (EPIPE) must not take the gateway with it; there is nobody left to tell.
  stream.on("error", () => undefined);
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      logger.log({ level, message, fields });
    };
  return {
    error: write("error"),
    warn: write("warn"),
    info: write("info"),
    debug: write("debug"),
    close: async () => {
      await new Promise<void>((resolve) => {
        logger.once("finish", resolve);
        logger.end();
      });
      // Writes to a stream are answered in order, so an empty one is answered when all before it are out.
      await new Promise<void>((resolve) => stream.write("", () => resolve()));
    },
  };
}

function line(level: string, message: unknown, fields: unknown): string {
  const event = { time: new Date().toISOString(), level, message, ...(fields as LogFields) };
  try {
    return JSON.stringify(event, (_key, value: unknown) => plain(value));
  } catch (error) {
    return JSON.stringify({ time: event.time, level, message, unwritable: String(error) });
  }
}

/** Turns what JSON lacks into what it has. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  // Node rebuilds an error of another thread as an object that has an Error's prototype and no more.
  if (!Error.isError(value) && !(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const code: unknown = Reflect.get(value, "code");
  return { name, message, code, stack, cause };
}
