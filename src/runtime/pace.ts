/**
 * What a thread has learnt of its modules: how long their calls run, and how much their memories grow.
 *
 * Short calls gain from tracking, which makes their stores dearer and their restore nearly free; long ones from
 * untouched stores and a restore of the whole memory, some tens of microseconds that they do not notice. The bounds
 * between the two are apart, so that a module whose calls lie there does not change for ever.
 */
import type { Digest } from "../digest.ts";

/** Calls that run longer on average leave tracking; shorter ones return to it. */
const leaveMs = 2;
const returnMs = 0.5;
/** Weight of the newest call in the average. */
const newest = 1 / 8;
/** Memory that an instance has beyond what its module asks for, until more was seen to be needed. */
const firstHeadroomPages = 16;
/** Modules that are remembered. */
const remembered = 4096;

type Learnt = { averageMs: number; tracked: boolean; headroomPages: number };

/** Learns from calls. */
export class Pace {
  readonly #learnt = new Map<Digest, Learnt>();

  /** Tells whether a module's next call should be tracked. */
  prefersTracking(digest: Digest): boolean {
    return this.#learnt.get(digest)?.tracked ?? true;
  }

  /** Returns the headroom that a module's next instance should have, in pages. */
  headroomPages(digest: Digest): number {
    return this.#learnt.get(digest)?.headroomPages ?? firstHeadroomPages;
  }

  /** Takes note of how long a call ran. */
  observe(digest: Digest, runMs: number): void {
    const learnt = this.#of(digest);
    learnt.averageMs += (runMs - learnt.averageMs) * newest;
    if (learnt.averageMs > leaveMs) learnt.tracked = false;
    if (learnt.averageMs < returnMs) learnt.tracked = true;
  }

  /** Takes note that a call needed so many pages beyond the headroom. */
  want(digest: Digest, pages: number): void {
    if (pages === 0) return;
    const learnt = this.#of(digest);
    // With room to spare: a guest that needs a little more each time would otherwise retire an instance each time.
    learnt.headroomPages = Math.ceil((learnt.headroomPages + pages) * 1.5);
  }

  #of(digest: Digest): Learnt {
    let learnt = this.#learnt.get(digest);
    if (learnt === undefined) {
      learnt = { averageMs: 0, tracked: true, headroomPages: firstHeadroomPages };
      this.#learnt.set(digest, learnt);
      const [oldest] = this.#learnt.keys();
      if (this.#learnt.size > remembered && oldest !== undefined) this.#learnt.delete(oldest);
    }
    return learnt;
  }
}
