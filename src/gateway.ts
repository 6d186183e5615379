/**
 * The composition root: constructs everything once, in order, and takes it down in the opposite one.
 *
 *   catalog (locks the folder) -> blobs -> swept -> compiler, pool -> registry, pulls -> functions -> listeners -> warm
 *
 * Nothing here decides anything about a request; what a part needs is handed to it and nothing else.
 */
import type { AddressInfo } from "node:net";
import { Access } from "./access/access.ts";
import type { Config } from "./config.ts";
import { Functions } from "./functions.ts";
import { Listener } from "./http/server.ts";
import { wasmEngine } from "./http/wasmengine.ts";
import type { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { DockerCredentials } from "./oci/credentials.ts";
import { defaultPullLimits, type PullLimits } from "./oci/limits.ts";
import { Registry } from "./oci/registry.ts";
import { RegistryPolicy } from "./oci/registry-policy.ts";
import { Pulls } from "./pulls.ts";
import { requirePath } from "./required-paths.ts";
import { Arena } from "./runtime/arena.ts";
import { Compiler } from "./runtime/compiler.ts";
import { Modules } from "./runtime/modules.ts";
import { Pool } from "./runtime/pool.ts";
import type { CallLimits } from "./runtime/protocol.ts";
import { Blobs } from "./store/blobs.ts";
import { Catalog } from "./store/catalog.ts";
import { defaultModuleLimits } from "./wasm/limits.ts";
import { warmUp } from "./warm.ts";

/** Compiled modules are kept up to this many bytes of source; V8's code for them is some times that. */
const compiledBytes = 512 * 2 ** 20;
/** How long a start may spend on compiling ahead before it says that it is ready. */
const warmWithinMs = 10_000;
const pageBytes = 65_536;
/** What idle instances may keep resident, all threads together. */
const idleBytes = 2 ** 30;
/** Each reserves some 10 GiB of address space, of which a process has 128 TiB; 4000 were seen to live without trouble. */
const idleInstances = 3000;

/** A gateway that serves. */
export type Gateway = {
  /** Where it listens, by dialect. */
  readonly addresses: Readonly<Record<string, AddressInfo>>;
  /** Stops accepting, lets running calls end within the grace period, closes the store. */
  close(): Promise<void>;
};

/** What listeners are put in front of. */
type Core = {
  readonly access: Access;
  readonly metrics: Metrics;
  readonly functions: Functions;
  /** What is not ready, a few words each. */
  readonly notReady: () => string[];
};

/** What takes a part down again, in the order in which the parts were made. */
type Closers = ((graceMs: number) => Promise<void> | void)[];

/**
 * Opens the data folder, starts the threads and listens.
 * @throws {Error} with a sentence for the operator: folder in use, port taken, users file wrong, …
 */
export async function openGateway(config: Config, log: Log): Promise<Gateway> {
  const closers: Closers = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= takeDown(closers, config.shutdownGraceMs));
  try {
    const core = await openCore(config, log, closers);
    const addresses = await listen(config, { ...core, log }, closers);
    log.info("listening", { addresses });
    return { addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Takes every part down, the last one first; one that fails does not keep the others up. */
async function takeDown(closers: Closers, graceMs: number): Promise<void> {
  const giveUpMs = performance.now() + graceMs;
  const failures: unknown[] = [];
  for (const step of closers.reverse()) {
    try {
      await step(Math.max(0, giveUpMs - performance.now()));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "not every part of the gateway could be closed");
}

async function openCore(config: Config, log: Log, closers: Closers): Promise<Core> {
  const access = await Access.open(config);
  await requirePaths(config);
  const metrics = new Metrics({ process: true });
  const catalog = await Catalog.open({ dataDir: config.dataDir, log });
  closers.push(() => catalog.close());
  const blobs = await Blobs.open({ dataDir: config.dataDir, quotaBytes: config.storeQuotaBytes });
  const { pool, modules } = openRuntime(config, blobs.derivedFolder, closers);
  const pullLimits: PullLimits = { ...defaultPullLimits, ...config.pull };
  const registry = openRegistry(config, { limits: pullLimits, log });
  closers.push(() => registry.close());
  const pulls = new Pulls({ registry, blobs, modules, catalog, limits: pullLimits, metrics });
  closers.push(() => pulls.close());
  const limits = callLimits(config);
  const functions = new Functions({
    catalog,
    blobs,
    pulls,
    modules,
    pool,
    metrics,
    log,
    limits,
    dataDir: config.dataDir,
  });
  await functions.restore();
  closers.push(() => functions.close());
  await pool.start();
  watch(metrics, pool, catalog);
  const stopped = new AbortController();
  closers.push(() => stopped.abort());
  let warm = false;
  void warmUp(functions, { withinMs: warmWithinMs, signal: stopped.signal, log }).finally(() => (warm = true));
  const notReady = (): string[] => [
    ...(catalog.isOpen ? [] : ["the store is not open"]),
    ...(pool.isUp ? [] : ["the guest threads are not up"]),
    ...(warm ? [] : ["functions are being compiled"]),
  ];
  return { access, metrics, functions, notReady };
}

async function requirePaths({ registryConfigChosen, registryConfigFiles, registryCertsDir }: Config): Promise<void> {
  const files = registryConfigChosen ? registryConfigFiles : [];
  for (const file of files) await requirePath("WASMGATE_REGISTRY_CONFIG", file, "file");
  if (registryCertsDir !== null) await requirePath("WASMGATE_REGISTRY_CERTS_DIR", registryCertsDir, "folder");
}

function watch(metrics: Metrics, pool: Pool, catalog: Catalog): void {
  metrics.watch({
    queuedCalls: () => pool.state.waiting,
    runningCalls: () => pool.state.running,
    threads: () => pool.state.threads,
    functions: () => catalog.list().length,
  });
}

function openRuntime(
  config: Config,
  rewrittenFolder: string,
  closers: Closers,
): { readonly pool: Pool; readonly modules: Modules } {
  const limits = {
    ...defaultModuleLimits,
    functions: config.moduleMaxFunctions,
    localsPerFunction: config.moduleMaxLocals,
  };
  const arena = new Arena();
  const { memoryPages } = callLimits(config);
  const compiler = new Compiler({
    timeoutMs: config.compileTimeoutMs,
    limits,
    rewrittenFolder,
    arena,
    memoryPages,
    verifyRestore: config.verifyRestore,
  });
  closers.push(() => compiler.close());
  const { workers: threads, maxQueue, queueTimeoutMs, verifyRestore } = config;
  const idle = { idleBytes: idleBytes / threads, idleInstances: Math.ceil(idleInstances / (2 * threads)) };
  const pool = new Pool(
    { threads, maxQueue, queueTimeoutMs },
    { arena: arena.memory, memoryPages, ...idle, verifyRestore },
  );
  closers.push((graceMs) => pool.close(graceMs));
  return { pool, modules: new Modules({ compile: (file) => compiler.compile(file), maxBytes: compiledBytes }) };
}

async function listen(
  config: Config,
  core: Core & { readonly log: Log },
  closers: Closers,
): Promise<Gateway["addresses"]> {
  if (config.port === "off") return {};
  const listener = new Listener({
    ...core,
    dialect: wasmEngine(core.functions),
    host: config.host,
    port: config.port,
    allowedHosts: config.allowedHosts,
    bounds: { maxBodyBytes: config.maxBodyBytes },
  });
  const address = await listener.listen().catch((error: unknown) => {
    throw cannotListen(error, config);
  });
  closers.push((graceMs) => listener.close(graceMs));
  return { wasmengine: address };
}

const whyNoPort: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program has that port; stop it, or set WASMGATE_PORT to another one",
  EACCES: "ports below 1024 take more rights than we have; set WASMGATE_PORT to a higher one",
  EADDRNOTAVAIL: "this machine has no such address; set WASMGATE_HOST to one that it has",
  ENOTFOUND: "no such name is known here; set WASMGATE_HOST to an address of this machine",
};

/** A sentence for the operator in place of the system's name for it. */
function cannotListen(error: unknown, { host, port }: Pick<Config, "host" | "port">): unknown {
  const code = Error.isError(error) && "code" in error ? String(error.code) : "";
  const why = whyNoPort[code];
  return why === undefined ? error : new Error(`cannot listen on ${host} port ${port}: ${why}`, { cause: error });
}

function openRegistry(config: Config, rest: { readonly limits: PullLimits; readonly log: Log }): Registry {
  const policy = new RegistryPolicy({
    allowed: config.allowedRegistries ?? undefined,
    insecure: config.insecureRegistries,
    mirrors: config.registryMirrors,
    skipTlsVerify: config.skipTlsVerify,
    certsFolder: config.registryCertsDir ?? undefined,
  });
  const credentials = new DockerCredentials({ files: config.registryConfigFiles, log: rest.log });
  return new Registry({ policy, credentials, ...rest });
}

function callLimits(config: Config): CallLimits {
  return {
    memoryPages: Math.floor(config.memoryLimitBytes / pageBytes),
    timeoutMs: config.timeoutMs,
    outputBytes: config.maxOutputBytes,
    stderrBytes: config.maxStderrBytes,
  };
}
