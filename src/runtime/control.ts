/**
 * The words that both sides of every guest thread can see: who runs what. One SharedArrayBuffer for the pool, one slot
 * of four 32-bit words for each thread that lives.
 *
 *   word      written by             says
 *   thread    worker, once           id of the thread that claimed the slot; 0 is free
 *   running   worker; ingress kills  id of the call that runs now; 0 is none; negative is a call that was shot
 *   started   worker                 id of the last call that was started
 *
 * Ending a call is a race between the guest that returns and the watchdog that loses patience. Both compare-and-
 * exchange `running`, the worker from the id to 0 and the watchdog from the id to its negative: whoever wins decides,
 * so a call that ended in time cannot have its successor shot.
 */

const wordsPerSlot = 4;
const threadWord = 0;
const runningWord = 1;
const startedWord = 2;

/** What one thread is doing, as the ingress sees it. */
export type Sighting = { readonly slot: number; readonly threadId: number; readonly callId: number };

/** The shared words of all threads of one pool. */
export class Control {
  readonly #words: Int32Array;

  /** Makes the words for at most `slots` threads alive at once, or wraps those that another thread made. */
  constructor(source: { readonly slots: number } | { readonly buffer: SharedArrayBuffer }) {
    const bytes = Int32Array.BYTES_PER_ELEMENT * wordsPerSlot;
    this.#words = new Int32Array("buffer" in source ? source.buffer : new SharedArrayBuffer(bytes * source.slots));
  }

  /** The shared memory, for a worker's own Control. */
  get buffer(): SharedArrayBuffer {
    return this.#words.buffer as SharedArrayBuffer;
  }

  /** Claims a free slot for a thread. @throws {Error} when every slot is taken, which the pool's size rules out */
  claim(threadId: number): number {
    for (let slot = 0; slot * wordsPerSlot < this.#words.length; slot += 1) {
      const at = slot * wordsPerSlot;
      if (Atomics.compareExchange(this.#words, at + threadWord, 0, threadId) === 0) return slot;
    }
    throw new Error("no free control slot for a guest thread");
  }

  /** Frees the slot of a thread that has ended. */
  free(threadId: number): void {
    for (let at = 0; at < this.#words.length; at += wordsPerSlot) {
      if (Atomics.load(this.#words, at + threadWord) !== threadId) continue;
      Atomics.store(this.#words, at + runningWord, 0);
      Atomics.store(this.#words, at + startedWord, 0);
      Atomics.store(this.#words, at + threadWord, 0);
    }
  }

  /** Returns which of the calls of one batch was started last; undefined when none was. */
  startedOf(callIds: readonly number[]): number | undefined {
    for (let at = 0; at < this.#words.length; at += wordsPerSlot) {
      const started = Atomics.load(this.#words, at + startedWord);
      if (started !== 0 && callIds.includes(started)) return started;
    }
    return undefined;
  }

  /** Worker: says that a call starts now. */
  start(slot: number, callId: number): void {
    Atomics.store(this.#words, slot * wordsPerSlot + startedWord, callId);
    Atomics.store(this.#words, slot * wordsPerSlot + runningWord, callId);
  }

  /** Worker: says that a call has ended; false when it was shot before it could say so. */
  end(slot: number, callId: number): boolean {
    return Atomics.compareExchange(this.#words, slot * wordsPerSlot + runningWord, callId, 0) === callId;
  }

  /** Ingress: shoots a running call; false when it had ended. */
  shoot(sighting: Sighting): boolean {
    const at = sighting.slot * wordsPerSlot + runningWord;
    return Atomics.compareExchange(this.#words, at, sighting.callId, -sighting.callId) === sighting.callId;
  }

  /** Ingress: the calls that run at this moment. */
  running(): Sighting[] {
    const sightings: Sighting[] = [];
    for (let at = 0; at < this.#words.length; at += wordsPerSlot) {
      const threadId = Atomics.load(this.#words, at + threadWord);
      const callId = Atomics.load(this.#words, at + runningWord);
      if (threadId !== 0 && callId > 0) sightings.push({ slot: at / wordsPerSlot, threadId, callId });
    }
    return sightings;
  }
}
