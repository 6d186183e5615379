/**
 * What a caller passed to a function, kept as JSON text so that no number is rounded on the way to a guest.
 *
 *   "args" of the request        json                 positional
 *   absent                       {}                   -
 *   {"a": 1}                     {"a":1}              -            keyed: only contracts that take JSON can use it
 *   [1, "x"]                     [1,"x"]              1  "x"       keyless: the values are the parameters
 *   7, "x", true, null           7                    7
 *   {"": [1, 2]}                 [1,2]                1  2         the only key is empty: its value is meant
 */

/** One call's arguments, before the function's contract is known. */
export type Arguments = {
  /** Compact JSON of the whole, numbers as they were written. */
  readonly json: string;
  /** The keyless parameters, each as JSON text; absent when the arguments are a keyed object. */
  readonly positional?: readonly string[];
};
