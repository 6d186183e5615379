import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defaultPullLimits } from "../src/oci/limits.ts";
import { defaultModuleLimits } from "../src/wasm/limits.ts";
import { ConfigError, configTable, readConfig } from "../src/config.ts";

describe("readConfig()", () => {
  test("gives every setting its default when nothing is set", () => {
    expect(readConfig({})).toMatchObject({
      host: "127.0.0.1",
      port: 10_000,
      dataDir: resolve("data"),
      workers: Math.max(2, availableParallelism()),
      timeoutMs: 10_000,
      queueTimeoutMs: 10_000,
      maxQueue: 1024,
      memoryLimitBytes: 256 * 2 ** 20,
      storeQuotaBytes: 10 * 2 ** 30,
      maxStderrBytes: 64 * 2 ** 10,
      authFile: null,
      allowUnauthenticated: false,
      allowedRegistries: null,
      registryMirrors: {},
      registryConfigFiles: [],
    });
  });

  test("has the defaults of those who keep the bounds, each as a setting", () => {
    const config = readConfig({});
    expect(config.pull).toEqual(defaultPullLimits);
    expect(config.moduleMaxFunctions).toBe(defaultModuleLimits.functions);
    expect(config.moduleMaxLocals).toBe(defaultModuleLimits.localsPerFunction);
  });

  test("freezes what it returns, inside too", () => {
    const config = readConfig({ WASMGATE_REGISTRY_MIRRORS: "docker.io=127.0.0.1:5000" });
    const parts = [config, config.pull, config.registryMirrors, config.allowedHosts, config.registryConfigFiles];
    expect(parts.filter((part) => !Object.isFrozen(part))).toEqual([]);
  });

  test("accepts every default when it is spelled out", () => {
    const spelledOut = Object.fromEntries(configTable.map(({ name, defaultText }) => [name, defaultText]));
    expect(readConfig(spelledOut)).toEqual(readConfig({}));
  });

  test.each([
    ["WASMGATE_PORT", "0", { port: 0 }],
    ["WASMGATE_PORT", "65535", { port: 65_535 }],
    ["WASMGATE_PORT", "off", { port: "off" }],
    ["WASMGATE_WORKERS", "1", { workers: 1 }],
    ["WASMGATE_TIMEOUT", "1m30s", { timeoutMs: 90_000 }],
    ["WASMGATE_MEMORY_LIMIT", "64Ki", { memoryLimitBytes: 65_536 }],
    ["WASMGATE_MEMORY_LIMIT", "4Gi", { memoryLimitBytes: 2 ** 32 }],
    ["WASMGATE_DATA_DIR", "/var/lib/wasmgate/", { dataDir: "/var/lib/wasmgate" }],
    ["WASMGATE_DATA_DIR", "some/where", { dataDir: resolve("some/where") }],
    ["WASMGATE_AUTH_FILE", "users.json", { authFile: resolve("users.json") }],
    ["WASMGATE_LOG_LEVEL", "debug", { logLevel: "debug" }],
    ["WASMGATE_ALLOW_UNAUTHENTICATED", "true", { allowUnauthenticated: true }],
    ["WASMGATE_ALLOWED_REGISTRIES", "ghcr.io, 127.0.0.1:5000", { allowedRegistries: ["ghcr.io", "127.0.0.1:5000"] }],
    [
      "WASMGATE_INSECURE_REGISTRIES",
      "10.0.0.0/8,fd00::/8,[::1]:5000,registry.test:5000",
      { insecureRegistries: ["10.0.0.0/8", "fd00::/8", "[::1]:5000", "registry.test:5000"] },
    ],
    [
      "WASMGATE_REGISTRY_MIRRORS",
      "docker.io=127.0.0.1:5000,ghcr.io=mirror.test",
      { registryMirrors: { "docker.io": "127.0.0.1:5000", "ghcr.io": "mirror.test" } },
    ],
    ["WASMGATE_PULL_MAX_LAYER", "1Gi", { pull: { layerBytes: 2 ** 30 } }],
  ])("reads %s=%s", (name, text, expected) => {
    expect(readConfig({ [name]: text })).toMatchObject(expected);
  });

  test.each([
    ["WASMGATE_PORT", "65536", "a port from 1 to 65535, 0 for any free one, or off"],
    ["WASMGATE_PORT", "http", "a port from 1 to 65535"],
    ["WASMGATE_PORT", "", "a port from 1 to 65535"],
    ["WASMGATE_WORKERS", "0", "a whole number from 1 to 256, or cores"],
    ["WASMGATE_TIMEOUT", "10", "a duration with its unit"],
    ["WASMGATE_TIMEOUT", "0s", "from 1ms to 1h"],
    ["WASMGATE_MEMORY_LIMIT", "8Gi", "from 64Ki to 4Gi"],
    ["WASMGATE_MAX_BODY", "lots", "a size in bytes"],
    ["WASMGATE_DATA_DIR", "", "the path of a folder"],
    ["WASMGATE_HOST", "http://0.0.0.0", "an IP address or a host name"],
    ["WASMGATE_HOST", "10.0.1", "an IP address or a host name"],
    ["WASMGATE_LOG_LEVEL", "loud", "one of error, warn, info, debug"],
    ["WASMGATE_ALLOW_UNAUTHENTICATED", "yes please", "1 or true, 0 or false"],
    ["WASMGATE_ALLOWED_REGISTRIES", "https://ghcr.io", "registries such as ghcr.io"],
    ["WASMGATE_ALLOWED_REGISTRIES", "", "registries such as ghcr.io"],
    ["WASMGATE_ALLOWED_REGISTRIES", "ghcr.io,*", "registries such as ghcr.io"],
    ["WASMGATE_INSECURE_REGISTRIES", "10.0.0.0/8;10.1.0.0/16", "networks such as 10.0.0.0/8"],
    ["WASMGATE_REGISTRY_MIRRORS", "docker.io", "pairs such as docker.io=127.0.0.1:5000"],
    ["WASMGATE_REGISTRY_MIRRORS", "docker.io=a.test,docker.io=b.test", "pairs such as"],
    ["WASMGATE_PULL_MAX_INDEX_DEPTH", "-1", "a whole number from 1 to 8"],
  ])("refuses %s=%j with its name, what came and what it takes", (name, text, takes) => {
    const [sentence, ...others] = problemsOf({ [name]: text });
    expect(others).toEqual([]);
    expect(sentence).toContain(`${name} is ${JSON.stringify(text)}, but takes `);
    expect(sentence).toContain(takes);
  });

  test("reports all that is wrong, a line for each", () => {
    const problems = problemsOf({
      WASMGATE_TIMOUT: "3s",
      WASMGATE_TIMEOUT: "3 seconds",
      WASMGATE_PULL_TIMEOUT: "ages",
      WASMGATE_PORT: "1O000",
    });
    expect(problems.map((sentence) => sentence.split(" ")[0])).toEqual([
      "WASMGATE_TIMOUT",
      "WASMGATE_PORT",
      "WASMGATE_TIMEOUT",
      "WASMGATE_PULL_TIMEOUT",
    ]);
  });

  test("names the setting that a mistyped name meant, and what it takes", () => {
    expect(problemsOf({ WASMGATE_MEMORYLIMIT: "64Mi" })).toEqual([
      expect.stringMatching(/^WASMGATE_MEMORYLIMIT \(here "64Mi"\) is no setting .*WASMGATE_MEMORY_LIMIT.* a size/),
    ]);
    expect(problemsOf({ WASMGATE_COLOUR_OF_THE_SKY: "blue" })[0]).toContain("the README lists them all");
  });

  test.each([
    ["WASMGATE_PASSWORD", "hunter2"],
    ["WASMGATE_API_TOKEN", "abc"],
    ["WASMGATE_REGISTRY_MIRRORS", "docker.io=https://user:hunter2@mirror.test"],
    ["WASMGATE_LOG_LEVEL", "ghp0123456789abcdefghijklmnopqrstuv"],
  ])("does not repeat the value of %s=%s, which may be a secret", (name, text) => {
    const [sentence] = problemsOf({ [name]: text });
    expect(sentence).toContain(name);
    expect(sentence).not.toContain(text);
    expect(sentence).not.toContain("hunter2");
  });

  test("leaves alone what is not meant for the gateway", () => {
    const foreign = {
      PATH: "/bin",
      WASMGATE_URL: "http://127.0.0.1:10000",
      WASMGATE_SERVICE_HOST: "10.0.0.1",
      WASMGATE_SERVICE_PORT: "10000",
      WASMGATE_SERVICE_PORT_HTTP: "10000",
      WASMGATE_PORT_10000_TCP: "tcp://10.0.0.1:10000",
      WASMGATE_PORT_10000_TCP_ADDR: "10.0.0.1",
      WASMGATE_REGISTRY_SERVICE_HOST: "10.0.0.2",
      WASMGATE_REGISTRY_PORT: "tcp://10.0.0.2:5000",
      WASMGATE_REGISTRY_PORT_5000_TCP_PROTO: "tcp",
    };
    expect(readConfig(foreign)).toEqual(readConfig({}));
  });

  test("says what a Kubernetes service link in WASMGATE_PORT is and what to do about it", () => {
    const [sentence, ...others] = problemsOf({ WASMGATE_PORT: "tcp://10.0.0.1:10000" });
    expect(others).toEqual([]);
    expect(sentence).toMatch(/^WASMGATE_PORT is "tcp:\/\/10\.0\.0\.1:10000", which Kubernetes sets/);
    expect(sentence).toContain("enableServiceLinks: false");
  });

  test.each(["0.0.0.0", "::", "192.168.1.2", "gateway-0"])("refuses to listen on %s without users", (host) => {
    const [sentence] = problemsOf({ WASMGATE_HOST: host });
    expect(sentence).toMatch(/^WASMGATE_HOST is .*WASMGATE_AUTH_FILE.*WASMGATE_ALLOW_UNAUTHENTICATED=1/);
    expect(readConfig({ WASMGATE_HOST: host, WASMGATE_AUTH_FILE: "users.json" }).host).toBe(host);
    expect(readConfig({ WASMGATE_HOST: host, WASMGATE_ALLOW_UNAUTHENTICATED: "1" }).host).toBe(host);
  });

  test.each(["127.0.0.1", "127.8.8.8", "::1", "localhost"])("listens on %s without users", (host) => {
    expect(readConfig({ WASMGATE_HOST: host }).host).toBe(host);
  });

  test("asks for no users when nothing listens", () => {
    expect(readConfig({ WASMGATE_HOST: "0.0.0.0", WASMGATE_PORT: "off" }).port).toBe("off");
  });

  test("looks for registry credentials where docker and podman keep theirs", () => {
    expect(readConfig({ HOME: "/home/u", XDG_RUNTIME_DIR: "/run/u", REGISTRY_AUTH_FILE: "/a.json" })).toMatchObject({
      registryConfigFiles: [
        "/home/u/.docker/config.json",
        "/a.json",
        "/run/u/containers/auth.json",
        "/home/u/.config/containers/auth.json",
      ],
    });
    expect(readConfig({ HOME: "/home/u", DOCKER_CONFIG: "/d" }).registryConfigFiles[0]).toBe("/d/config.json");
  });

  test("looks for registry credentials nowhere else once told where they are, or that there are none", () => {
    const home = { HOME: "/home/u" };
    expect(readConfig({ ...home, WASMGATE_REGISTRY_CONFIG: "/c.json" }).registryConfigFiles).toEqual(["/c.json"]);
    expect(readConfig({ ...home, WASMGATE_REGISTRY_CONFIG: "none" }).registryConfigFiles).toEqual([]);
    const chosen = ["search", "none", "/c.json"].map((path) => readConfig({ WASMGATE_REGISTRY_CONFIG: path }));
    expect(chosen.map((config) => config.registryConfigChosen)).toEqual([false, false, true]);
  });
});

function problemsOf(environment: NodeJS.ProcessEnv): string[] {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split("\n");
  }
  throw new Error("the settings were accepted");
}
