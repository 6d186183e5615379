/**
 * The table of open descriptors: at most 64, the lowest free number is used first, as POSIX says.
 *
 *   0 stdin   1 stdout   2 stderr   3… folders that were mounted   then what the guest opens
 */
import type { Fd } from "@bjorn3/browser_wasi_shim";
import { tooManyOpen } from "./errno.ts";

/** Most descriptors that one call may have open. */
export const maxDescriptors = 64;

/** Numbers and what is open under them. */
export class Descriptors {
  #open: (Fd | undefined)[] = [];

  /** Starts a call with these, numbered from 0. */
  begin(open: readonly Fd[]): void {
    this.#open = [...open];
  }

  /** Returns what is open under a number that a guest named. */
  find(descriptor: number): Fd | undefined {
    return this.#open[descriptor];
  }

  /** Opens under the lowest free number. @throws {Errno} MFILE when the table is full */
  add(fd: Fd): number {
    const free = this.#lowestFree();
    this.#open[free] = fd;
    return free;
  }

  /** @throws {Errno} MFILE when the table is full */
  checkRoom(): void {
    this.#lowestFree();
  }

  /** Frees a number; false when nothing is open under it. */
  close(descriptor: number): boolean {
    const fd = this.#open[descriptor];
    if (fd === undefined) return false;
    this.#open[descriptor] = undefined;
    fd.fd_close();
    return true;
  }

  /** Moves what is open under one open number to another, closing what was there; false when either is not open. */
  renumber(from: number, to: number): boolean {
    const moved = this.#open[from];
    const replaced = this.#open[to];
    if (moved === undefined || replaced === undefined) return false;
    if (from === to) return true;
    replaced.fd_close();
    this.#open[to] = moved;
    this.#open[from] = undefined;
    return true;
  }

  #lowestFree(): number {
    const free = this.#open.indexOf(undefined);
    if (free >= 0) return free;
    if (this.#open.length >= maxDescriptors) throw tooManyOpen;
    return this.#open.length;
  }
}
