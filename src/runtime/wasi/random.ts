/**
 * Random bytes from the system's generator through a small pool: one getRandomValues() costs a microsecond however few
 * bytes it is asked for, and most guests ask for the 16 that seed a hash map. What was given out is wiped.
 */
import { wasi } from "@bjorn3/browser_wasi_shim";
import type { GuestMemory } from "../guest-memory.ts";

const poolBytes = 4096;

/** The import that gives random bytes. */
export function random(host: { readonly memory: GuestMemory }) {
  const pool = new Uint8Array(poolBytes);
  let usedBytes = poolBytes;

  const give = (pointer: number, lengthBytes: number): number => {
    if (usedBytes === poolBytes) {
      crypto.getRandomValues(pool);
      usedBytes = 0;
    }
    const bytes = pool.subarray(usedBytes, Math.min(poolBytes, usedBytes + lengthBytes));
    usedBytes += bytes.byteLength;
    host.memory.write(pointer, bytes);
    bytes.fill(0);
    return bytes.byteLength;
  };

  return {
    random_get: (buffer: number, length: number): number => {
      host.memory.check(buffer, length);
      const end = (buffer >>> 0) + (length >>> 0);
      for (let at = buffer >>> 0; at < end;) at += give(at, end - at);
      return wasi.ERRNO_SUCCESS;
    },
  };
}
