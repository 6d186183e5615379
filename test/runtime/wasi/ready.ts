/** Makes a fixture or other module ready for a test: a host that has begun a call, bound to the instance's memory. */
import type { Guest } from "../../../src/runtime/guest.ts";
import { GuestMemory } from "../../../src/runtime/guest-memory.ts";
import { type WasiCall, WasiHost } from "../../../src/runtime/wasi/host.ts";

const usual: WasiCall = {
  args: [],
  env: [],
  stdin: new Uint8Array(0),
  stdout: "output",
  limits: { outputBytes: 1024, stderrBytes: 64, timeoutMs: 10_000 },
};

export type Ready = {
  readonly guest: Guest;
  readonly host: WasiHost;
  /** The guest's memory as it is now. */
  readonly bytes: () => Uint8Array;
  /** Calls an export. */
  readonly call: (name: string, ...parameters: (number | bigint)[]) => unknown;
};

export function ready(module: Uint8Array<ArrayBuffer>, call: Partial<WasiCall> = {}, host = new WasiHost()): Ready {
  host.begin({ ...usual, ...call });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module), { wasi_snapshot_preview1: host.imports });
  const { memory } = instance.exports;
  if (!(memory instanceof WebAssembly.Memory)) throw new Error("the guest exports no memory");
  const guestMemory = new GuestMemory(memory);
  host.bind(guestMemory);
  return {
    guest: { exports: instance.exports, memory: guestMemory, host },
    host,
    bytes: () => new Uint8Array(memory.buffer),
    call: (name, ...parameters) => {
      const exported = instance.exports[name];
      if (typeof exported !== "function") throw new Error(`the guest exports no function ${name}`);
      return exported(...parameters);
    },
  };
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
