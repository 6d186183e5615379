import { readArguments } from "../src/arguments.ts";
import { digestOf } from "../src/digest.ts";
import { GatewayError } from "../src/errors.ts";
import { Functions, type DeployRequest, type FunctionsOptions } from "../src/functions.ts";
import { parseReference } from "../src/oci/reference.ts";
import type { Image } from "../src/oci/registry.ts";
import type { LogFields } from "../src/log.ts";
import type { LoadedModule, Outcome } from "../src/runtime/protocol.ts";
import type { FunctionRecord } from "../src/store/catalog.ts";
import { defaultModuleLimits, inspect } from "../src/wasm/inspect.ts";
import { sampleRecord } from "./store/sample-record.ts";
import { wat } from "./support/wat.ts";

const info = inspect(wat(`(module (func (export "f") (result i32) i32.const 1))`), defaultModuleLimits);
const loaded = {} as LoadedModule; // nobody looks into it here
const contract = { kind: "scalars", export: "f", params: [], results: ["i32"], wasi: false } as const;
const old = sampleRecord({ name: "f", moduleDigest: digestOf("old"), contract });
const request: DeployRequest = {
  ...{ namespace: "openfaas-fn", name: "f", image: parseReference("127.0.0.1:5000/f:1"), wasiCap: false },
  ...{ limits: {}, env: {}, labels: {}, update: true },
};
const call = {
  namespace: "openfaas-fn",
  name: "f",
  args: readArguments({ text: "{}", value: {} }, "args"),
  limits: {},
};

/** Functions over plain objects, and what was asked of those, in order. */
function scene(change: Partial<FunctionsOptions> = {}, deployed: readonly FunctionRecord[] = []) {
  const asked: string[] = [];
  const changes: { level: string; message: string; fields: LogFields | undefined }[] = [];
  const note = (what: string): void => void asked.push(what);
  const write = (level: string) => (message: string, fields?: LogFields) => {
    if (/^(function \w+|a \w+ failed)$/.test(message)) changes.push({ level, message, fields });
    else note(level === "info" ? message : `${level}: ${message}`);
  };
  const records = new Map(deployed.map((record) => [record.name, record]));
  const returned: Outcome = { kind: "returned", output: Buffer.from("1") };
  const options: FunctionsOptions = {
    dataDir: "/data",
    catalog: {
      find: (name) => records.get(name),
      list: () => [...records.values()],
      moduleDigests: () => new Set(),
      put: async (record) => void records.set(record.name, record),
      remove: async (name) => records.delete(name),
    },
    blobs: {
      path: () => "/data/blob",
      has: async () => true,
      isLinked: async () => false,
      link: async (digest, path) => note(`link ${digest.slice(0, 12)} ${path}`),
      unlink: async (path) => note(`unlink ${path}`),
      sweep: async () => ({ removedFiles: 0, removedBytes: 0 }),
      sweepLinks: async () => 0,
    },
    pulls: {
      pull: async () => ({
        ...{ digest: digestOf("new"), sizeBytes: 6, compiled: { info, loaded }, fetched: true },
        image: { digest: digestOf("image") } as Image, // nobody looks at more of it here
        release: () => note("release"),
      }),
      collect: async (digest) => note(`collect ${digest.slice(0, 12)}`),
    },
    modules: { find: () => loaded, load: async () => ({ info, loaded }) },
    pool: { run: async () => returned },
    log: { info: write("info"), warn: write("warn") },
    limits: { memoryPages: 16, timeoutMs: 1000, outputBytes: 100, stderrBytes: 10 },
    metrics: { countCall: (result) => note(`count ${result}`) },
    ...change,
  };
  return { functions: new Functions(options), options, asked, records, changes };
}

const short = (text: string): string => digestOf(text).slice(0, 12);
const path = "/data/functions/f/f.wasm";
const full = new GatewayError("STORAGE_FULL", "no room");
const leftover = "warn: a file that nobody needs is still there; the next start sweeps it";

