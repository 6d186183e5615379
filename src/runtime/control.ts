/**
 * The words that both sides of a guest thread, and the guests on it, can see: what runs. Each thread has a shared
 * WebAssembly memory of its own with two 32-bit words at its start.
 *
 *   word      written by              says
 *   running   worker; ingress shoots  id of the call that runs now; 0 none; negative: shot; the least i32: lost
 *   started   worker                  id of the last call that was started
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

const runningWord = 0;
const startedWord = 1;
const lost = -0x8000_0000;

/** How a call's end came about, as the worker learns it. */
export type End = "returned" | "shot" | "lost";

/** One thread's words, as the thread itself uses them. */
export class Words {
  /** To hand to the ingress, and to guests as the memory in which they look for their deadline. */
  readonly memory: WebAssembly.Memory;
  readonly #words: Int32Array;

  /** Makes a thread's words, or wraps those of another thread. */
  constructor(memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })) {
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer);
  }

  /** Worker: says that a call starts now. */
  start(callId: number): void {
    Atomics.store(this.#words, startedWord, callId);
    Atomics.store(this.#words, runningWord, callId);
  }

  /** Worker: says that the guest of a call has stopped, and learns why. */
  end(callId: number): End {
    if (Atomics.compareExchange(this.#words, runningWord, callId, 0) === callId) return "returned";
    return Atomics.compareExchange(this.#words, runningWord, -callId, 0) === -callId ? "shot" : "lost";
  }

  /** Ingress: the call that runs, shot or not; undefined when none does. */
  get running(): number | undefined {
    const running = Atomics.load(this.#words, runningWord);
    return running === 0 || running === lost ? undefined : Math.abs(running);
  }

  /** Ingress: the call that was started last; 0 when none was. */
  get started(): number {
    return Atomics.load(this.#words, startedWord);
  }

  /** Ingress: shoots a running call; false when it had ended. */
  shoot(callId: number): boolean {
    return Atomics.compareExchange(this.#words, runningWord, callId, -callId) === callId;
  }

  /** Ingress: gives up on a call that was shot and has not stopped; false when it had. The thread is to be ended. */
  giveUp(callId: number): boolean {
    return Atomics.compareExchange(this.#words, runningWord, -callId, lost) === -callId;
  }
}

/** A call that runs, and the words of its thread. */
export type Sighting = { readonly callId: number; readonly words: Words };

/** The words of all threads that live, those included that were told to end and have not ended yet. */
export class Control {
  readonly #threads = new Map<number, Words>();

  /** Takes a thread's words in. */
  add(threadId: number, memory: WebAssembly.Memory): void {
    this.#threads.set(threadId, new Words(memory));
  }

  /** Forgets a thread that has really ended. */
  remove(threadId: number): void {
    this.#threads.delete(threadId);
  }

  /** The calls that run at this moment. */
  running(): Sighting[] {
    const sightings: Sighting[] = [];
    for (const words of this.#threads.values()) {
      const callId = words.running;
      if (callId !== undefined) sightings.push({ callId, words });
    }
    return sightings;
  }

  /** Returns which of the calls of one batch was started last; undefined when none was. */
  startedOf(callIds: readonly number[]): number | undefined {
    for (const { started } of this.#threads.values()) if (callIds.includes(started)) return started;
    return undefined;
  }
}
