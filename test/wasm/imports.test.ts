import { WASI } from "@bjorn3/browser_wasi_shim";
import { checkImports, preview1Parameters, shown } from "../../src/wasm/imports.ts";
import { defaultModuleLimits, inspect } from "../../src/wasm/inspect.ts";
import { refusalOf } from "../support/refusal.ts";
import { wat } from "../support/wat.ts";

function check(source: string, wasiCap = true): boolean {
  return checkImports(inspect(wat(`(module ${source})`), defaultModuleLimits).imports, wasiCap);
}

const exit = `(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))`;

describe("checkImports()", () => {
  test("tells whether a module imports WASI", () => {
    expect(check("")).toBe(false);
    expect(check("", false)).toBe(false);
    expect(check(exit)).toBe(true);
  });

  test("refuses WASI without the grant, and says how to give it", () => {
    const refusal = refusalOf(() => check(exit, false));
    expect(refusal.code).toBe("MODULE_UNSUPPORTED");
    expect(refusal.message).toBe(`the module imports WASI, which it is not granted: deploy it with "wasi_cap": true`);
  });

  test.each([
    ["wasi_unstable", "fd_write", "preview 1 (wasm32-wasip1)"],
    ["wasi:http/types@0.2.0", "[constructor]fields", "interfaces of components"],
    ["wasi", "thread-spawn", "without threads"],
    ["wasi_ephemeral_nn", "load", "proposal"],
    ["wasmgate", "log", "kept for what a gateway gives"],
    ["env", "abort", "asc --use abort="],
    ["env", "__memory_base", "link it statically"],
    ["env", "missing", "left undefined"],
    ["wbg", "__wbg_log", "wasm-bindgen"],
    ["gojs", "runtime.wasmExit", "GOOS=wasip1"],
    ["a", "b", "only wasi_snapshot_preview1 can be imported from."],
  ])("refuses an import of %s.%s with what to do about it", (module, name, remedy) => {
    const refusal = refusalOf(() => check(`(import "${module}" "${name}" (func))`));
    expect(refusal.code).toBe("MODULE_UNSUPPORTED");
    expect(refusal.message).toContain(`${module}.${name}`);
    expect(refusal.message).toContain(remedy);
  });

  test("names the first foreign imports and counts the others", () => {
    const imports = Array.from({ length: 8 }, (_, index) => `(import "a" "f${index}" (func))`).join("");
    expect(refusalOf(() => check(exit + imports)).message).toBe(
      "the module imports a.f0, a.f1, a.f2, a.f3, a.f4 and 3 more; only wasi_snapshot_preview1 can be imported from.",
    );
  });

  test.each([
    ["a name that WASI does not have", `"fd_teleport" (func (result i32))`],
    ["a name of every object", `"constructor" (func (result i32))`],
    ["a parameter too few", `"fd_close" (func (result i32))`],
    ["a parameter of another type", `"fd_seek" (func (param i32 i32 i32 i32) (result i32))`],
    ["a reference", `"fd_close" (func (param externref) (result i32))`],
    ["a result where there is none", `"proc_exit" (func (param i32) (result i32))`],
    ["no result where there is one", `"fd_close" (func (param i32))`],
    ["a memory", `"fd_close" (memory 1)`],
    ["a global", `"fd_close" (global i32)`],
  ])("refuses %s under WASI's name", (_title, imported) => {
    const refusal = refusalOf(() => check(`(import "wasi_snapshot_preview1" ${imported})`));
    expect(refusal.code).toBe("MODULE_UNSUPPORTED");
    expect(refusal.message).toContain("has no function of that name and type: wasi_snapshot_preview1.");
  });

  test("knows every function of the host's library, and no parameter fewer than it reads", () => {
    const host = Object.entries(new WASI([], [], []).wasiImport);
    expect(host.map(([name]) => name).sort()).toEqual(Object.keys(preview1Parameters).sort());
    for (const [name, implementation] of host) {
      expect(preview1Parameters[name]?.length).toBeGreaterThanOrEqual(implementation.length);
    }
  });
});

describe("shown()", () => {
  test("makes a hostile name harmless and short", () => {
    expect(shown("fd_write")).toBe("fd_write");
    expect(shown("a b")).toBe('"a b"');
    expect(shown("\u001b[2J\u202e")).toBe('"\\u001b[2J?"');
    expect(shown("x".repeat(1000))).toBe(`${"x".repeat(60)}…`);
  });
});
