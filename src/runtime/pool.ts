/**
 * The guest threads, seen from the ingress: takes calls, gives outcomes, and ends what overruns.
 *
 *   run -> Scheduler -> batch -> Threads -> worker.ts ... outcome by outcome -> run's promise
 *                ^                             |
 *                +--- calls never started <----+ thread ended: shot by the watchdog, or died by itself
 *
 * While work is out a watchdog looks every few milliseconds. A call that has run longer than it may is shot (control.ts)
 * and its thread ended; a fresh one takes its place at once. Calls of its batch that had ended have answered, those not
 * started go back to the front of their lines, and none runs twice. Time in line is not the guest's time.
 *
 * A batch that has run for long is not counted: a spare thread takes the queue meanwhile, up to as many spares as there
 * are threads.
 */
import { GatewayError } from "../errors.ts";
import { Control, type Sighting } from "./control.ts";
import { Flights, type Flight, type Pending } from "./flights.ts";
import type { Batch, Call, Ended, LoadedModule, Outcome } from "./protocol.ts";
import { Scheduler } from "./scheduler.ts";
import { Threads } from "./threads.ts";

/** How the pool is sized and bounded. */
export type PoolOptions = {
  /** Guest threads when no call runs long; at least 1. */
  readonly threads: number;
  /** Calls that may wait; one more is QUEUE_FULL. */
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
};

/** What the pool is doing, for /metrics and /readyz. */
export type PoolState = {
  readonly waiting: number;
  readonly running: number;
  readonly threads: number;
  readonly threadsEnded: number;
};

/** How often the watchdog looks; a call outlives its deadline by at most this and the time a thread takes to end. */
const watchMs = 5;
/** A batch that has run for this long no longer counts against the threads. */
const longMs = 25;
/** Threads that may be alive at once, those that were told to end and have not ended yet included. */
const mostLivingThreads = 1024;
/** How often a call may lose its thread before it was started; more means that threads cannot start at all. */
const mostFalseStarts = 3;

