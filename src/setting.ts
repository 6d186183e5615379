/**
 * What a setting is: one environment variable, its default as text, one line about it, and how its text is read.
 *
 * Every kind below turns text into a value or refuses it with the words that say what it takes. A default is text of
 * the same kind, so what the README prints can be typed in. This file knows no variable by name; settings.ts does.
 */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { durationForm, parseDuration, parseSize, sizeForm } from "./quantities.ts";

/** What a person needs to know about a setting; the README's table is made of these. */
export type Variable = {
  readonly name: string;
  /** What stands when the variable is not set; "" where that is nothing. */
  readonly defaultText: string;
  readonly about: string;
  /** Ends a sentence such as `WASMGATE_PORT is "x", but takes …`. */
  readonly takes: string;
};

/** How text becomes a value; `read` returns undefined for what it does not take. */
export type Kind<T> = { readonly takes: string; readonly read: (text: string) => T | undefined };

/** Variables by the schema that reads them. */
export const variables = z.registry<Variable>();

/** Makes the schema of one variable out of its kind, name, default and description. */
export function setting<T>(kind: Kind<T>, name: string, defaultText: string, about: string) {
  return z
    .string()
    .default(defaultText)
    .transform((text, context): T => {
      const value = kind.read(text);
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: `${name} is ${quoted(text)}, but takes ${kind.takes}` });
      return z.NEVER;
    })
    .register(variables, { name, defaultText, about, takes: kind.takes });
}

/** Quotes what was given, for a sentence; what looks like a password or a key is not repeated. */
export function quoted(text: string): string {
  return /:[^/@\s]+@|^[A-Za-z0-9+/=_-]{24,}$/.test(text)
    ? "a value not shown here"
    : JSON.stringify(text.slice(0, 100));
}

/** A duration in milliseconds between two others, both written with units. */
export function duration(least: string, most: string): Kind<number> {
  const [leastMs, mostMs] = [parseDuration(least) ?? NaN, parseDuration(most) ?? NaN];
  return {
    takes: `${durationForm}, from ${least} to ${most}`,
    read: (text) => within(parseDuration(text), leastMs, mostMs),
  };
}

/** A size in bytes between two others. */
export function size(least: string, most: string): Kind<number> {
  const [leastBytes, mostBytes] = [parseSize(least) ?? NaN, parseSize(most) ?? NaN];
  return {
    takes: `${sizeForm}, from ${least} to ${most}`,
    read: (text) => within(parseSize(text), leastBytes, mostBytes),
  };
}

/** A whole number between two others. */
export function count(least: number, most: number): Kind<number> {
  return {
    takes: `a whole number from ${least} to ${most}`,
    read: (text) => (/^\d{1,12}$/.test(text) ? within(Number(text), least, most) : undefined),
  };
}

/** A number of threads, or `cores` for as many as the machine has, and two at least. */
export function threads(most: number): Kind<number> {
  const numbers = count(1, most);
  return {
    takes: `${numbers.takes}, or cores`,
    read: (text) => (text === "cores" ? Math.min(most, Math.max(2, availableParallelism())) : numbers.read(text)),
  };
}

/** A TCP port, or `off` for no listener. */
export const port: Kind<number | "off"> = {
  takes: "a port from 1 to 65535, 0 for any free one, or off",
  read: (text) => (text === "off" ? "off" : count(0, 65_535).read(text)),
};

/** Yes or no. */
export const flag: Kind<boolean> = {
  takes: "1 or true, 0 or false",
  read: (text) => ({ 1: true, true: true, 0: false, false: false })[text],
};

/** One of a few words. */
export function word<const W extends string>(...words: readonly W[]): Kind<W> {
  return { takes: `one of ${words.join(", ")}`, read: (text) => words.find((one) => one === text) };
}

/** A path, made absolute against the folder in which the process was started, or one of some words, kept as it is. */
export function path(what: string, words: readonly string[] = []): Kind<string> {
  return {
    takes: `the path of ${what}`,
    read: (text) => (words.includes(text) ? text : isPath(text) ? resolve(text) : undefined),
  };
}

/** A path or nothing, which is null. */
export function optionalPath(what: string): Kind<string | null> {
  return {
    takes: `the path of ${what}`,
    read: (text) => (text === "" ? null : isPath(text) ? resolve(text) : undefined),
  };
}

/** Text that matches a pattern as a whole. */
export function text(takes: string, pattern: RegExp): Kind<string> {
  return { takes, read: (given) => (pattern.test(given) ? given : undefined) };
}

/** Entries between commas, each matching a pattern, `least` of them or more; empty text is an empty list. */
export function list(takes: string, entry: RegExp, least: number): Kind<readonly string[]> {
  return {
    takes: `${takes}, separated by commas`,
    read(given) {
      const entries = given === "" ? [] : given.split(",").map((one) => one.trim());
      const right = entries.length >= least && entries.every((one) => entry.test(one));
      return right ? Object.freeze(entries) : undefined;
    },
  };
}

/** As `list` with one entry at least, or `*`, which is null. */
export function listOrAll(takes: string, entry: RegExp): Kind<readonly string[] | null> {
  const entries = list(takes, entry, 1);
  return { takes: `* for all, or ${entries.takes}`, read: (given) => (given === "*" ? null : entries.read(given)) };
}

/** NAME=VALUE entries between commas, no name twice. */
export function pairs(takes: string, entry: RegExp): Kind<Readonly<Record<string, string>>> {
  const entries = list(takes, entry, 0);
  return {
    takes: entries.takes,
    read(given) {
      const found = entries
        .read(given)
        ?.map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]);
      if (found === undefined || new Set(found.map(([name]) => name)).size < found.length) return undefined;
      return Object.freeze(Object.fromEntries(found) as Record<string, string>);
    },
  };
}

function within(value: number | undefined, least: number, most: number): number | undefined {
  return value !== undefined && value >= least && value <= most ? value : undefined;
}

function isPath(text: string): boolean {
  return text !== "" && !text.includes("\0");
}
