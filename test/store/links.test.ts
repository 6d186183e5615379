import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { jest } from "@jest/globals";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** What the file system answers to link(), when a test has it refuse. */
let refusal: string | undefined;
const real = await import("node:fs/promises");
jest.unstable_mockModule("node:fs/promises", () => ({
  ...real,
  link: async (from: string, to: string): Promise<void> => {
    if (refusal !== undefined) throw Object.assign(new Error(refusal), { code: refusal });
    await real.link(from, to);
  },
}));
const { functionFile, placeLink, removeLink, sweepLinks } = await import("../../src/store/links.ts");

const folder = real.realpath(temporaryFolder());
let count = 0;
let dataDir: string;
let source: string;

beforeEach(async () => {
  refusal = undefined;
  dataDir = join(await folder, String(++count));
  mkdirSync(dataDir);
  source = join(dataDir, "blob");
  writeFileSync(source, "module");
});

async function place(name: string, namespace = "openfaas-fn"): Promise<string> {
  const path = functionFile(dataDir, name, namespace);
  await placeLink({ source, path, temporary: join(dataDir, "temporary") });
  expect(existsSync(join(dataDir, "temporary"))).toBe(false);
  return path;
}

describe("functionFile()", () => {
  test("is where WasmEngine had it for the default namespace, and apart for others", () => {
    expect(functionFile("/d", "gcd", "openfaas-fn")).toBe("/d/functions/gcd/gcd.wasm");
    expect(functionFile("/d", "gcd", "dev")).toBe("/d/namespaces/dev/functions/gcd/gcd.wasm");
  });
});

describe("placeLink()", () => {
  test.each(["EPERM", "EXDEV", "EMLINK", "EOPNOTSUPP"])("copies where link() answers %s", async (code) => {
    refusal = code;
    const path = await place("copied");
    expect(readFileSync(path, "utf8")).toBe("module");
    await expect(real.stat(path)).resolves.toMatchObject({ nlink: 1 });
  });

  test("fails with any other refusal and leaves nothing behind", async () => {
    refusal = "ENOSPC";
    await expect(place("none")).rejects.toMatchObject({ code: "ENOSPC" });
    expect(readdirSync(join(dataDir, "functions", "none"))).toEqual([]);
    expect(existsSync(join(dataDir, "temporary"))).toBe(false);
  });

  test("refuses a folder on the way that is a symbolic link", async () => {
    mkdirSync(join(dataDir, "outside"));
    symlinkSync(join(dataDir, "outside"), join(dataDir, "functions"));
    await expect(place("hello")).rejects.toThrow("got something else, or a symbolic link");
    expect(readdirSync(join(dataDir, "outside"))).toEqual([]);
  });
});

describe("removeLink()", () => {
  test("removes the file and its folder, and nothing the second time", async () => {
    const [path, other] = [await place("one"), await place("two")];
    await removeLink(dataDir, path);
    await removeLink(dataDir, path);
    expect(readdirSync(join(dataDir, "functions"))).toEqual(["two"]);
    expect(existsSync(other)).toBe(true);
    expect(readFileSync(source, "utf8")).toBe("module");
  });

  test("takes the folders of a namespace with its last function, and never those of the plain one", async () => {
    const [one, two, plain] = [await place("one", "dev"), await place("two", "dev"), await place("plain")];
    await removeLink(dataDir, one);
    expect(readdirSync(join(dataDir, "namespaces", "dev", "functions"))).toEqual(["two"]);
    await removeLink(dataDir, two);
    await removeLink(dataDir, plain);
    expect(readdirSync(join(dataDir, "namespaces"))).toEqual([]);
    expect(readdirSync(join(dataDir, "functions"))).toEqual([]);
  });

  test("leaves the folder of a namespace in which there is something else", async () => {
    const path = await place("one", "dev");
    writeFileSync(join(dataDir, "namespaces", "dev", "notes"), "mine");
    await removeLink(dataDir, path);
    expect(readdirSync(join(dataDir, "namespaces", "dev"))).toEqual(["notes"]);
  });

  test("leaves a folder in which there is something else", async () => {
    const path = await place("one");
    writeFileSync(join(dataDir, "functions", "one", "notes"), "mine");
    await removeLink(dataDir, path);
    expect(readdirSync(join(dataDir, "functions", "one"))).toEqual(["notes"]);
  });

  test("refuses to reach through a symbolic link", async () => {
    const path = await place("one");
    symlinkSync(join(dataDir, "functions", "one"), join(dataDir, "functions", "two"));
    writeFileSync(join(dataDir, "functions", "one", "two.wasm"), "precious");
    await expect(removeLink(dataDir, functionFile(dataDir, "two", "openfaas-fn"))).rejects.toThrow(
      "got a symbolic link to",
    );
    expect(readdirSync(join(dataDir, "functions", "one")).sort()).toEqual(["one.wasm", "two.wasm"]);
    expect(existsSync(path)).toBe(true);
  });
});

describe("sweepLinks()", () => {
  test("removes the files of functions that are gone, of all namespaces, and nothing else", async () => {
    const used = new Set([await place("kept"), await place("kept", "dev")]);
    await place("gone");
    await place("gone", "dev");
    mkdirSync(join(dataDir, "functions", "empty"));
    mkdirSync(join(dataDir, "functions", "notes"));
    writeFileSync(join(dataDir, "functions", "notes", "notes.txt"), "mine");
    symlinkSync(join(dataDir, "functions", "kept"), join(dataDir, "functions", "alias"));
    expect(await sweepLinks(dataDir, used)).toBe(2);
    expect(readdirSync(join(dataDir, "functions")).sort()).toEqual(["alias", "kept", "notes"]);
    expect(readdirSync(join(dataDir, "namespaces", "dev", "functions"))).toEqual(["kept"]);
    expect([...used].every((path) => existsSync(path))).toBe(true);
    expect(await sweepLinks(dataDir, used)).toBe(0);
    mkdirSync(join(dataDir, "namespaces", "crashed", "functions"), { recursive: true });
    expect(await sweepLinks(dataDir, new Set())).toBe(2);
    expect(readdirSync(join(dataDir, "namespaces"))).toEqual([]);
  });
});
