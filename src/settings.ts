/**
 * The table of everything that can be set: one row for each variable, in the order in which the README prints them.
 *
 *   key of Config: setting(kind, variable, default, what it is)
 *
 * Units end the keys; null is "not set". Every default that bounds something lies above what honest images and guests
 * need and below what hurts the process.
 */
import { z } from "zod";
import * as kind from "./setting.ts";
import { setting } from "./setting.ts";

const host = String.raw`(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)`;
const registry = String.raw`${host}(?::\d{1,5})?`;
const network = String.raw`(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)\/\d{1,3}`;

const hosts = kind.list("host names or addresses, each with a port or without", new RegExp(`^${registry}$`), 0);
const registries = kind.list("registries such as ghcr.io or 127.0.0.1:5000", new RegExp(`^${registry}$`), 0);
const registriesOrAll = kind.listOrAll("registries such as ghcr.io", new RegExp(`^${registry}$`));
const registriesOrNetworks = kind.list(
  "registries such as 10.1.2.3:5000 or networks such as 10.0.0.0/8",
  new RegExp(`^(?:${registry}|${network})$`),
  0,
);
const mirrors = kind.pairs("pairs such as docker.io=127.0.0.1:5000", new RegExp(`^${registry}=${registry}$`));
const address = kind.text(
  "an IP address or a host name",
  /^(?:[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|\d+\.\d+\.\d+\.\d+|(?![\d.]+$)[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?)$/,
);
const credentials = kind.path("a docker config.json, or search, or none", ["search", "none"]);
const anyTimeout = kind.duration("10ms", "1h");

const server = {
  host: setting(address, "WASMGATE_HOST", "127.0.0.1", "Address to listen on"),
  port: setting(kind.port, "WASMGATE_PORT", "10000", "Port of the WasmEngine dialect; `off` for none"),
  allowedHosts: setting(hosts, "WASMGATE_ALLOWED_HOSTS", "", "Further names that a Host header may carry"),
  authFile: setting(kind.optionalPath("a file of users"), "WASMGATE_AUTH_FILE", "", "Users, their hashes and rights"),
  allowUnauthenticated: setting(
    kind.flag,
    "WASMGATE_ALLOW_UNAUTHENTICATED",
    "0",
    "Listen beyond loopback without users: whoever reaches the port may deploy",
  ),
  maxBodyBytes: setting(kind.size("1Ki", "256Mi"), "WASMGATE_MAX_BODY", "4Mi", "A request's body"),
  shutdownGraceMs: setting(
    kind.duration("0s", "1h"),
    "WASMGATE_SHUTDOWN_GRACE",
    "10s",
    "How long running calls may take to end once the gateway is told to stop",
  ),
  logLevel: setting(
    kind.word("error", "warn", "info", "debug"),
    "WASMGATE_LOG_LEVEL",
    "info",
    "What is logged: events of this weight and above",
  ),
};

const calls = {
  workers: setting(kind.threads(256), "WASMGATE_WORKERS", "cores", "Threads that run guests; `cores` is two at least"),
  timeoutMs: setting(kind.duration("1ms", "1h"), "WASMGATE_TIMEOUT", "10s", "A call's running time"),
  queueTimeoutMs: setting(
    kind.duration("1ms", "1h"),
    "WASMGATE_QUEUE_TIMEOUT",
    "10s",
    "How long a call may wait for a thread",
  ),
  maxQueue: setting(kind.count(1, 1_000_000), "WASMGATE_MAX_QUEUE", "1024", "Calls that may wait for a thread"),
  memoryLimitBytes: setting(
    kind.size("64Ki", "4Gi"),
    "WASMGATE_MEMORY_LIMIT",
    "256Mi",
    "Memory of one instance of a guest",
  ),
  maxOutputBytes: setting(kind.size("1Ki", "256Mi"), "WASMGATE_MAX_OUTPUT", "4Mi", "What a call may return or print"),
  maxStderrBytes: setting(kind.size("0", "16Mi"), "WASMGATE_MAX_STDERR", "64Ki", "What is kept of a call's stderr"),
  compileTimeoutMs: setting(
    kind.duration("100ms", "10m"),
    "WASMGATE_COMPILE_TIMEOUT",
    "30s",
    "How long a module may take to compile",
  ),
  moduleMaxFunctions: setting(
    kind.count(1, 1_000_000),
    "WASMGATE_MODULE_MAX_FUNCTIONS",
    "200000",
    "Functions in a module",
  ),
  moduleMaxLocals: setting(
    kind.count(1, 50_000),
    "WASMGATE_MODULE_MAX_LOCALS",
    "50000",
    "Locals in one function of a module",
  ),
  verifyRestore: setting(
    kind.flag,
    "WASMGATE_VERIFY_RESTORE",
    "0",
    "Compare an instance's whole state with a fresh one's after every call: for tests, slow",
  ),
};

const store = {
  dataDir: setting(kind.path("a folder"), "WASMGATE_DATA_DIR", "./data", "Where functions and the catalog are kept"),
  storeQuotaBytes: setting(
    kind.size("1Mi", "8191Ti"),
    "WASMGATE_STORE_QUOTA",
    "10Gi",
    "What the modules in the data folder may fill",
  ),
};

const pulling = {
  insecureRegistries: setting(
    registriesOrNetworks,
    "WASMGATE_INSECURE_REGISTRIES",
    "",
    "Registries spoken to by http, beside those on loopback",
  ),
  allowedRegistries: setting(
    registriesOrAll,
    "WASMGATE_ALLOWED_REGISTRIES",
    "*",
    "The only registries that images may come from",
  ),
  registryMirrors: setting(mirrors, "WASMGATE_REGISTRY_MIRRORS", "", "Registries to ask in place of others"),
  registryConfig: setting(
    credentials,
    "WASMGATE_REGISTRY_CONFIG",
    "search",
    "Credentials of registries; `search` looks where docker and podman keep theirs",
  ),
  registryCertsDir: setting(
    kind.optionalPath("a folder"),
    "WASMGATE_REGISTRY_CERTS_DIR",
    "",
    "Private CAs, laid out as docker's certs.d: `<registry>/ca.crt`",
  ),
  skipTlsVerify: setting(
    registries,
    "WASMGATE_SKIP_TLS_VERIFY",
    "",
    "Registries whose certificates are believed unchecked",
  ),
};

/** Bounds on what a registry may make us do; keys of Config's `pull`, which are those of oci's PullLimits. */
export const pull = {
  manifestBytes: setting(kind.size("1Ki", "64Mi"), "WASMGATE_PULL_MAX_MANIFEST", "4Mi", "A manifest or an index"),
  configBytes: setting(kind.size("1Ki", "64Mi"), "WASMGATE_PULL_MAX_CONFIG", "1Mi", "An image's config"),
  tokenBytes: setting(kind.size("1Ki", "1Mi"), "WASMGATE_PULL_MAX_TOKEN", "128Ki", "A token server's answer"),
  errorBytes: setting(kind.size("1Ki", "1Mi"), "WASMGATE_PULL_MAX_ERROR", "64Ki", "What is read of a refusal"),
  inlineDataBytes: setting(kind.size("0", "1Mi"), "WASMGATE_PULL_MAX_INLINE_DATA", "64Ki", "A descriptor's own data"),
  indexEntries: setting(
    kind.count(1, 10_000),
    "WASMGATE_PULL_MAX_INDEX_ENTRIES",
    "256",
    "Entries of an index, layers of a manifest",
  ),
  indexDepth: setting(kind.count(1, 8), "WASMGATE_PULL_MAX_INDEX_DEPTH", "2", "Indexes within indexes"),
  layerBytes: setting(kind.size("1Ki", "4Gi"), "WASMGATE_PULL_MAX_LAYER", "64Mi", "A layer as it is sent"),
  decompressedBytes: setting(
    kind.size("1Ki", "16Gi"),
    "WASMGATE_PULL_MAX_DECOMPRESSED",
    "256Mi",
    "A layer once decompressed",
  ),
  moduleBytes: setting(kind.size("8", "1Gi"), "WASMGATE_PULL_MAX_MODULE", "64Mi", "A module's file"),
  tarEntries: setting(kind.count(1, 1_000_000), "WASMGATE_PULL_MAX_TAR_ENTRIES", "1024", "Files in a layer"),
  tarHeaderBytes: setting(kind.size("1Ki", "4Mi"), "WASMGATE_PULL_MAX_TAR_HEADER", "64Ki", "A file's name in a layer"),
  zstdWindowLog: setting(
    kind.count(10, 31),
    "WASMGATE_PULL_MAX_ZSTD_WINDOW_LOG",
    "23",
    "Binary logarithm of the memory that a zstd layer may ask for",
  ),
  redirects: setting(kind.count(0, 20), "WASMGATE_PULL_MAX_REDIRECTS", "5", "Redirects followed for one request"),
  connectTimeoutMs: setting(anyTimeout, "WASMGATE_PULL_CONNECT_TIMEOUT", "10s", "Until a connection stands"),
  headersTimeoutMs: setting(anyTimeout, "WASMGATE_PULL_HEADERS_TIMEOUT", "30s", "Until an answer begins"),
  idleTimeoutMs: setting(anyTimeout, "WASMGATE_PULL_IDLE_TIMEOUT", "30s", "Silence within an answer"),
  documentTimeoutMs: setting(
    anyTimeout,
    "WASMGATE_PULL_DOCUMENT_TIMEOUT",
    "30s",
    "A manifest, config or token, all tries together",
  ),
  pullTimeoutMs: setting(anyTimeout, "WASMGATE_PULL_TIMEOUT", "5m", "One image's layer, all tries together"),
  attempts: setting(kind.count(1, 20), "WASMGATE_PULL_MAX_ATTEMPTS", "5", "Tries of one request, the first included"),
  retryBaseMs: setting(anyTimeout, "WASMGATE_PULL_RETRY_PAUSE", "250ms", "Before the second try; doubles each time"),
  retryCapMs: setting(anyTimeout, "WASMGATE_PULL_MAX_RETRY_PAUSE", "10s", "Where that doubling ends"),
  retryAfterCapMs: setting(
    anyTimeout,
    "WASMGATE_PULL_MAX_RETRY_AFTER",
    "1m",
    "The longest wait that a registry may ask for; beyond it the pull fails",
  ),
  parallelPulls: setting(kind.count(1, 64), "WASMGATE_PULL_PARALLEL", "4", "Pulls at a time; the others wait"),
};

/** All others; keys of Config itself. */
export const settings = { ...server, ...calls, ...store, ...pulling };

/** Reads every variable's text, given under its key of Config, into a frozen Config. */
export const schema = z.object({ ...settings, pull: z.object(pull).readonly() }).readonly();
