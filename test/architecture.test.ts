import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const src = join(import.meta.dirname, "..", "src");
const files = globSync("**/*.ts", { cwd: src, exclude: ["**/*.d.ts"] }).sort();

/** What each part of src/ may import besides itself: from the process down to the facts. A new part needs a row. */
const facts = [
  "errors.ts",
  "digest.ts",
  "arguments.ts",
  "quantities.ts",
  "required-paths.ts",
  "together.ts",
  "turns.ts",
];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["gateway.ts", "config.ts", "log.ts", "access", "errors.ts"],
  "gateway.ts": [
    "config.ts",
    "http",
    "warm.ts",
    "functions.ts",
    "pulls.ts",
    "required-paths.ts",
    "access",
    "oci",
    "store",
    "wasm",
    "runtime",
  ],
  http: ["functions.ts", "access", "oci/reference.ts", ...facts],
  "warm.ts": ["functions.ts"],
  "functions.ts": ["deployment.ts", "pulls.ts", "loader.ts", "calls.ts", "oci", "store", "wasm", "runtime", ...facts],
  "deployment.ts": ["calls.ts", "pulls.ts", "oci", "store", "wasm", "runtime", ...facts],
  "pulls.ts": ["oci", "store", "wasm", "runtime", ...facts],
  "loader.ts": ["pulls.ts", "oci", "store", "runtime", ...facts],
  "calls.ts": ["store", "wasm", "runtime", ...facts],
  access: facts,
  oci: facts,
  store: ["wasm/contract.ts", ...facts],
  runtime: ["wasm", ...facts],
  wasm: facts,
  "config.ts": ["settings.ts", "setting.ts"],
  "settings.ts": ["setting.ts"],
  "setting.ts": ["quantities.ts"],
  "log.ts": [],
  "metrics.ts": [],
  "digest.ts": ["errors.ts"],
  "arguments.ts": ["errors.ts"],
  "quantities.ts": [],
  "required-paths.ts": [],
  "together.ts": [],
  "turns.ts": [],
  "errors.ts": [],
};
/** Given to whoever asks for one; they know nobody. */
const everywhere = ["log.ts", "metrics.ts"];

/** The one place of each library. */
const owners: Readonly<Record<string, RegExp>> = {
  express: /^http\//,
  "better-sqlite3": /^store\//,
  piscina: /^runtime\/(?:threads|compiler)\.ts$/,
  undici: /^oci\/transport\.ts$/,
  "tar-stream": /^oci\//,
  "@bjorn3/browser_wasi_shim": /^runtime\/wasi\//,
  zod: /^(?:config|settings|setting)\.ts$|^http\/|^oci\//,
  winston: /^log\.ts$/,
  "prom-client": /^metrics\.ts$/,
};

/** Where a thread begins, and what must not get into it. */
const entries = files.filter((file) => /(?:^|[-/])(?:worker|thread)\.ts$/.test(file));
const heavy = ["express", "zod", "winston", "piscina", "prom-client", "undici", "tar-stream"];

type Import = { readonly from: string; readonly to: string; readonly isType: boolean };
const imports = files.flatMap(importsOf);
const inside = imports.filter(({ to }) => !isLibrary(to));

describe("the house", () => {
  test("imports only from left to right", () => {
    expect([...new Set(files.map(partOf))].filter((part) => !(part in mayImport))).toEqual([]);
    expect(inside.filter(({ from, to }) => !isAllowed(from, to)).map(draw)).toEqual([]);
  });

  test("has no circles", () => {
    expect(files.map((file) => circleFrom(file, [file])).filter((circle) => circle !== undefined)).toEqual([]);
  });

  test("keeps each library in one place", () => {
    const strays = imports.filter(({ from, to }) => isLibrary(to) && !(owners[to]?.test(from) ?? false));
    expect(strays.map(draw)).toEqual([]);
  });

  test("keeps what a guest's thread does not need out of it", () => {
    expect(entries).not.toEqual([]);
    const loaded = entries.flatMap((entry) => [...reachable(entry)].map((to) => ({ from: entry, to })));
    expect(loaded.filter(({ to }) => heavy.includes(to)).map(draw)).toEqual([]);
    const sqlite = loaded.filter(({ from, to }) => to === "better-sqlite3" && !from.startsWith("store/"));
    expect(sqlite.map(draw)).toEqual([]);
  });

  test("reads the environment in one place and ends the process in one", () => {
    expect(files.filter((file) => /process\.env\b/.test(codeOf(file)))).toEqual(["config.ts"]);
    expect(files.filter((file) => /process\.exit\(/.test(codeOf(file)) && file !== "main.ts")).toEqual([]);
  });

  test("names files after what is in them", () => {
    const vague = /(?:^|\/)(?:index|utils?|helpers?|common|types|interfaces|services?)(?:\.ts|\/)/;
    expect(files.filter((file) => vague.test(file) || !/^[a-z0-9-/]+\.ts$/.test(file))).toEqual([]);
  });
});

function importsOf(from: string): Import[] {
  const found = codeOf(from).matchAll(
    /^(?:import|export)\s+(type\s)?[^;"']*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm,
  );
  return [...found].flatMap(([, type, named, bare, lazy]) => {
    const to = named ?? bare ?? lazy ?? "";
    if (to.startsWith("node:")) return [];
    const target = to.startsWith(".") ? relative(src, join(src, dirname(from), to)) : to;
    return [{ from, to: target, isType: type !== undefined }];
  });
}

function codeOf(file: string): string {
  return readFileSync(join(src, file), "utf8").replace(/(?<=^|\s)(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm, "");
}

function isLibrary(to: string): boolean {
  return !to.endsWith(".ts") && !to.endsWith(".js");
}

function partOf(file: string): string {
  return file.split("/")[0] ?? file;
}

function isAllowed(from: string, to: string): boolean {
  const part = partOf(from);
  if (part === partOf(to) || everywhere.includes(to)) return true;
  return (mayImport[part] ?? []).some((allowed) => allowed === to || allowed === partOf(to));
}

/** Follows imports of values and types alike, and returns the first way back to where it began. */
function circleFrom(start: string, way: readonly string[]): string | undefined {
  const seen = new Set<string>();
  const follow = (file: string, path: readonly string[]): string | undefined => {
    for (const { to } of inside.filter(({ from }) => from === file)) {
      if (to === start) return [...path, to].join(" -> ");
      if (seen.has(to)) continue;
      seen.add(to);
      const circle = follow(to, [...path, to]);
      if (circle !== undefined) return circle;
    }
    return undefined;
  };
  return follow(start, way);
}

/** What is loaded along with a file: types are erased. */
function reachable(file: string, seen = new Set<string>()): Set<string> {
  for (const { to } of imports.filter(({ from, isType }) => from === file && !isType)) {
    if (seen.has(to)) continue;
    seen.add(to);
    reachable(to, seen);
  }
  return seen;
}

function draw({ from, to }: { readonly from: string; readonly to: string }): string {
  return `${from} -> ${to}`;
}
