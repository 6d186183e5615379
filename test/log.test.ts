import { Writable } from "node:stream";
import { createLog } from "../src/log.ts";

function logged(level: "error" | "warn" | "info" | "debug" = "info") {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      setImmediate(done);
    },
  });
  const log = createLog({ level, stream });
  const lines = async () => {
    await log.close();
    return written
      .join("")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
  };
  return { log, lines, stream };
}

describe("createLog()", () => {
  test("writes one JSON object a line", async () => {
    const { log, lines } = logged();
    log.info("two\nlines", { port: 7, big: 9007199254740993n, nested: { a: [1] } });
    log.warn("second");
    expect(await lines()).toEqual([
      {
        time: expect.any(String),
        level: "info",
        message: "two\nlines",
        port: 7,
        big: "9007199254740993",
        nested: { a: [1] },
      },
      { time: expect.any(String), level: "warn", message: "second" },
    ]);
  });

  test("leaves out what weighs less than its level", async () => {
    const { log, lines } = logged("warn");
    log.debug("d");
    log.info("i");
    log.warn("w");
    log.error("e");
    expect(await lines()).toEqual([
      expect.objectContaining({ message: "w" }),
      expect.objectContaining({ message: "e" }),
    ]);
  });

  test("writes errors with code, stack and cause", async () => {
    const { log, lines } = logged();
    const cause = Object.assign(new Error("no route"), { code: "EHOSTUNREACH" });
    log.error("failed", { error: new TypeError("outer", { cause }) });
    expect(await lines()).toEqual([
      expect.objectContaining({
        error: expect.objectContaining({
          name: "TypeError",
          message: "outer",
          stack: expect.stringContaining("log.test.ts"),
          cause: expect.objectContaining({ message: "no route", code: "EHOSTUNREACH" }),
        }),
      }),
    ]);
  });

  test("writes an error that came from another thread, which node rebuilds without making it one", async () => {
    const { log, lines } = logged();
    const property = (value: string) => ({ value, enumerable: false });
    const rebuilt: unknown = Object.create(Error.prototype, {
      message: property("in use"),
      stack: property("at open"),
    });
    log.error("failed", { error: rebuilt });
    expect(Error.isError(rebuilt)).toBe(false);
    expect(await lines()).toEqual([
      expect.objectContaining({ error: expect.objectContaining({ message: "in use", stack: "at open" }) }),
    ]);
  });

  test("says so when fields cannot be written", async () => {
    const { log, lines } = logged();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    log.info("kept", { circle });
    expect(await lines()).toEqual([
      expect.objectContaining({ message: "kept", unwritable: expect.stringContaining("circular") }),
    ]);
  });

  test("has written everything when closed", async () => {
    const { log, lines } = logged();
    for (let count = 0; count < 100; count++) log.info(`line ${count}`);
    expect(await lines()).toHaveLength(100);
  });

  test("survives a reader that goes away", () => {
    const { log, stream } = logged();
    expect(() => stream.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }))).not.toThrow();
    expect(() => log.info("still here")).not.toThrow();
  });
});
