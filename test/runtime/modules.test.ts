import { digestOf } from "../../src/digest.ts";
import type { Compiled } from "../../src/runtime/compiler.ts";
import { Modules } from "../../src/runtime/modules.ts";

const digest = (name: string) => digestOf(name);
const file = (name: string) => ({ path: `/modules/${name}`, digest: digest(name) });

/** A compiler whose modules can be told apart; nothing here looks inside one. */
function countingCompiler(): { compiled: string[]; compile: (file: { path: string }) => Promise<Compiled> } {
  const compiled: string[] = [];
  const compile = async ({ path }: { path: string }): Promise<Compiled> => {
    await Promise.resolve();
    compiled.push(path);
    return { info: {}, loaded: { module: path, memories: [] } } as unknown as Compiled;
  };
  return { compiled, compile };
}

describe("Modules", () => {
  test("compiles once for all who load a module at the same time", async () => {
    const { compiled, compile } = countingCompiler();
    const modules = new Modules({ compile, maxBytes: 100 });
    const [one, other] = await Promise.all([modules.load(file("a"), 10), modules.load(file("a"), 10)]);
    expect(one).toBe(other);
    expect(compiled).toEqual(["/modules/a"]);
    expect(modules.find(digest("a"))).toBe(one.loaded);
  });

  test("tries again after a failure", async () => {
    let fail = true;
    const { compile } = countingCompiler();
    const modules = new Modules({
      compile: (which) => (fail ? Promise.reject(new Error("broken")) : compile(which)),
      maxBytes: 100,
    });
    await expect(modules.load(file("a"), 10)).rejects.toThrow("broken");
    expect(modules.find(digest("a"))).toBeUndefined();
    fail = false;
    await expect(modules.load(file("a"), 10)).resolves.toBeDefined();
  });

  test("lets go of the least recently used when their bytes are too many, and always keeps the newest", async () => {
    const { compile } = countingCompiler();
    const modules = new Modules({ compile, maxBytes: 25 });
    await modules.load(file("a"), 10);
    await modules.load(file("b"), 10);
    modules.find(digest("a"));
    await modules.load(file("c"), 10);
    expect(["a", "b", "c"].map((name) => modules.find(digest(name)) !== undefined)).toEqual([true, false, true]);
    await modules.load(file("huge"), 1000);
    expect(["a", "c", "huge"].map((name) => modules.find(digest(name)) !== undefined)).toEqual([false, false, true]);
  });
});
