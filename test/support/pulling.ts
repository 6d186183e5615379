/** A Registry of src/oci with everything around it, for tests. */
import type { Readable } from "node:stream";
import { PassThrough, type Writable } from "node:stream";
import { systemAddresses, type Addresses } from "../../src/oci/address-policy.ts";
import type { Credentials } from "../../src/oci/credentials.ts";
import { defaultPullLimits, type PullLimits } from "../../src/oci/limits.ts";
import { RegistryPolicy, type RegistryRules } from "../../src/oci/registry-policy.ts";
import { Registry } from "../../src/oci/registry.ts";

/** What was logged. */
export type Logged = { level: string; message: string; fields: Readonly<Record<string, unknown>> | undefined };

/** Limits with pauses that a test can wait for. */
export const quick: PullLimits = { ...defaultPullLimits, retryBaseMs: 1, retryCapMs: 5 };

/** Makes a client; it is closed after the current test file. */
export function client(
  options: {
    rules?: RegistryRules;
    credentials?: Credentials;
    limits?: Partial<PullLimits>;
    addresses?: Addresses;
  } = {},
): { registry: Registry; logged: Logged[] } {
  const logged: Logged[] = [];
  const at =
    (level: string) =>
    (message: string, fields?: Readonly<Record<string, unknown>>): void =>
      void logged.push({ level, message, fields });
  const registry = new Registry({
    policy: new RegistryPolicy(options.rules ?? {}),
    credentials: options.credentials ?? { find: async () => undefined },
    limits: { ...quick, ...options.limits },
    log: { warn: at("warn") },
    addresses: options.addresses ?? systemAddresses,
  });
  clients.push(registry);
  return { registry, logged };
}

const clients: Registry[] = [];
afterAll(async () => {
  await Promise.all(clients.map((registry) => registry.close()));
});

/** A resolver under which names have the addresses given, and 127.0.0.1 counts as public. */
export function publicLoopback(names: Readonly<Record<string, string>>): Addresses {
  return {
    lookup: async (hostname) => {
      const address = names[hostname];
      if (address !== undefined) return [address];
      throw Object.assign(new Error(`no ${hostname}`), { code: "ENOTFOUND" });
    },
    reachOf: (address) => (address === "127.0.0.1" ? "public" : systemAddresses.reachOf(address)),
  };
}

/** Reads a stream to its end. */
export async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Staged files that stay in memory, and how many were thrown away. */
export class MemoryStage {
  readonly files: MemoryFile[] = [];
  readonly stage = async (): Promise<MemoryFile> => {
    const file = new MemoryFile();
    this.files.push(file);
    return file;
  };

  /** The files that nobody discarded. */
  get kept(): MemoryFile[] {
    return this.files.filter((file) => !file.isDiscarded);
  }
}

class MemoryFile {
  isDiscarded = false;
  readonly #chunks: Uint8Array[] = [];
  readonly writable: Writable = new PassThrough().on("data", (chunk: Uint8Array) => this.#chunks.push(chunk));

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async discard(): Promise<void> {
    this.isDiscarded = true;
    this.writable.destroy();
  }
}
