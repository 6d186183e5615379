/**
 * How a module can be called: which contract its exports fit, decided once at deploy from facts about the bytes.
 */

/** The four number types of WebAssembly 1.0. */
export type ValueType = "i32" | "i64" | "f32" | "f64";

/** What every contract says. */
type Base = {
  /** The module imports wasi_snapshot_preview1 and gets the preview 1 host. */
  readonly wasi: boolean;
  /**
   * The exports ()->() to run once on a fresh instance before the call, in this order: "_initialize", then
   * "wizer.initialize", as Wizer runs them. Absent when there is none.
   */
  readonly initialize?: readonly string[];
};

/** One of the ways in and out of a guest. */
export type Contract = Base &
  (
    | {
        readonly kind: "json-pointer";
        readonly export: string;
        /** "pair": two i32 results (pointer, length). "packed": one i64, pointer in the high half, length in the low. */
        readonly returns: "pair" | "packed";
      }
    | { readonly kind: "wasi-command"; readonly export: "_start" }
    | {
        readonly kind: "scalars";
        readonly export: string;
        readonly params: readonly ValueType[];
        readonly results: readonly ValueType[];
      }
  );
