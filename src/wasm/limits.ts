/**
 * How much a module may hold. Most bounds keep the compiler's work and an instance's footprint small; none is there to
 * keep our own reading finite, which is linear in the bytes anyway.
 */
import { GatewayError } from "../errors.ts";

/** What a module may hold; more is refused with the number and the limit. */
export type ModuleLimits = {
  readonly sections: number;
  readonly types: number;
  readonly imports: number;
  readonly functions: number;
  readonly tables: number;
  /** Elements that all defined tables together have from the start. */
  readonly tableElements: number;
  readonly memories: number;
  readonly globals: number;
  readonly exports: number;
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
  imports: 10_000,
  functions: 200_000,
  tables: 100,
  tableElements: 1_000_000,
  memories: 8,
  globals: 100_000,
  exports: 100_000,
  segments: 100_000, // V8's for data
  localsPerFunction: 50_000, // V8's
  bodyBytes: 7_654_321, // V8's
};

/** @throws {GatewayError} MODULE_INVALID, with the number and the limit, when there are more than may be */
export function hold(what: string, count: number, limit: number): void {
  if (count <= limit) return;
  throw new GatewayError("MODULE_INVALID", `the module has ${count} ${what}; the limit is ${limit}`);
}
