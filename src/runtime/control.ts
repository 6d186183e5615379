/**
 * The words that both sides of every guest thread, and the guests themselves, can see: who runs what. One shared
 * WebAssembly memory for the process, one slot of four 32-bit words for each thread that lives.
 *
 *   word      written by             says
 *   thread    worker, once           id of the thread that claimed the slot; 0 is free
 *   running   worker; ingress shoots id of the call that runs now; 0 none; negative: shot; the least i32: lost
 *   started   worker                 id of the last call that was started
 *
 * A rewritten guest reads `running` at every loop head and traps when it is negative, so a shot ends the call and not
 * the thread. Ending a call is a race between the guest that returns and the watchdog that loses patience:
 *
 *   id --worker: returned--> 0
 *    \--ingress: shoot--> -id --worker: the guest has stopped--> 0
 *                            \--ingress: give up--> lost, and the thread is ended
 *
 * Each step is a compare-and-exchange and whoever wins decides, so a call that ended in time cannot have its successor
 * shot, and a thread that came back cannot be ended.
 */

const wordsPerSlot = 4;
const threadWord = 0;
const runningWord = 1;
const startedWord = 2;
const lost = -0x8000_0000;

/** What one thread is doing, as the ingress sees it. */
export type Sighting = {
  readonly slot: number;
  readonly threadId: number;
  readonly callId: number;
  /** It was shot and its guest has not stopped yet. */
  readonly shot: boolean;
};

/** How a call's end came about, as the worker learns it. */
export type End = "returned" | "shot" | "lost";

/** The shared words of all threads of one pool. */
export class Control {
  /** To hand to the threads, and to guests as the memory in which they look for their deadline. */
  readonly memory: WebAssembly.Memory;
  readonly #words: Int32Array;

  /** Makes the words, room for 4096 threads alive at once, or wraps those that another thread made. */
  constructor(memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })) {
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer);
  }

  /** Claims a free slot for a thread. @throws {Error} when every slot is taken, which the pool's size rules out */
  claim(threadId: number): number {
    for (let slot = 0; slot * wordsPerSlot < this.#words.length; slot += 1) {
      const at = slot * wordsPerSlot;
      if (Atomics.compareExchange(this.#words, at + threadWord, 0, threadId) === 0) return slot;
    }
    throw new Error("no free control slot for a guest thread");
  }

  /** Returns the byte address of a slot's word that is negative when the running guest must stop. */
  flagAt(slot: number): number {
    return (slot * wordsPerSlot + runningWord) * Int32Array.BYTES_PER_ELEMENT;
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

  /** Worker: says that the guest of a call has stopped, and learns why. */
  end(slot: number, callId: number): End {
    const at = slot * wordsPerSlot + runningWord;
    if (Atomics.compareExchange(this.#words, at, callId, 0) === callId) return "returned";
    return Atomics.compareExchange(this.#words, at, -callId, 0) === -callId ? "shot" : "lost";
  }

  /** Ingress: shoots a running call; false when it had ended. */
  shoot({ slot, callId }: Sighting): boolean {
    const at = slot * wordsPerSlot + runningWord;
    return Atomics.compareExchange(this.#words, at, callId, -callId) === callId;
  }

  /** Ingress: gives up on a call that was shot and has not stopped; false when it had. The thread is to be ended. */
  giveUp({ slot, callId }: Sighting): boolean {
    const at = slot * wordsPerSlot + runningWord;
    return Atomics.compareExchange(this.#words, at, -callId, lost) === -callId;
  }

  /** Ingress: the calls that run at this moment. */
  running(): Sighting[] {
    const sightings: Sighting[] = [];
    for (let at = 0; at < this.#words.length; at += wordsPerSlot) {
      const threadId = Atomics.load(this.#words, at + threadWord);
      if (threadId === 0) continue;
      const running = Atomics.load(this.#words, at + runningWord);
      if (running === 0 || running === lost) continue;
      sightings.push({ slot: at / wordsPerSlot, threadId, callId: Math.abs(running), shot: running < 0 });
    }
    return sightings;
  }
}
