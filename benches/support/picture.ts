/**
 * The ratios as a picture: a bar for each, from 1, which is its baseline, to what was measured, on a logarithmic axis; a
 * tick where it was asked to be.
 *
 *   authentication: requests/s        ▕████▏     |            0.93   at least 0.85
 */
import { isReached, type Result, type Row, shown, targetText } from "./report.ts";

type Bar = { readonly label: string; readonly row: Row & { readonly ratio: number } };

const width = 960;
const rowHeight = 24;
const top = 64;
const left = 400;
const right = 730;
const [least, most] = [0.1, 100];
const colours = { true: "#2a7f4f", false: "#b3402a", undefined: "#7a8694" };

/** Draws the ratios of results that were asked for, or that say how many times faster something is. */
export function picture(results: readonly Result[]): string {
  const bars = results.flatMap(barsOf);
  const height = top + bars.length * rowHeight + 34;
  const dates = results.map(({ date }) => date.slice(0, 10)).toSorted();
  const about =
    results.length === 0
      ? "Nothing was measured yet."
      : `${results[0]?.machine}; ${[...new Set([dates[0], dates.at(-1)])].join(" to ")}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    `  font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Ratios of benches to their baselines">`,
    `<rect width="${width}" height="${height}" rx="6" fill="#ffffff"/>`,
    text(16, 24, "Ratio to the baseline of the same run", { size: 15, weight: "bold" }),
    text(16, 43, about, { fill: "#5b6672" }),
    ...[0.1, 1, 10, 100].map((value) => axis(value, height - 26)),
    ...bars.map((bar, index) => drawn(bar, top + index * rowHeight)),
    "</svg>\n",
  ].join("\n");
}

function barsOf({ bench, rows }: Result): Bar[] {
  return rows.flatMap((row) => {
    const { ratio, name, target } = row;
    if (ratio === undefined || (target === undefined && !name.includes("times faster"))) return [];
    return [{ label: `${bench}: ${name}`, row: { ...row, ratio } }];
  });
}

function drawn({ label, row }: Bar, y: number): string {
  const [from, to] = [at(1), at(row.ratio)].toSorted((one, other) => one - other);
  const fill = colours[`${isReached(row)}`];
  const bar = `<rect x="${from}" y="${y + 4}" width="${Math.max(2, (to ?? 0) - (from ?? 0)).toFixed(1)}" height="14" fill="${fill}"/>`;
  const parts = [text(left - 10, y + 15, label, { anchor: "end" }), bar];
  if (row.target !== undefined) {
    const bound = "atLeast" in row.target ? row.target.atLeast : row.target.atMost;
    parts.push(`<rect x="${at(bound) - 1}" y="${y + 1}" width="2" height="20" fill="#1f2933"/>`);
    parts.push(text(right + 70, y + 15, targetText(row.target), { fill: "#5b6672" }));
  }
  return [...parts, text(right + 12, y + 15, shown(row.ratio), { weight: "bold" })].join("\n");
}

function axis(value: number, bottom: number): string {
  const colour = value === 1 ? "#1f2933" : "#d5dae0";
  const line = `<line x1="${at(value)}" y1="${top - 4}" x2="${at(value)}" y2="${bottom}" stroke="${colour}"/>`;
  return `${line}\n${text(at(value), bottom + 16, value === 1 ? "1 = baseline" : String(value), { anchor: "middle", fill: "#5b6672" })}`;
}

/** Where a ratio is on the axis. */
function at(ratio: number): number {
  const share = Math.log(Math.min(most, Math.max(least, ratio)) / least) / Math.log(most / least);
  return Math.round((left + share * (right - left)) * 10) / 10;
}

function text(
  x: number,
  y: number,
  content: string,
  style: { size?: number; weight?: string; anchor?: string; fill?: string } = {},
): string {
  const { size = 12, weight = "normal", anchor = "start", fill = "#1f2933" } = style;
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${escaped}</text>`;
}
