/**
 * Makes what is shown of the results that are kept in benches/build/results: the table in benches/README.md, between its two
 * marks, and the picture benches/results.svg. Whatever was not measured on this machine is not in them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { picture } from "./picture.ts";
import { figureText, isReached, type Result, resultsFolder, type Row, shown, targetText } from "./report.ts";

/** Results in the order in which the page explains them. */
const order = [
  ...["invoke-json-pointer", "invoke-wasi", "invoke-scalars", "published-figures", "restore", "fresh-instances"],
  ...["tracking", "cold", "deploy", "deadline", "density", "soak"],
];

const benches = join(import.meta.dirname, "..");
const names = existsSync(resultsFolder) ? readdirSync(resultsFolder).filter((name) => name.endsWith(".json")) : [];
const results = names
  .map((name) => JSON.parse(readFileSync(join(resultsFolder, name), "utf8")) as Result)
  .toSorted((left, right) => order.indexOf(left.bench) - order.indexOf(right.bench));

writeFileSync(join(benches, "results.svg"), picture(results));
const page = join(benches, "README.md");
const marked = /(<!-- results -->\n)[\s\S]*(<!-- end of results -->)/;
const text = readFileSync(page, "utf8");
if (!marked.test(text)) throw new Error(`${page} has no marks to put the table between`);
writeFileSync(
  page,
  text.replace(marked, (_, begin: string, end: string) => `${begin}\n${tables(results)}\n${end}`),
);
process.stdout.write(`\nbenches/results.svg and the table in benches/README.md show ${results.length} results\n`);

function tables(all: readonly Result[]): string {
  if (all.length === 0) return "Nothing was measured yet.\n";
  const where = [...new Set(all.map(({ machine, versions }) => `${machine}; ${versions}`))].map((line) => `${line}.`);
  const head = [
    "| bench | what | subject | baseline | ratio | asked for | |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  const lines = all.flatMap((result) => result.rows.map((row) => line(result, row)));
  const runs = all.map(({ bench, date, settings }) => `${bench} ${date.slice(0, 16).replace("T", " ")} (${settings})`);
  return `${where.join("\n\n")}\n\n${[...head, ...lines].join("\n")}\n\nMeasured (UTC): ${runs.join(", ")}.\n`;
}

function line({ bench }: Result, row: Row): string {
  const verdict = { true: "reached", false: "**not reached**", undefined: "" }[`${isReached(row)}`];
  const cells = [bench, row.name + (row.note === undefined ? "" : ` (${row.note})`), figureText(row.subject)];
  cells.push(
    row.baseline === undefined ? "" : figureText(row.baseline),
    row.ratio === undefined ? "" : shown(row.ratio),
  );
  cells.push(row.target === undefined ? "" : targetText(row.target), verdict);
  return `| ${cells.map((cell) => cell.replaceAll("|", "/")).join(" | ")} |`;
}
