/**
 * The instances of one thread: which one serves a call, and what becomes of it.
 *
 *   call -> a warm instance of its module, or a new one -> the contract's call -> restored and kept | retired
 *
 * A guest may trap, loop or fill its memory at every step, its start function and initializers included; each step is
 * part of the call, so the deadline holds for all of them. Modules that cannot be restored get an instance for each
 * call.
 */
import type { Contract } from "../wasm/contract.ts";
import { callJsonPointer } from "./abi/json-pointer.ts";
import { callScalars } from "./abi/scalars.ts";
import { callWasiCommand } from "./abi/wasi-command.ts";
import { runAsIs, startsTooLarge } from "./as-is.ts";
import { contractBroken, enter, exportedFunction, type Guest } from "./guest.ts";
import { Instance, type Making, type Surroundings } from "./instance.ts";
import { Kept } from "./kept.ts";
import { Pace } from "./pace.ts";
import type { CallLimits, Input, LoadedModule, Outcome, Program, ThreadData } from "./protocol.ts";
import { outOfMemory, trapped } from "./traps.ts";
import { difference } from "./state.ts";

type Recyclable = Extract<LoadedModule, { kind: "recyclable" }>;
/** One call with all that belongs to it. */
export type Task = {
  readonly program: Program;
  readonly loaded: LoadedModule;
  readonly input: Input;
  readonly limits: CallLimits;
};

/** Memory that may lie dead before it is collected. */
const deadAtMostBytes = 64 * 2 ** 20;
const nothing = new Uint8Array(0);
const ready: Outcome = { kind: "returned", output: nothing };
const noRoom = outOfMemory("the machine has no memory for another instance");

/** Calls guests, on one thread, one at a time. */
export class Instances {
  readonly #around: Surroundings;
  readonly #verify: boolean;
  readonly #kept: Kept<Instance>;
  readonly #pace = new Pace();
  /** Memory of instances that were let go since the last collection. */
  #deadBytes = 0;

  constructor(around: Surroundings, data: Pick<ThreadData, "idleBytes" | "idleInstances" | "verifyRestore">) {
    this.#around = around;
    this.#verify = data.verifyRestore;
    this.#kept = new Kept({ most: data.idleInstances, mostBytes: data.idleBytes });
  }

  /** Runs one call; however the guest behaves, this returns. */
  run(task: Task): Outcome {
    const { loaded, program } = task;
    const { wasi } = program.contract;
    if (wasi) this.#beginHost(task);
    const outcome =
      loaded.kind === "recyclable" && canRestore(loaded, program.contract)
        ? this.#runRecycled(task, loaded)
        : this.#runOnce(task);
    const stderr = wasi ? this.#around.host.stderr() : nothing;
    return stderr.byteLength === 0 ? outcome : { ...outcome, stderr };
  }

