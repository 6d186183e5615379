import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { make, repository, type Made } from "./build.ts";

const apps = "experiments/application";
const gcd = `${apps}/gcd/build/gcd.wasm`;
const hello = `${apps}/hello/target/wasm32-wasi/release/hello.wasm`;

const copies = temporaryFolder();

/** Copies the sources of all samples, and nothing that was built, with npm's tools beside them. */
function copyOfSources(): string {
  const copy = mkdtempSync(join(copies, "copy-"));
  const filter = (path: string): boolean => !/^(build|target)/.test(basename(path)) || path.endsWith(".mk");
  for (const folder of [apps, "functions"]) {
    cpSync(join(repository, folder), join(copy, folder), { recursive: true, filter });
  }
  symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
  return copy;
}

const makeApps = (folder: string): Made =>
  make(folder, "-f", `${apps}/build.mk`, "apps", "APPS_RUST=", "APPS_RUST_WASI=");

test("make apps builds what it can and says what the others need", () => {
  const { status, stdout, stderr } = makeApps(copyOfSources());
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("Building: gcd\n");
  expect(stdout).toMatch(new RegExp(`^ +\\d+ bytes {2}${gcd}$`, "m"));
  const needs = "apt-get install rustc libstd-rust-dev-wasm32 lld; or: rustup target add wasm32-wasip1";
  expect(stdout).toContain(`not built  ${hello} (needs: ${needs})\n`);
});

test("make apps builds again only what changed", () => {
  const copy = copyOfSources();
  makeApps(copy);
  expect(makeApps(copy).stdout).not.toContain("Building:");
  writeFileSync(join(copy, apps, "gcd", "gcd.wat"), "(module)");
  expect(makeApps(copy).stdout).toContain("Building: gcd\n");
  expect(readFileSync(join(copy, gcd))).toHaveLength(8);
});

test("make apps fails when a build fails, with the compiler's words and no module", () => {
  const copy = copyOfSources();
  writeFileSync(join(copy, apps, "gcd", "gcd.wat"), "(module (oops))");
  const { status, stderr } = makeApps(copy);
  expect(status).not.toBe(0);
  expect(stderr).toContain("oops");
  expect(existsSync(join(copy, gcd))).toBe(false);
  expect(readdirSync(join(copy, apps, "gcd")).sort()).toEqual(["Dockerfile", "build", "gcd.wat"]);
});

test("make functions names the tools of a language that lacks them", () => {
  const missing = ["FUNCTIONS_HAS_C=", "FUNCTIONS_HAS_WASI=", "FUNCTIONS_HAS_GO="];
  const { status, stdout } = make(copyOfSources(), "-f", "functions/build.mk", "functions", ...missing);
  expect(status).toBe(0);
  expect(stdout).toContain("functions/c/gcd/build/gcd.wasm (needs: apt-get install clang lld)\n");
  expect(stdout).toMatch(/not built {2}functions\/go\/hello\/build\/hello\.wasm \(needs: Go 1\.24/);
  expect(stdout).toMatch(/\d bytes {2}functions\/assemblyscript\/authentication\/build\/authentication\.wasm\n/);
});

test("each sample has the Dockerfile of the recipe", () => {
  const folders = [apps, "functions/c", "functions/assemblyscript", "functions/go"];
  const inside = folders.flatMap((folder) => readdirSync(join(repository, folder)).map((name) => join(folder, name)));
  const samples = inside.filter((path) => existsSync(join(repository, path, "Dockerfile")));
  expect(samples).toHaveLength(7 + 6 + 6 + 4);
  for (const sample of samples) {
    const recipe = `FROM scratch\nADD ${basename(sample)}.wasm /\n`;
    expect(readFileSync(join(repository, sample, "Dockerfile"), "utf8")).toBe(recipe);
  }
});
