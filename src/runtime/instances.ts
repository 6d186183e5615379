/**
 * The life of an instance, on the guest's thread. Today an instance serves one call:
 *
 *   cold --instantiate: data, start function--> made --initializers--> ready --the call--> used, retired
 *
 * Recycling will lead from used back to ready; everything that a call needs passes through here so that it can.
 * The guest may trap, loop or fill its memory at every step, its start function included; each step is part of the
 * call, so the deadline holds for all of them.
 */
import type { Contract } from "../wasm/contract.ts";
import { callJsonPointer } from "./abi/json-pointer.ts";
import { callScalars } from "./abi/scalars.ts";
import { callWasiCommand } from "./abi/wasi-command.ts";
import { contractBroken, enter, exportedFunction, type Guest } from "./guest.ts";
import { GuestMemory } from "./guest-memory.ts";
import type { Call, LoadedModule, Outcome } from "./protocol.ts";
import { outOfMemory } from "./traps.ts";
import { WasiHost } from "./wasi/host.ts";

const wasiModule = "wasi_snapshot_preview1";
const noStdin = new Uint8Array(0);
/** What 32-bit addresses can reach. */
const wasmMaxPages = 65_536;
/** Memory that may lie dead before it is collected. */
const deadAtMostBytes = 64 * 2 ** 20;

/** Makes instances and calls them, on one thread, one at a time. */
export class Instances {
  readonly #host = new WasiHost();
  #deadBytes = 0;

  /** Runs one call on a fresh instance; however the guest behaves, this returns. */
  run(call: Call, loaded: LoadedModule): Outcome {
    const outcome = this.#run(call, loaded);
    const stderr = call.contract.wasi ? this.#host.stderr() : noStdin;
    return stderr.byteLength === 0 ? outcome : { ...outcome, stderr };
  }

  #run(call: Call, loaded: LoadedModule): Outcome {
    const { contract } = call;
    const startPages = loaded.memories.reduce((sum, { minPages }) => sum + minPages, 0);
    const sparePages = call.limits.memoryPages - startPages;
    if (sparePages < 0) return startsTooLarge(startPages, call.limits.memoryPages);
    const memories = makeMemories(loaded, Math.floor(sparePages / Math.max(1, loaded.memories.length)));
    if (memories === undefined) return outOfMemory("the machine has no memory for another instance");
    const [first] = memories;
    const memory = first === undefined ? {} : { memory: new GuestMemory(first) };
    const host = contract.wasi ? { host: this.#beginHost(call, memory.memory) } : {};
    const unborn: Guest = { exports: {}, ...memory, ...host };
    const outcome = enter(unborn, () => {
      const { exports } = new WebAssembly.Instance(loaded.module, this.#importsFor(loaded, memories, contract));
      const guest: Guest = { exports, ...memory, ...host };
      for (const name of contract.initialize ?? []) exportedFunction(guest, name)();
      return callGuest(guest, call);
    });
    this.#retire(memories);
    return outcome;
  }

  /**
   * V8 does not see by how much a guest's memory grew, so nothing else makes it collect: 60 calls one after the other of a
   * guest that grows to 256 MiB held 15 GiB.
   */
  #retire(memories: readonly WebAssembly.Memory[]): void {
    this.#deadBytes += memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    if (this.#deadBytes <= deadAtMostBytes) return;
    this.#deadBytes = 0;
    globalThis.gc?.();
  }

  #beginHost({ contract, input, env, limits }: Call, memory: GuestMemory | undefined): WasiHost {
    const command = input.kind === "wasi-command" ? input : { args: [], stdin: noStdin };
    const stdout = contract.kind === "wasi-command" ? "output" : "log";
    this.#host.begin({ args: command.args, stdin: command.stdin, env, stdout, limits });
    if (memory !== undefined) this.#host.bind(memory);
    return this.#host;
  }

  #importsFor(loaded: LoadedModule, memories: readonly WebAssembly.Memory[], { wasi }: Contract): WebAssembly.Imports {
    const imports: WebAssembly.Imports = wasi ? { [wasiModule]: this.#host.imports } : {};
    loaded.memories.forEach(({ module, name }, index) => {
      const memory = memories[index];
      if (memory !== undefined) imports[module] = { ...imports[module], [name]: memory };
    });
    return imports;
  }
}

/** Enters a ready guest by its contract. */
function callGuest(guest: Guest, { contract, input, limits }: Call): Outcome {
  if (contract.kind === "json-pointer" && input.kind === contract.kind) {
    return callJsonPointer(guest, { contract, input, limits });
  }
  if (contract.kind === "scalars" && input.kind === contract.kind) return callScalars(guest, { contract, input });
  if (contract.kind === "wasi-command" && input.kind === contract.kind) return callWasiCommand(guest, { contract });
  return contractBroken(`the call brings ${input.kind} to a function of ${contract.kind}`);
}

function startsTooLarge(startPages: number, limitPages: number): Outcome {
  const what = `its module starts with ${startPages} pages of memory (64 KiB each), the limit is ${limitPages}`;
  const message = `${what}: call it, or deploy it, with limits.memory of ${startPages * 64}Ki or more, and WASMGATE_MEMORY_LIMIT no lower`;
  return { kind: "refused", code: "MODULE_UNSUPPORTED", message };
}

/**
 * Makes the memories that a module leaves to its host. The maximum of each is what it starts with and its share of the
 * pages that are left, so growth past the limit answers -1; undefined when the machine has no room.
 */
function makeMemories({ memories }: LoadedModule, sharePages: number): WebAssembly.Memory[] | undefined {
  try {
    return memories.map(({ minPages, maxPages = wasmMaxPages }) => {
      return new WebAssembly.Memory({ initial: minPages, maximum: Math.min(minPages + sharePages, maxPages) });
    });
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}