describe("deploy()", () => {
  test("takes back the file's name when a new function's row cannot be written", async () => {
    const { options, functions, asked } = scene();
    const failing = new Functions({ ...options, catalog: { ...options.catalog, put: () => Promise.reject(full) } });
    await expect(failing.deploy(request)).rejects.toBe(full);
    expect(asked).toEqual([`link ${short("new")} ${path}`, `unlink ${path}`, "release", `collect ${short("new")}`]);
    await expect(functions.deploy(request)).resolves.toMatchObject({ moduleDigest: digestOf("new") });
  });

  test("gives the file's name back to the old module when an update's row cannot be written", async () => {
    const { options, asked } = scene({}, [old]);
    const failing = new Functions({ ...options, catalog: { ...options.catalog, put: () => Promise.reject(full) } });
    await expect(failing.deploy(request)).rejects.toBe(full);
    expect(asked.slice(0, 2)).toEqual([`link ${short("new")} ${path}`, `link ${short("old")} ${path}`]);
    expect(failing.get("f", "openfaas-fn")).toBe(old);
  });

  test("writes no row when the file cannot get its name", async () => {
    const { options, asked, records } = scene();
    const failing = new Functions({ ...options, blobs: { ...options.blobs, link: () => Promise.reject(full) } });
    await expect(failing.deploy(request)).rejects.toBe(full);
    expect(asked).toEqual(["release", `collect ${short("new")}`]);
    expect(records.size).toBe(0);
  });

  test("has succeeded even if what was there before cannot be removed", async () => {
    const { options, asked } = scene({}, [old]);
    const collect = (): Promise<void> => Promise.reject(new Error("EIO"));
    const functions = new Functions({ ...options, pulls: { ...options.pulls, collect } });
    await expect(functions.deploy(request)).resolves.toMatchObject({ name: "f" });
    expect(asked.filter((each) => each === leftover)).toHaveLength(2);
  });

  test("asks for nothing when the limits are too high", async () => {
    const { functions, asked } = scene();
    await expect(functions.deploy({ ...request, limits: { timeoutMs: 1001 } })).rejects.toMatchObject({
      code: "INVALID_REQUEST",
    });
    expect(asked).toEqual([]);
  });
});

describe("deploy() of a module that cannot be had", () => {
  const cause = new Error("why");

  test.each(["MODULE_INVALID", "MODULE_UNSUPPORTED"] as const)("names the image in %s", async (code) => {
    const { options } = scene();
    const pull = (): Promise<never> => Promise.reject(new GatewayError(code, "too many", { cause }));
    const functions = new Functions({ ...options, pulls: { ...options.pulls, pull } });
    const refusal = { code, message: "127.0.0.1:5000/f:1: too many", cause };
    await expect(functions.deploy(request)).rejects.toMatchObject(refusal);
  });

  test("names the image when no contract fits", async () => {
    const { functions } = scene();
    await expect(functions.deploy({ ...request, exportName: "g" })).rejects.toMatchObject({
      code: "MODULE_UNSUPPORTED",
      message: expect.stringMatching(
        /^127\.0\.0\.1:5000\/f:1: the module exports no function g\. "export" could be: f /,
      ),
    });
  });

  test("passes on as it is what names its image already, and what is no fault of an image", async () => {
    const { options } = scene();
    for (const error of [new GatewayError("IMAGE_NOT_FOUND", "127.0.0.1:5000/f:1: no"), full, cause]) {
      const pulls = { ...options.pulls, pull: () => Promise.reject(error) };
      await expect(new Functions({ ...options, pulls }).deploy(request)).rejects.toBe(error);
    }
  });
});

describe("the log", () => {
  const names = { namespace: "openfaas-fn", function: "f" };
  const image = "127.0.0.1:5000/f:1";

  test("has a line for each deploy, update and delete that succeeded", async () => {
    const { functions, changes } = scene();
    for (const update of [false, true]) await functions.deploy({ ...request, update });
    await functions.remove("f", "openfaas-fn");
    const digests = { digest: digestOf("image"), moduleDigest: digestOf("new") };
    const fields = { ...names, image, ...digests, ms: expect.any(Number) as number };
    const line = (message: string) => ({ level: "info", message, fields });
    expect(changes).toEqual(["function deployed", "function updated", "function deleted"].map(line));
  });

  test("has a line with the code for each that failed", async () => {
    const { options, functions, changes } = scene({}, [old]);
    const cause = new Error("EIO");
    const pull = (): Promise<never> => Promise.reject(new GatewayError("DIGEST_MISMATCH", "other bytes", { cause }));
    const failing = new Functions({ ...options, pulls: { ...options.pulls, pull } });
    await expect(failing.deploy(request)).rejects.toThrow();
    await expect(functions.deploy({ ...request, update: false })).rejects.toThrow();
    await expect(functions.remove("g", "openfaas-fn")).rejects.toThrow();
    functions.close();
    await expect(functions.deploy(request)).rejects.toThrow();
    expect(changes).toMatchObject([
      { level: "warn", message: "a deploy failed", fields: { ...names, image, code: "DIGEST_MISMATCH", cause } },
      { level: "warn", message: "a deploy failed", fields: { ...names, image, code: "FUNCTION_EXISTS" } },
      { level: "warn", message: "a delete failed", fields: { function: "g", code: "FUNCTION_NOT_FOUND" } },
      { level: "warn", message: "a deploy failed", fields: { ...names, code: "SHUTTING_DOWN" } },
    ]);
  });
});