  #beginHost({ program, input, limits }: Task): void {
    const command = input.kind === "wasi-command" ? input : { args: [], stdin: nothing };
    const stdout = program.contract.kind === "wasi-command" ? "output" : "log";
    this.#around.host.begin({ args: command.args, stdin: command.stdin, env: program.env, stdout, limits });
  }

  #runRecycled(task: Task, loaded: Recyclable): Outcome {
    const { digest, contract } = task.program;
    const tracked = this.#pace.prefersTracking(digest);
    const made = this.#kept.take(digest, tracked) ?? this.#make(task, loaded, tracked);
    if (!(made instanceof Instance)) return made;
    const startMs = performance.now();
    const outcome = this.#call(task, made, loaded.initialized === undefined ? (contract.initialize ?? []) : undefined);
    this.#pace.observe(digest, performance.now() - startMs);
    if (outcome.kind === "trapped" || !made.restore()) {
      this.#pace.want(digest, made.grownPages);
      made.retire();
      this.#bury(made.sizeBytes);
      return outcome;
    }
    if (this.#verify) this.#assertRestored(made, this.#make(task, loaded, tracked));
    this.#bury(this.#kept.keep(digest, tracked, made));
    return outcome;
  }

  /** Makes an instance of a recyclable module in the state of its snapshot; an Outcome says why there is none. */
  #make({ program }: Task, { tracked, untracked, image, initialized }: Recyclable, track: boolean): Instance | Outcome {
    const made = this.#instantiate({
      variant: track ? tracked : untracked,
      ...(image === undefined ? {} : { image }),
      tracked: track,
      wasi: program.contract.wasi,
      headroomPages: this.#pace.headroomPages(program.digest),
    });
    if (!(made instanceof Instance)) return made;
    const { memory } = made.guest;
    if (program.contract.wasi && memory !== undefined) this.#around.host.bind(memory);
    const outcome = enter(made.guest, () => {
      if (initialized !== undefined) made.initialize(initialized);
      made.save();
      return ready;
    });
    return outcome === ready ? made : outcome;
  }

  /** @throws {Error} saying what differs between a restored instance and a fresh one */
  #assertRestored(restored: Instance, fresh: Instance | Outcome): void {
    if (!(fresh instanceof Instance)) throw new Error(`no fresh instance to compare with: ${JSON.stringify(fresh)}`);
    for (const each of [restored, fresh]) each.limit(this.#around.memoryPages);
    const found = difference(fresh.state(), restored.state());
    if (found !== undefined) throw new Error(`an instance was not restored: ${found}`);
  }

  /** Runs a call on an instance that nothing is done with afterwards. */
  #runOnce(task: Task): Outcome {
    const { loaded, program, input, limits } = task;
    const { contract } = program;
    if (loaded.kind === "as-is") {
      const host = contract.wasi ? this.#around.host : undefined;
      return runAsIs(loaded, { host, memoryPages: limits.memoryPages, bury: (bytes) => this.#bury(bytes) }, (guest) => {
        for (const name of contract.initialize ?? []) exportedFunction(guest, name)();
        return callGuest(guest, { contract, input, limits });
      });
    }
    const variant = loaded.kind === "recyclable" ? loaded.untracked : loaded.variant;
    const made = this.#instantiate({ variant, tracked: false, wasi: contract.wasi, headroomPages: 0 });
    if (!(made instanceof Instance)) return made;
    const outcome = this.#call(task, made, contract.initialize ?? []);
    this.#bury(made.sizeBytes);
    return outcome;
  }

  /** Enters an instance by its contract; `initialize` is what has to run before it, after the start function, if anything. */
  #call({ limits, program, input }: Task, made: Instance, initialize: readonly string[] | undefined): Outcome {
    if (made.startPages > limits.memoryPages) return startsTooLarge(made.startPages, limits.memoryPages);
    made.limit(limits.memoryPages);
    const { memory } = made.guest;
    if (program.contract.wasi && memory !== undefined) this.#around.host.bind(memory);
    return enter(made.guest, () => {
      if (initialize !== undefined) made.initialize(initialize);
      return callGuest(made.guest, { contract: program.contract, input, limits });
    });
  }

  /**
   * Lets go of an instance for good. V8 does not see by how much a guest's memory grew, so nothing else makes it collect:
   * 60 calls one after the other of a guest that grows to 256 MiB held 15 GiB.
   */
  #bury(sizeBytes: number): void {
    this.#deadBytes += sizeBytes;
    if (this.#deadBytes <= deadAtMostBytes) return;
    this.#deadBytes = 0;
    globalThis.gc?.();
  }

  /** Makes an instance, letting go of idle ones while the machine has no address space; an Outcome when there is none. */
  #instantiate(making: Making): Instance | Outcome {
    for (;;) {
      try {
        return new Instance(making, this.#around);
      } catch (thrown) {
        if (!Error.isError(thrown) || thrown.name !== "RangeError") return trapped(thrown);
        if (!this.#kept.halve()) return noRoom;
      }
    }
  }
}

/** Tells whether a module's snapshot was taken at a state that this contract starts from. */
function canRestore({ initialized }: Recyclable, { initialize = [] }: Contract): boolean {
  return initialized === undefined || initialized.join() === initialize.join();
}

/** Enters a ready guest by its contract. */
function callGuest(
  guest: Guest,
  { contract, input, limits }: { contract: Contract; input: Input; limits: CallLimits },
): Outcome {
  if (contract.kind === "json-pointer" && input.kind === contract.kind) {
    return callJsonPointer(guest, { contract, input, limits });
  }
  if (contract.kind === "scalars" && input.kind === contract.kind) return callScalars(guest, { contract, input });
  if (contract.kind === "wasi-command" && input.kind === contract.kind) return callWasiCommand(guest, { contract });
  return contractBroken(`the call brings ${input.kind} to a function of ${contract.kind}`);
}
