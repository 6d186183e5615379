/**
 * What a bench found: printed for a person, and kept as JSON in benches/build/results, from where publish.ts makes the
 * table and the picture. A ratio is always the subject's number over the baseline's, unless its row says otherwise.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import type { Options } from "./options.ts";

/** One measured number. */
export type Figure = {
  /** What was measured, such as "bare node:http". */
  readonly what: string;
  readonly value: number;
  /** "req/s", "us", "ms", "MiB" … */
  readonly unit: string;
};

/** What one comparison came to. */
export type Row = {
  /** What the two numbers are of, such as "requests/s" or "p99". */
  readonly name: string;
  readonly subject: Figure;
  readonly baseline?: Figure;
  readonly ratio?: number;
  /** What the issue asks for: a bound on the ratio, or on the subject's own number where there is none. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
  readonly note?: string;
};

/** What a bench prints and keeps. */
export type Result = {
  readonly bench: string;
  readonly question: string;
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly settings: string;
  readonly rows: readonly Row[];
};

/** Where results are kept. */
export const resultsFolder = join(import.meta.dirname, "..", "build", "results");

/** Prints what a bench found and keeps it. */
export function report(
  options: Options,
  { bench, question, rows }: { readonly bench: string; readonly question: string; readonly rows: readonly Row[] },
): void {
  const result: Result = {
    ...{ bench, question, date: new Date().toISOString(), machine: machine(), versions: versions(options.checkout) },
    settings: `${options.rounds} rounds of ${options.seconds} s`,
    rows,
  };
  const lines = [`\n${bench}: ${question}`, ...[result.machine, result.versions].map((line) => `  ${line}`)];
  process.stdout.write(`${[...lines, `  ${result.date}, ${result.settings}`, ...rows.map(describe)].join("\n")}\n`);
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(join(resultsFolder, `${bench}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
}

/** Makes a row whose ratio is the subject's number over the baseline's, or the reverse: times faster. */
export function compared(
  name: string,
  { subject, baseline }: { readonly subject: Figure; readonly baseline: Figure },
  more: Pick<Row, "target" | "note"> & { readonly inverse?: boolean } = {},
): Row {
  const { inverse = false, ...rest } = more;
  const ratio = inverse ? baseline.value / subject.value : subject.value / baseline.value;
  return { name, subject, baseline, ratio, ...rest };
}

/** Tells whether a row reaches what is asked of it; undefined when nothing is. */
export function isReached({ ratio, subject, target }: Row): boolean | undefined {
  if (target === undefined) return undefined;
  const value = ratio ?? subject.value;
  return "atLeast" in target ? value >= target.atLeast : value <= target.atMost;
}

/** Says a target in words. */
export function targetText(target: NonNullable<Row["target"]>): string {
  return "atLeast" in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`;
}

/** Writes a number with about three digits that mean something. */
export function shown(value: number): string {
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4);
}

/** Says a figure in words. */
export function figureText({ what, value, unit }: Figure): string {
  return `${what} ${shown(value)} ${unit}`;
}

function describe(row: Row): string {
  const parts = [figureText(row.subject), ...(row.baseline === undefined ? [] : [figureText(row.baseline)])];
  const ratio = row.ratio === undefined ? "" : `; ratio ${shown(row.ratio)}`;
  const verdict = row.target && ` (${targetText(row.target)}: ${isReached(row) ? "reached" : "NOT REACHED"})`;
  const note = row.note === undefined ? "" : `\n      ${row.note}`;
  return `  ${row.name}: ${parts.join(" | ")}${ratio}${verdict ?? ""}${note}`;
}

function machine(): string {
  const [first, ...others] = cpus();
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  return `${others.length + 1} x ${first?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${kernel}`;
}

function versions(checkout: string): string {
  const commit = output("git", ["-C", checkout, "describe", "--always", "--dirty"]);
  const wrk = /wrk \S+/.exec(output("wrk", ["-v"]))?.[0] ?? "no wrk, own loader";
  return `Node ${process.versions.node}, V8 ${process.versions.v8}, ${wrk}, Wasmgate ${commit || "of no commit"}`;
}

/** Runs a program and returns what it printed, however it ended. */
function output(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch (error) {
    // wrk -v prints its version and exits with 1.
    return typeof error === "object" && error !== null && "stdout" in error ? String(error.stdout).trim() : "";
  }
}
