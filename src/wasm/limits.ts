/**
 * How much a module may hold. The bounds keep three things small: what is kept of a module while it is read (a thread
 * whose heap overflows can take the process with it), what the compiler does, and what every instance costs.
 */
import { GatewayError } from "../errors.ts";

/** What a module may hold; more is refused with the number and the limit. */
export type ModuleLimits = {
  readonly sections: number;
  readonly types: number;
  /** Parameters and results of all types together. */
  readonly typeValues: number;
  readonly imports: number;
  readonly functions: number;
  readonly tables: number;
  /** Elements that all defined tables together have from the start. */
  readonly tableElements: number;
  /** Elements of all segments together: the first table.init from one puts all of it into the thread's heap. */
  readonly segmentElements: number;
  readonly memories: number;
  readonly globals: number;
  readonly exports: number;
  /** Characters in the names of all imports, exports and custom sections together. */
  readonly nameCharacters: number;
  /** Of data, and as many of elements. */
  readonly segments: number;
  readonly localsPerFunction: number;
  readonly bodyBytes: number;
};

/**
 * Limits that no compiler's output was seen to come near, at most those of V8 14.6, whose own are named where they bind.
 * A memory reserves 8 GiB of address space in every instance; an element of a table takes about 32 bytes in each.
 */
export const defaultModuleLimits: ModuleLimits = {
  sections: 1_000,
  types: 100_000,
  typeValues: 500_000,
  imports: 10_000,
  functions: 200_000,
  tables: 100,
  tableElements: 1_000_000,
  segmentElements: 1_000_000, // 8 bytes each in the heap; four segments of 9 million ended the process
  memories: 8,
  globals: 100_000,
  exports: 10_000,
  nameCharacters: 1_000_000,
  segments: 100_000, // V8's for data
  localsPerFunction: 50_000, // V8's
  bodyBytes: 7_654_321, // V8's
};

/** What to do about too many of something; the first that matches. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/^function(s| bodies)$/, "raise WASMGATE_MODULE_MAX_FUNCTIONS, or build it with fewer"],
  [/^locals /, "raise WASMGATE_MODULE_MAX_LOCALS where it is lower than V8's 50000, or build it with fewer"],
  [/^table elements$/, "build it with smaller tables"],
  [/^bytes /, "build it with smaller functions"],
  [/^/, "build it with fewer"],
];

/** @throws {GatewayError} MODULE_INVALID, with the number, the limit and what to do, when there are more than may be */
export function hold(what: string, count: number, limit: number): void {
  if (count <= limit) return;
  const remedy = remedies.find(([pattern]) => pattern.test(what))?.[1];
  throw new GatewayError("MODULE_INVALID", `the module has ${count} ${what}; the limit is ${limit}: ${remedy}`);
}
