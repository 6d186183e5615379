import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { configTable } from "../src/config.ts";

const root = join(import.meta.dirname, "..");

describe("the README", () => {
  test("lists every setting with its default and what it is, in the schema's order", () => {
    const rows = [...read("README.md").matchAll(/^\| `(WASMGATE_\w+)` +\| (.*?) +\| (.*?) +\|$/gm)];
    const listed = rows.map(([, name, defaultText, about]) => ({ name, defaultText, about }));
    const schema = configTable.map(({ name, defaultText, about }) => {
      return { name, defaultText: defaultText === "" ? "–" : `\`${defaultText}\``, about };
    });
    expect(listed).toEqual(schema);
  });

  test("names no setting that does not exist", () => {
    const known = new Set([...configTable.map(({ name }) => name), "WASMGATE_URL"]);
    const named = new Set(read("README.md").match(/\bWASMGATE_\w*\w/g));
    // WASMGATE_ alone is the prefix.
    expect([...named].filter((name) => name !== "WASMGATE_" && !known.has(name))).toEqual([]);
  });

  test("links, as all pages do, to files that are there", () => {
    const pages = globSync("**/*.md", { cwd: root, exclude: ["node_modules", "**/node_modules"] });
    expect(pages).toContain("README.md");
    const links = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link]) => ({ page, link: link ?? "" })),
    );
    expect(links.filter(({ page, link }) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});

describe("the map of src/", () => {
  test("names every file that is there, and none that is not", () => {
    const tree = /```\n(start\.js[\s\S]*?)```/.exec(read("src/README.md"))?.[1] ?? "";
    const named = new Set(tree.match(/[a-z-]+(?:\.d)?\.(?:ts|js)\b/g));
    const there = new Set(globSync("**/*.{ts,js}", { cwd: join(root, "src") }).map((file) => basename(file)));
    expect([...named].toSorted()).toEqual([...there].toSorted());
  });
});

describe("make help", () => {
  const help = execFileSync("make", ["--no-print-directory", "help"], { cwd: root, encoding: "utf8" });

  test("has a line for each target of the Makefile", () => {
    const phony = [...read("Makefile").matchAll(/^\.PHONY:(.*)$/gm)].flatMap(([, names]) => names?.trim().split(/\s+/));
    expect(phony).toEqual(
      expect.arrayContaining(["run", "test", "check", "functions", "apps", "bench", "image", "clean"]),
    );
    const described = [...help.matchAll(/^ {2}make ([a-z]+) +\S/gm)].map(([, name]) => name);
    expect(described.toSorted()).toEqual(phony.toSorted());
  });
});

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
