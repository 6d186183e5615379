/**
 * The guest threads, seen from the ingress: takes calls, gives outcomes, and ends what overruns.
 *
 *   run -> Scheduler -> batch -> Threads -> worker.ts ... outcome by outcome -> run's promise
 *                ^                             |
 *                +--- calls never started <----+ thread ended: shot by the watchdog, or died by itself
 *
 * While work is out a watchdog looks every few milliseconds. A call that has run longer than it may is shot (control.ts):
 * its caller is answered, and a rewritten guest stops at its next loop head. What has not stopped soon after has its
 * thread ended; a fresh one takes its place at once. Calls of its batch that had ended have answered, those not started
 * go back to the front of their lines, and none runs twice. Time in line is not the guest's time.
 *
 * A batch that has run for long is not counted: a spare thread takes the queue meanwhile, up to as many spares as there
 * are threads.
 */
import { GatewayError } from "../errors.ts";
import { Control } from "./control.ts";
import { Flights, type Flight, type Pending } from "./flights.ts";
import type { Lane } from "./lanes.ts";
import type { Batch, Ended, Outcome, ThreadData } from "./protocol.ts";
import { Intake, type Wish } from "./intake.ts";
import { Scheduler } from "./scheduler.ts";
import { Threads } from "./threads.ts";
import { threadDied } from "./traps.ts";
import { Watchdog } from "./watchdog.ts";

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

/** How often the watchdog looks; a call outlives its deadline by at most this and the time its guest takes to stop. */
const watchMs = 5;
/** How often a call may lose its thread before it was started; more means that threads cannot start at all. */
const mostFalseStarts = 3;

/** Runs calls on guest threads. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #control: Control;
  readonly #scheduler: Scheduler<Pending>;
  readonly #threads: Threads;
  readonly #flights = new Flights();
  readonly #watchdog: Watchdog;
  readonly #intake = new Intake();
  #watching: NodeJS.Timeout | undefined;
  #pumping = false;
  #closed = false;
  #threadsDied = 0;
  #ready = false;

  constructor(options: PoolOptions, data: ThreadData) {
    this.#options = options;
    this.#control = new Control();
    this.#scheduler = new Scheduler({ threads: options.threads });
    const settle = (ended: Ended): void => this.#settle(ended);
    const runsLong = ({ key }: Flight): void => this.#scheduler.runsLong(key);
    this.#watchdog = new Watchdog({ control: this.#control, flights: this.#flights, settle, runsLong });
    this.#threads = new Threads({
      count: options.threads,
      control: this.#control,
      data,
      onEnded: settle,
      onLane: () => this.#pumpSoon(),
    });
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
      threadsEnded: this.#threadsDied + this.#watchdog.threadsEnded,
    };
  }

  /**
   * Runs one call. An abort of `signal` takes it out of the line or ends it, when nobody waits for its answer any more.
   * @returns how the call ended, "overran" included
   * @throws {GatewayError} QUEUE_FULL, QUEUE_TIMEOUT, SHUTTING_DOWN, CALLER_GONE
   */
  run(wish: Wish, signal?: AbortSignal): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new GatewayError("SHUTTING_DOWN", "the gateway is stopping"));
    if (this.#scheduler.waiting >= this.#options.maxQueue) {
      const message = `${this.#scheduler.waiting} calls are waiting and no more may; try again later`;
      return Promise.reject(new GatewayError("QUEUE_FULL", message, { retryAfterSeconds: 1 }));
    }
    return new Promise<Outcome>((settle, refuse) => {
      const pending = this.#intake.admit(wish, { settle, refuse });
      this.#scheduler.offer(pending);
      this.#pumpSoon();
      signal?.addEventListener("abort", () => this.#cancel(pending), { once: true });
    });
  }

  /** Refuses new calls, gives those that are in line or running `graceMs` to end, then ends the threads. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const giveUpMs = performance.now() + graceMs;
    while (this.#flights.calls + this.#scheduler.waiting > 0 && performance.now() < giveUpMs) {
      await new Promise((resolve) => setTimeout(resolve, watchMs));
    }
    clearInterval(this.#watching);
    this.#watchdog.shootAll();
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
    while (this.#scheduler.waiting > 0) {
      const free = threads - this.#flights.brief;
      if (free <= 0) break;
      if (this.#threads.lanes.idle(0) === undefined) {
        this.#threads.grow();
        break;
      }
      const batch = this.#scheduler.take(free);
      const [first] = batch;
      const lane = first && this.#threads.lanes.idle(first.call.program);
      if (first === undefined || lane === undefined) break;
      this.#launch(first.key, batch, lane);
    }
    // All at work and some for long: have the next spare ready before it is needed.
    if (this.#flights.brief < this.#flights.size && this.#threads.lanes.idle(0) === undefined) this.#threads.grow();
    if (this.#isBusy) this.#watching ??= setInterval(() => this.#watch(), watchMs);
  }

  /** Gives up a call whose caller has gone. */
  #cancel(pending: Pending): void {
    const gone = new GatewayError("CALLER_GONE", "the caller has gone");
    if (this.#scheduler.withdraw(pending)) {
      pending.refuse(gone);
      return;
    }
    if (this.#watchdog.shoot(pending.call.id)) pending.refuse(gone);
  }

  get #isBusy(): boolean {
    return this.#scheduler.waiting + this.#flights.size > 0;
  }

  #launch(key: string, pending: readonly Pending[], lane: Lane): void {
    const flight = this.#flights.launch(key, pending, lane);
    const programs = pending.filter(({ call }) => !lane.told.has(call.program) && lane.told.add(call.program));
    const batch: Batch = {
      programs: programs.map(({ call, program, module }) => ({ id: call.program, program, loaded: module })),
      calls: pending.map(({ call }) => call),
    };
    this.#threads
      .run(batch, lane, flight.kill.signal)
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
    this.#watchdog.look();
    for (const pending of this.#scheduler.expire(performance.now() - this.#options.queueTimeoutMs)) {
      const message = `no thread was free for ${this.#options.queueTimeoutMs} ms; try again later`;
      pending.refuse(new GatewayError("QUEUE_TIMEOUT", message, { retryAfterSeconds: 1 }));
    }
    this.#pump();
    if (this.#isBusy) return;
    clearInterval(this.#watching);
    this.#watching = undefined;
  }

  /** A batch's thread has ended before the batch did: sorts its calls into those that were started and the others. */
  #lost(flight: Flight, cause: unknown): void {
    const { aborted } = flight.kill.signal;
    if (!aborted) this.#threadsDied += 1;
    // It may have forgotten a program: whatever it is sent next brings all that it needs.
    flight.lane.told.clear();
    const lastStarted = this.#control.startedOf(flight.pending.map(({ call }) => call.id));
    const startedCount = flight.pending.findIndex(({ call }) => call.id === lastStarted) + 1;
    this.#giveBack(flight.pending.slice(startedCount), cause);
    const crashed = threadDied(cause);
    const settleStarted = (): void => {
      for (const { call } of flight.pending.slice(0, startedCount)) {
        this.#settle({ callId: call.id, outcome: crashed, runMs: 0 });
      }
    };
    // The outcomes of calls that ended before are on their way from the dying thread and arrive before this does.
    setTimeout(settleStarted, aborted ? watchMs * 20 : 0);
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
