/** What the rewriter hands over: the bytes, and what a host must bring and may call. */
import type { MemoryImport } from "./prepare.ts";

/** A module that was rewritten. */
export type Rewritten = {
  readonly rewritten: true;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Why an instance must not be used twice, to follow the name of the module: "uses table.set". */
  readonly recyclable: true | string;
  /** What it imports beside its own imports; all memories. */
  readonly imports: {
    readonly module: string;
    /** The guest's; the host decides its maximum. Real pages beyond `minPages` are headroom. */
    readonly memory?: MemoryImport;
    /** One page, shared, one for each thread. The guest stops when the i32 at its start is negative. */
    readonly flag: string;
    /** One byte for each 4 KiB of the guest's real memory. Absent where stores are not tracked. */
    readonly marks?: string;
    /** Shared; holds the images. */
    readonly arena?: string;
  };
  readonly exports: {
    /** (imageAt, imagePages): where the image lies in the arena, in bytes; all of the real memory up to its last page that
     * is not zero. */
    readonly setup: string;
    /** (limitPages): how far the memory may grow; until then it may not. */
    readonly begin: string;
    /** (): keeps the globals. */
    readonly save: string;
    /** (): makes the globals what they were at save(), the memory what the image says. */
    readonly restore: string;
    /** (): the start function, which the host must call. */
    readonly start?: string;
    /** A global, i32: the pages that the guest believes to have. */
    readonly size?: string;
  };
};

/** A module that was not, with the reason to follow its name: "imports a memory". */
export type NotRewritten = { readonly rewritten: false; readonly reason: string };
