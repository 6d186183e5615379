/** The facts about a module by which the gateway decides what to do with it; inspect.ts finds them. */
import type { GlobalType } from "./entries.ts";
import type { FunctionType } from "./value-types.ts";

/** A memory of a module, in pages of 64 KiB. */
export type MemoryInfo = {
  readonly minPages: number;
  /** Absent when the module leaves growth to the host. */
  readonly maxPages?: number;
  readonly shared: boolean;
  /** Addressed by i64. */
  readonly is64: boolean;
  readonly imported: boolean;
};

/** Something that passes between a module and its host. */
export type External =
  | { readonly kind: "function"; readonly type: FunctionType }
  | { readonly kind: "memory"; readonly memory: MemoryInfo }
  | ({ readonly kind: "global" } & GlobalType)
  | { readonly kind: "table" }
  | { readonly kind: "tag" };

export type ImportInfo = { readonly module: string; readonly name: string } & External;
export type ExportInfo = { readonly name: string } & External;

/** Facts about a module. */
export type ModuleInfo = {
  readonly imports: readonly ImportInfo[];
  readonly exports: readonly ExportInfo[];
  /** Imported ones first, as the module counts them. */
  readonly memories: readonly MemoryInfo[];
  /** Functions that the module defines. */
  readonly functionCount: number;
  /** A start function runs at every instantiation. */
  readonly hasStart: boolean;
  /** Data and element segments that instructions can still read after instantiation. */
  readonly passiveSegmentCount: number;
  /** It can make garbage-collected arrays, of any size. */
  readonly hasArrays: boolean;
  /** It can make garbage-collected structs, of as many fields as a type may have. */
  readonly hasStructs: boolean;
  /** Names of the custom sections in their order; the same name may come several times. */
  readonly customSections: readonly string[];
};