test("remove() has succeeded even if the files cannot be removed", async () => {
  const { options, asked, records } = scene({}, [old]);
  const unlink = (): Promise<void> => Promise.reject(new Error("EIO"));
  const functions = new Functions({ ...options, blobs: { ...options.blobs, unlink } });
  await expect(functions.remove("f", "openfaas-fn")).resolves.toBe(old);
  expect(records.size).toBe(0);
  expect(asked).toEqual([leftover, `collect ${short("old")}`]);
});

test("remove() removes no file when the row cannot be removed", async () => {
  const { options, asked } = scene({}, [old]);
  const failing = new Functions({ ...options, catalog: { ...options.catalog, remove: () => Promise.reject(full) } });
  await expect(failing.remove("f", "openfaas-fn")).rejects.toBe(full);
  expect(asked).toEqual([]);
});

test("close() refuses deploys and removals, and lets calls pass", async () => {
  const { functions } = scene({}, [old]);
  functions.close();
  await expect(functions.deploy(request)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  await expect(functions.remove("f", "openfaas-fn")).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});

describe("invoke()", () => {
  const text = async (functions: Functions): Promise<string> =>
    Buffer.from((await functions.invoke(call)).output).toString();

  test("calls the function that took the old one's place while its module was loaded", async () => {
    const missing = new GatewayError("MODULE_UNAVAILABLE", "gone");
    const { options, records } = scene({}, [old]);
    const next = sampleRecord({ name: "f", moduleDigest: digestOf("next"), contract });
    const called: string[] = [];
    const functions = new Functions({
      ...options,
      modules: {
        find: (digest) => (digest === next.moduleDigest ? loaded : undefined),
        load: async () => {
          records.set("f", next);
          throw missing;
        },
      },
      pool: {
        run: async ({ program }) => {
          called.push(program.digest);
          return { kind: "returned", output: Buffer.from("next") };
        },
      },
    });
    expect(await text(functions)).toBe("next");
    expect(called).toEqual([next.moduleDigest]);
  });

  test("finds nothing when the function was removed while its module was loaded", async () => {
    const { options, records, asked } = scene({}, [old]);
    const load = async (): Promise<never> => {
      records.clear();
      throw new GatewayError("MODULE_UNAVAILABLE", "gone");
    };
    const functions = new Functions({ ...options, modules: { find: () => undefined, load } });
    await expect(text(functions)).rejects.toMatchObject({ code: "FUNCTION_NOT_FOUND" });
    expect(asked).toEqual([]);
  });

  test("counts a call that the queue refuses", async () => {
    const refusal = new GatewayError("QUEUE_FULL", "full");
    const { functions, asked } = scene({ pool: { run: () => Promise.reject(refusal) } }, [old]);
    await expect(text(functions)).rejects.toBe(refusal);
    expect(asked).toEqual(["count rejected"]);
  });

  test("logs what the guest wrote to stderr, also when it fails", async () => {
    const trapped: Outcome = {
      kind: "trapped",
      trap: "unreachable",
      message: "unreachable",
      stderr: Buffer.from("why"),
    };
    const { functions, asked } = scene({ pool: { run: async () => trapped } }, [old]);
    await expect(text(functions)).rejects.toMatchObject({ code: "GUEST_TRAP" });
    expect(asked).toEqual(["count trapped", "guest stderr"]);
  });
});

describe("get()", () => {
  test("names the namespace that was asked for, unless it is the usual one", () => {
    const { functions } = scene();
    expect(() => functions.get("f", "openfaas-fn")).toThrow(/^function f is not deployed$/);
    expect(() => functions.get("f", "other")).toThrow(/^function f is not deployed in namespace other$/);
  });
});

describe("restore()", () => {
  test("says which functions have lost their module, and links the others", async () => {
    const lost = sampleRecord({ name: "lost", moduleDigest: digestOf("lost") });
    const { options, asked } = scene({}, [old, lost]);
    const has = async (digest: string): Promise<boolean> => digest === old.moduleDigest;
    await new Functions({ ...options, blobs: { ...options.blobs, has } }).restore();
    expect(asked).toEqual([
      `link ${short("old")} ${path}`,
      "warn: a function's module is missing; it is pulled again when first called",
    ]);
  });
});
