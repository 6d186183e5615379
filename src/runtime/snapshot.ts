/**
 * Where a module's calls start from: the state after its start function and initializers where these are pure, the state
 * before them where they are not.
 *
 * An initializer that reads a clock, randomness, arguments or the environment would freeze what it read for every later
 * caller: a seed, a canary, a secret. So whatever it imports but what is listed here means that it runs again for each
 * call. So does a trap or an endless loop in it: the caller shall see that, not the deploy.
 */
import type { ModuleInfo } from "../wasm/inspect.ts";
import { Instance, type Surroundings } from "./instance.ts";
import type { Variant } from "./protocol.ts";
import { WasiHost } from "./wasi/host.ts";

/** A module's snapshot. */
export type Snapshot = {
  /** The memory, of whole pages; absent for a module without one. */
  readonly image?: Uint8Array<ArrayBuffer>;
  /** The initializers that ran before it; absent when nothing did, not even the start function. */
  readonly initialized?: readonly string[];
};

/** Functions of preview 1 that answer the same in every call: there are no folders, and stdio is what it is. */
const pure = new Set(["fd_prestat_get", "fd_prestat_dir_name", "fd_fdstat_get", "sched_yield"]);
const initializers = ["_initialize", "wizer.initialize"];
const pageBytes = 65_536;
/** Room that an initializer may grow into before the snapshot is refused to it. */
const headroomPages = 256;
const limits = { outputBytes: 0, stderrBytes: 0, timeoutMs: 0 };

/**
 * Takes a snapshot of a module in its tracked variant; `around.host` is not used. Undefined when the module's data lies
 * beyond the memory that it asks for: it could not be instantiated as it is, and what lies there would not be restored.
 */
export function takeSnapshot(variant: Variant, info: ModuleInfo, around: Surroundings): Snapshot | undefined {
  const initialized = initializers.filter((name) => isPlain(info, name));
  let impure = false;
  const host = new WasiHost();
  host.begin({ args: [], env: [], stdin: new Uint8Array(0), stdout: "log", limits });
  const noting = Object.fromEntries(
    Object.entries(host.imports).map(([name, call]) => [
      name,
      (...parameters: unknown[]) => {
        if (!pure.has(name)) impure = true;
        return typeof call === "function" ? (Reflect.apply(call, undefined, parameters) as unknown) : undefined;
      },
    ]),
  );
  const make = (): Instance => {
    const wasi = info.imports.length > 0;
    return new Instance({ variant, tracked: true, wasi, headroomPages }, { ...around, host, wasiImports: noting });
  };
  const made = make();
  if (made.hasDataBeyond()) return undefined;
  try {
    if (made.guest.memory !== undefined) host.bind(made.guest.memory);
    made.initialize(initialized);
  } catch {
    impure = true;
  } finally {
    made.retire();
  }
  return impure ? imageOf(make()) : { ...imageOf(made), initialized };
}

function isPlain(info: ModuleInfo, wanted: string): boolean {
  return info.exports.some(
    (each) =>
      each.name === wanted && each.kind === "function" && each.type.params.length + each.type.results.length === 0,
  );
}

function imageOf({ guest }: Instance): { readonly image?: Uint8Array<ArrayBuffer> } {
  const { memory } = guest;
  if (memory === undefined) return {};
  const image = new Uint8Array(Math.ceil(memory.sizeBytes / pageBytes) * pageBytes);
  image.set(memory.read(0, memory.sizeBytes));
  return { image };
}
