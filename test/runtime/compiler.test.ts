import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/digest.ts";
import { Arena } from "../../src/runtime/arena.ts";
import { Compiler, type ModuleFile } from "../../src/runtime/compiler.ts";
import { defaultModuleLimits } from "../../src/wasm/limits.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { wat } from "../support/wat.ts";

const folder = temporaryFolder();
const open: Compiler[] = [];
const compilerOf = (change: Partial<ConstructorParameters<typeof Compiler>[0]> = {}): Compiler => {
  const compiler = new Compiler({
    timeoutMs: 20_000,
    limits: defaultModuleLimits,
    rewrittenFolder: join(folder, "rewritten"),
    arena: new Arena(16),
    memoryPages: 4096,
    verifyRestore: false,
    ...change,
  });
  open.push(compiler);
  return compiler;
};
afterEach(() => Promise.all(open.splice(0).map((compiler) => compiler.close())));

function fileOf(bytes: Uint8Array, digest = digestOf(bytes)): ModuleFile {
  const path = join(folder, digestOf(bytes).slice(7));
  writeFileSync(path, bytes);
  return { path, digest };
}

const sound = wat(`(module (memory 2 5) (func (export "f") (result i32) i32.const 1))`);
const illTyped = Buffer.concat([
  wat("(module)"),
  Buffer.from([1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b]),
]);

describe("compile()", () => {
  test("returns what a module is and what can be instantiated, its memory left to the host", async () => {
    const { info, loaded } = await compilerOf().compile(fileOf(sound));
    expect(info.exports.map(({ name }) => name)).toEqual(["f"]);
    expect(loaded).toMatchObject({ kind: "recyclable", image: { at: 0, pages: 2 }, initialized: [] });
    if (loaded.kind !== "recyclable") throw new Error("not recyclable");
    expect(loaded.tracked.imports.memory).toMatchObject({ minPages: 2, maxPages: 5 });
  });

  test.each([
    ["data beyond its memory", `(module (memory 1) (data (i32.const 65536) "x") (func (export "f")))`],
    ["data beyond any memory", `(module (memory 1) (data (i32.const 0x7fff0000) "x") (func (export "f")))`],
  ])("uses no instance twice of a module with %s", async (_what, source) => {
    const { loaded } = await compilerOf().compile(fileOf(wat(source)));
    expect(loaded).toMatchObject({ kind: "single-use", reason: "cannot be instantiated as it is" });
  });

  test.each<readonly [string, ModuleFile, string, RegExp]>([
    ["missing", { path: join(folder, "none"), digest: digestOf("x") }, "MODULE_UNAVAILABLE", /is missing$/],
    ["damaged", fileOf(sound, digestOf("x")), "MODULE_UNAVAILABLE", /is damaged: its digest is sha256:/],
    ["no module", fileOf(Buffer.from("text")), "MODULE_INVALID", /./],
    ["refused by V8", fileOf(illTyped), "MODULE_INVALID", /./],
    ["a component", fileOf(Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0])), "IMAGE_UNSUPPORTED", /component/],
  ])("refuses a file that is %s", async (_what, file, code, message) => {
    await expect(compilerOf().compile(file)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  test("gives up when it takes too long", async () => {
    const compiler = compilerOf({ timeoutMs: 1 });
    // The thread itself takes longer than that to start.
    await expect(compiler.compile(fileOf(sound))).rejects.toMatchObject({
      code: "MODULE_INVALID",
      message: expect.stringMatching(/^compiling module sha256:[0-9a-f]{64} took longer than 0\.001 s$/) as string,
    });
  });
});

test("close() ends what is compiled and what waits, and refuses what comes later, as the gateway's stop", async () => {
  const compiler = compilerOf();
  const all = [1, 2, 3].map(() => compiler.compile(fileOf(sound)));
  const refused = all.map((each) => expect(each).rejects.toMatchObject({ code: "SHUTTING_DOWN" }));
  await compiler.close();
  await Promise.all(refused);
  await expect(compiler.compile(fileOf(sound))).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});
