/**
 * A WASI error number on its way out of host code: thrown where a return value has no room for it, such as below the
 * shim's own functions, and turned into the import's result by host.ts. One object per number: no stack is captured.
 */
import { wasi } from "@bjorn3/browser_wasi_shim";

/** An error number as something to throw. */
export class Errno extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.name = "Errno";
    this.errno = errno;
  }
}

/** The file system takes no writes. */
export const readOnlyFileSystem = new Errno(wasi.ERRNO_ROFS);

/** The quota for files in memory is used up. */
export const noSpace = new Errno(wasi.ERRNO_NOSPC);

/** The table of descriptors is full. */
export const tooManyOpen = new Errno(wasi.ERRNO_MFILE);

/** A path is longer than PATH_MAX, or a name in it longer than NAME_MAX. */
export const nameTooLong = new Errno(wasi.ERRNO_NAMETOOLONG);

/** A path is not UTF-8. */
export const illegalSequence = new Errno(wasi.ERRNO_ILSEQ);

/** An argument is out of its documented range. */
export const invalid = new Errno(wasi.ERRNO_INVAL);

/** The descriptor is not open for that. */
export const badDescriptor = new Errno(wasi.ERRNO_BADF);

/** A file cannot be that long. */
export const fileTooLarge = new Errno(wasi.ERRNO_FBIG);

/** A path leads out of its folder. */
export const notCapable = new Errno(wasi.ERRNO_NOTCAPABLE);

/** A file cannot be known in two file systems. */
export const otherFileSystem = new Errno(wasi.ERRNO_XDEV);
