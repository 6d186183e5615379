/**
 * The WASI preview 1 host of one thread: every function of wasi_snapshot_preview1, without the machine's files and
 * without a network. It stands on the shim's descriptor and file classes; the shim's own imports are not used, since
 * each of them had to be replaced (reference: oci.md, section 4).
 *
 *   new WasiHost()      once: builds the imports
 *     begin(call)       before each call: strings, stdin, limits, empty outputs, a fresh table of descriptors
 *     bind(memory)      as soon as the instance's memory is known, before anything of the guest runs
 *     … the guest runs …
 *     ended, output(), stderr()
 *
 * Each import first asks whether the guest has already ended. What it throws is either an errno, which is its result;
 * or memoryFault, which is EFAULT; or ends the guest: nothing else, and no RangeError of a full stack, is swallowed.
 */
import { type Fd, wasi } from "@bjorn3/browser_wasi_shim";
import { GuestMemory, memoryFault } from "../guest-memory.ts";
import type { CallLimits, Outcome } from "../protocol.ts";
import { Clock, clocks } from "./clocks.ts";
import { descriptorCalls } from "./descriptor-calls.ts";
import { Descriptors } from "./descriptors.ts";
import { Errno } from "./errno.ts";
import { type Ending, Exit, exits } from "./exit.ts";
import { type MemoryFolder, OpenFolder } from "./folders.ts";
import { paths } from "./paths.ts";
import { polls } from "./poll.ts";
import { random } from "./random.ts";
import { Input, Output } from "./stdio.ts";
import { Strings, strings } from "./strings.ts";
import { transfers } from "./transfer.ts";

/** What the host must know of a call. */
export type WasiCall = {
  readonly args: readonly string[];
  /** NAME=value pairs. */
  readonly env: readonly string[];
  readonly stdin: Uint8Array;
  /** Whether what the guest writes to stdout is its answer, or goes where stderr goes. */
  readonly stdout: "output" | "log";
  readonly limits: Pick<CallLimits, "outputBytes" | "stderrBytes" | "timeoutMs">;
  /** Folders that the guest finds open, in this order. */
  readonly mounts?: readonly { readonly path: string; readonly folder: MemoryFolder }[];
};

type WasiFunction = (...parameters: never[]) => number;

const noMemory = new WebAssembly.Memory({ initial: 0, maximum: 0 });

/** Preview 1 for one call at a time. */
export class WasiHost {
  /** The functions to give as "wasi_snapshot_preview1". */
  readonly imports: WebAssembly.ModuleImports;
  readonly #exit = new Exit();
  readonly #stdin = new Input();
  readonly #stdout: Output;
  readonly #stderr = new Output(() => undefined);
  readonly #host: ReturnType<typeof emptyHost>;

  constructor() {
    this.#host = emptyHost(this.#exit);
    this.#stdout = new Output(() =>
      this.#exit.end({
        kind: "refused",
        code: "GUEST_OUTPUT_TOO_LARGE",
        message: `the guest wrote more than ${this.#host.outputBytes} bytes to stdout`,
      }),
    );
    this.imports = guardAll(this.#exit, {
      ...strings(this.#host),
      ...clocks(this.#host),
      ...random(this.#host),
      ...polls(this.#host),
      ...exits(this.#exit),
      ...transfers(this.#host),
      ...descriptorCalls(this.#host),
      ...paths(this.#host),
      ...sockets,
    });
  }

  /** Makes the host ready for a call; nothing of the previous one remains. @throws {Error} when a string holds a NUL */
  begin(call: WasiCall): void {
    const host = this.#host;
    this.#exit.begin();
    host.memory = unbound;
    host.args.begin(call.args);
    host.env.begin(call.env);
    host.clock.begin();
    host.timeoutMs = call.limits.timeoutMs;
    host.outputBytes = call.limits.outputBytes;
    host.answersByStdout = call.stdout === "output";
    this.#stdin.begin(call.stdin);
    this.#stdout.begin(call.limits.outputBytes);
    this.#stderr.begin(call.limits.stderrBytes);
    const open: Fd[] = [this.#stdin, call.stdout === "output" ? this.#stdout : this.#stderr, this.#stderr];
    for (const { path, folder } of call.mounts ?? []) open.push(new OpenFolder(folder, path));
    host.descriptors.begin(open);
  }

  /** Takes the memory that the guest's pointers mean. */
  bind(memory: GuestMemory): void {
    this.#host.memory = memory;
  }

  /** How the guest ended before its export returned; once there, it stands whatever the guest did later. */
  get ending(): Ending | undefined {
    return this.#exit.ending;
  }

  /**
   * The outcome of a call that ended before its export returned. An exit with code 0 is a return where stdout is the
   * answer; where it is not, the guest left without one.
   */
  get ended(): Outcome | undefined {
    const { ending } = this.#exit;
    if (ending?.kind !== "exited") return ending;
    if (ending.exitCode !== 0) return { ...ending, output: this.output() };
    if (this.#host.answersByStdout) return { kind: "returned", output: this.output() };
    const message = "the guest exited with code 0 before its export returned";
    return { kind: "refused", code: "GUEST_CONTRACT_BROKEN", message };
  }

  /** Returns a copy of what the guest wrote to stdout. */
  output(): Uint8Array {
    return this.#stdout.bytes();
  }

  /** Returns a copy of what the guest wrote to stderr, as much of it as is kept. */
  stderr(): Uint8Array {
    return this.#stderr.bytes();
  }
}

const unbound = new GuestMemory(noMemory);

/** What the files of this folder share. */
function emptyHost(exit: Exit) {
  return {
    memory: unbound,
    exit,
    clock: new Clock(),
    descriptors: new Descriptors(),
    args: new Strings(),
    env: new Strings(),
    timeoutMs: 0,
    outputBytes: 0,
    answersByStdout: true,
  };
}

/** There is no network. */
const sockets = {
  sock_accept: (): number => wasi.ERRNO_NOTSUP,
  sock_recv: (): number => wasi.ERRNO_NOTSUP,
  sock_send: (): number => wasi.ERRNO_NOTSUP,
  sock_shutdown: (): number => wasi.ERRNO_NOTSUP,
};

function guardAll(exit: Exit, functions: Readonly<Record<string, WasiFunction>>): WebAssembly.ModuleImports {
  return Object.fromEntries(Object.entries(functions).map(([name, call]) => [name, guard(exit, call)]));
}

/* eslint-disable max-params -- path_open's nine */

/** Nine fixed parameters, as many as path_open has: a rest array passed on made the cheapest import half as slow again. */
function guard(exit: Exit, wasiFunction: WasiFunction) {
  // A guest may declare an import with types of its own choice, so what comes is not known; what does not fit throws.
  const call = wasiFunction as (...parameters: unknown[]) => number;
  return (
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
    g: unknown,
    h: unknown,
    i: unknown,
  ) => {
    exit.check();
    try {
      return call(a, b, c, d, e, f, g, h, i);
    } catch (thrown) {
      if (thrown === memoryFault) return wasi.ERRNO_FAULT;
      if (thrown instanceof Errno) return thrown.errno;
      return exit.fail(thrown);
    }
  };
}