/** Runs calls on guest threads. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #control: Control;
  readonly #scheduler: Scheduler<Pending>;
  readonly #threads: Threads;
  readonly #flights = new Flights();
  #watchdog: NodeJS.Timeout | undefined;
  #pumping = false;
  #closed = false;
  #lastCallId = 0;
  #threadsEnded = 0;
  #ready = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#control = new Control({ slots: mostLivingThreads });
    this.#scheduler = new Scheduler({ threads: options.threads });
    const onEnded = (ended: Ended): void => this.#settle(ended);
    this.#threads = new Threads({ count: options.threads, control: this.#control, onEnded });
  }

  /** Resolves when every thread has answered once. */
  async start(): Promise<void> {
    await this.#threads.start();
    this.#ready = true;
  }

  /** Whether `start` is over and `close` has not begun. */
  get isUp(): boolean {
    return this.#ready && !this.#closed;
  }

  /** What the pool is doing at this moment. */
  get state(): PoolState {
    return {
      waiting: this.#scheduler.waiting,
      running: this.#flights.calls,
      threads: this.#threads.living,
      threadsEnded: this.#threadsEnded,
    };
  }

  /**
   * Runs one call; `key` names its function, for fairness between functions.
   * @returns how the call ended, "overran" included
   * @throws {GatewayError} QUEUE_FULL, QUEUE_TIMEOUT, SHUTTING_DOWN
   */
  run(key: string, call: Omit<Call, "id">, module: LoadedModule): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new GatewayError("SHUTTING_DOWN", "the gateway is stopping"));
    if (this.#scheduler.waiting >= this.#options.maxQueue) {
      const message = `${this.#scheduler.waiting} calls are waiting and no more may; try again later`;
      return Promise.reject(new GatewayError("QUEUE_FULL", message, { retryAfterSeconds: 1 }));
    }
    this.#lastCallId = (this.#lastCallId % 0x7fff_ffff) + 1;
    const id = this.#lastCallId;
    return new Promise<Outcome>((settle, refuse) => {
      const enqueuedAtMs = performance.now();
      this.#scheduler.offer({ key, enqueuedAtMs, call: { ...call, id }, module, settle, refuse, falseStarts: 0 });
      this.#pumpSoon();
    });
  }

  /** Refuses new calls, gives those that are in line or running `graceMs` to end, then ends the threads. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const giveUpMs = performance.now() + graceMs;
    while (this.#flights.calls + this.#scheduler.waiting > 0 && performance.now() < giveUpMs) {
      await new Promise((resolve) => setTimeout(resolve, watchMs));
    }
    clearInterval(this.#watchdog);
    const stopping = new GatewayError("SHUTTING_DOWN", "the gateway stopped before the call ended");
    for (const pending of [...this.#scheduler.drain(), ...this.#flights.takeAll()]) pending.refuse(stopping);
    await this.#threads.close();
  }

  /** Sends out batches at the end of this turn of the event loop, when all that it brought is in line. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    const { threads } = this.#options;
    while (this.#scheduler.waiting > 0 && this.#flights.size < this.#threads.most) {
      const free = threads - this.#flights.brief;
      if (free <= 0) break;
      const batch = this.#scheduler.take(free);
      const [first] = batch;
      if (first === undefined) break;
      this.#launch(first.key, batch);
    }
    if (this.#isBusy) this.#watchdog ??= setInterval(() => this.#watch(), watchMs);
  }

  get #isBusy(): boolean {
    return this.#scheduler.waiting + this.#flights.size > 0;
  }

  #launch(key: string, pending: readonly Pending[]): void {
    const modules = [...new Set(pending.map((each) => each.module))];
    const calls = pending.map(({ call, module }) => ({ call, module: modules.indexOf(module) }));
    const batch: Batch = { modules, calls };
    const flight = this.#flights.launch(key, pending);
    this.#threads
      .run(batch, flight.kill.signal)
      .then((last) => {
        if (last !== undefined) this.#settle(last);
      })
      .catch((cause: unknown) => this.#lost(flight, cause))
      .finally(() => {
        this.#flights.land(flight);
        this.#scheduler.release(flight.key, flight.runsLong);
        this.#pumpSoon();
      });
  }

  #settle({ callId, outcome, runMs }: Ended): void {
    const pending = this.#flights.take(callId);
    if (pending === undefined) return;
    this.#scheduler.observe(pending.key, runMs);
    pending.settle(outcome);
  }

  #watch(): void {
    const nowMs = performance.now();
    for (const sighting of this.#control.running()) {
      const seen = this.#flights.see(sighting.callId, nowMs);
      if (seen === undefined) continue;
      if (seen.ranMs >= longMs) this.#noteLong(seen);
      if (seen.ranMs >= seen.pending.call.limits.timeoutMs) this.#shoot(sighting, seen);
    }
    for (const pending of this.#scheduler.expire(nowMs - this.#options.queueTimeoutMs)) {
      const message = `no thread was free for ${this.#options.queueTimeoutMs} ms; try again later`;
      pending.refuse(new GatewayError("QUEUE_TIMEOUT", message, { retryAfterSeconds: 1 }));
    }
    this.#pump();
    if (this.#isBusy) return;
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
  }

  #noteLong({ flight }: { readonly flight: Flight }): void {
    if (!flight.runsLong) this.#scheduler.runsLong(flight.key);
    flight.runsLong = true;
  }

  /** Ends the thread of a call that overran, unless the call ended first. */
  #shoot(sighting: Sighting, { flight, pending }: { flight: Flight; pending: Pending }): void {
    if (!this.#control.shoot(sighting)) return;
    const { timeoutMs } = pending.call.limits;
    this.#settle({ callId: sighting.callId, outcome: { kind: "overran", timeoutMs }, runMs: timeoutMs });
    this.#threadsEnded += 1;
    flight.kill.abort();
  }

  /** A batch's thread has ended before the batch did: sorts its calls into those that were started and the others. */
  #lost(flight: Flight, cause: unknown): void {
    const { aborted } = flight.kill.signal;
    if (!aborted) this.#threadsEnded += 1;
    const lastStarted = this.#control.startedOf(flight.pending.map(({ call }) => call.id));
    const startedCount = flight.pending.findIndex(({ call }) => call.id === lastStarted) + 1;
    this.#giveBack(flight.pending.slice(startedCount), cause);
    const crashed = (): void => {
      for (const { call } of flight.pending.slice(0, startedCount)) {
        this.#settle({ callId: call.id, outcome: crashOutcome(cause), runMs: 0 });
      }
    };
    // The outcomes of calls that ended before are on their way from the dying thread and arrive before this does.
    setTimeout(crashed, aborted ? watchMs * 20 : 0);
  }

  #giveBack(neverStarted: readonly Pending[], cause: unknown): void {
    const again: Pending[] = [];
    for (const pending of neverStarted) {
      if (this.#flights.take(pending.call.id) === undefined) continue;
      pending.falseStarts += 1;
      if (pending.falseStarts <= mostFalseStarts) again.push(pending);
      else pending.refuse(new Error("guest threads do not start", { cause }));
    }
    this.#scheduler.putBack(again);
  }
}

/** Says how a call ended whose thread died under it. */
function crashOutcome(cause: unknown): Outcome {
  const outOfMemory = cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY";
  return outOfMemory
    ? { kind: "trapped", trap: "out of memory", message: "the call made the host's own heap too large" }
    : { kind: "trapped", trap: "trap", message: "the call's thread ended" };
}
