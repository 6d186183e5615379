/**
 * Calls of modules that are not rewritten: an instance for each, ended only with its thread.
 */
import { enter, type Guest } from "./guest.ts";
import { GuestMemory } from "./guest-memory.ts";
import type { LoadedModule, Outcome } from "./protocol.ts";
import { outOfMemory } from "./traps.ts";
import type { WasiHost } from "./wasi/host.ts";

type AsIs = Extract<LoadedModule, { kind: "as-is" }>;

/** What 32-bit addresses can reach. */
const wasmMaxPages = 65_536;

/** Instantiates a module and enters it; `host` is its WASI host, begun for this call, if it imports WASI. */
export function runAsIs(
  loaded: AsIs,
  around: {
    readonly host: WasiHost | undefined;
    readonly memoryPages: number;
    /** Told how much memory is let go of when the call is over. */
    readonly bury: (sizeBytes: number) => void;
  },
  call: (guest: Guest) => Outcome,
): Outcome {
  const startPages = loaded.memories.reduce((sum, { minPages }) => sum + minPages, 0);
  const sparePages = around.memoryPages - startPages;
  if (sparePages < 0) return startsTooLarge(startPages, around.memoryPages);
  const memories = makeMemories(loaded, Math.floor(sparePages / Math.max(1, loaded.memories.length)));
  if (memories === undefined) return outOfMemory("the machine has no memory for another instance");
  const [first] = memories;
  const memory = first === undefined ? {} : { memory: new GuestMemory(first) };
  const host = around.host === undefined ? {} : { host: around.host };
  if (memory.memory !== undefined) around.host?.bind(memory.memory);
  const outcome = enter({ exports: {}, ...memory, ...host }, () => {
    const { exports } = new WebAssembly.Instance(loaded.module, importsFor(loaded, memories, around.host));
    return call({ exports, ...memory, ...host });
  });
  around.bury(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0));
  return outcome;
}

/** Says that a module starts with more memory than its call may have. */
export function startsTooLarge(startPages: number, limitPages: number): Outcome {
  const what = `its module starts with ${startPages} pages of memory (64 KiB each), the limit is ${limitPages}`;
  const message = `${what}: call it, or deploy it, with limits.memory of ${startPages * 64}Ki or more, and WASMGATE_MEMORY_LIMIT no lower`;
  return { kind: "refused", code: "MODULE_UNSUPPORTED", message };
}

function importsFor(
  { memories: asked }: AsIs,
  memories: readonly WebAssembly.Memory[],
  host: WasiHost | undefined,
): WebAssembly.Imports {
  const imports: WebAssembly.Imports = host === undefined ? {} : { wasi_snapshot_preview1: host.imports };
  asked.forEach(({ module, name }, index) => {
    const memory = memories[index];
    if (memory !== undefined) imports[module] = { ...imports[module], [name]: memory };
  });
  return imports;
}

/**
 * Makes the memories that a module leaves to its host. The maximum of each is what it starts with and its share of the
 * pages that are left, so growth past the limit answers -1; undefined when the machine has no room.
 */
function makeMemories({ memories }: AsIs, sharePages: number): WebAssembly.Memory[] | undefined {
  try {
    return memories.map(({ minPages, maxPages = wasmMaxPages }) => {
      return new WebAssembly.Memory({ initial: minPages, maximum: Math.min(minPages + sharePages, maxPages) });
    });
  } catch (thrown) {
    if (Error.isError(thrown) && thrown.name === "RangeError") return undefined;
    throw thrown;
  }
}
