/**
 * The process's settings, read once: the only file that looks at the environment.
 *
 *   environment -> the schema of settings.ts -> Config, frozen; or a ConfigError, one sentence for each thing wrong
 *
 * What may be set is in settings.ts, row by row; here is what no single row knows: which names are none of ours, what
 * a mistyped name meant, and that a door open to others needs a lock.
 */
import { BlockList, isIPv6 } from "node:net";
import { join } from "node:path";
import type { z } from "zod";
import { quoted, variables, type Variable } from "./setting.ts";
import { pull, schema, settings } from "./settings.ts";

/** Everything that can be set, checked and frozen. Units end the names; null is "not set". */
export type Config = Omit<z.infer<typeof schema>, "registryConfig"> & {
  /** Where credentials of registries may be, in the order in which to look; files that are not there are skipped. */
  readonly registryConfigFiles: readonly string[];
  /** The file was named, not searched for, so it has to be there when we start. */
  readonly registryConfigChosen: boolean;
};

/** Why the gateway does not start; `message` is one sentence a line, for a person. */
export class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
  }
}

/** Every variable that may be set, in the order of the README's table. */
export const configTable: readonly Variable[] = [...Object.values(settings), ...Object.values(pull)].map(variableOf);

/**
 * Reads the settings from the process's environment, or from the one given.
 * @throws {ConfigError} with all that is wrong at once
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = ourVariables(environment);
  const problems = [...serviceLinkAsPort(given), ...unknownNames(given)];
  const read = schema.safeParse({ ...textsOf(settings, given), pull: textsOf(pull, given) });
  if (!read.success) throw new ConfigError([...problems, ...read.error.issues.map((issue) => issue.message)]);
  const { registryConfig, ...config } = read.data;
  problems.push(...openDoor(config));
  if (problems.length > 0) throw new ConfigError(problems);
  const registryConfigChosen = registryConfig !== "search" && registryConfig !== "none";
  const files = registryConfigFiles(registryConfig, environment);
  return Object.freeze({ ...config, registryConfigFiles: files, registryConfigChosen });
}

/**
 * Variables that Kubernetes makes of each Service in a pod's namespace; one named wasmgate, or wasmgate-something, has
 * them look like ours. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const serviceLink = /^WASMGATE_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)$/;
const serviceAddress = /^(?:tcp|udp|sctp):\/\//;

/** The variables that are meant for us: WASMGATE_URL belongs to the client, service links to nobody. */
function ourVariables(environment: NodeJS.ProcessEnv): Map<string, string> {
  const ours = new Map<string, string>();
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith("WASMGATE_") || name === "WASMGATE_URL") continue;
    const link = serviceLink.test(name) || (/._PORT$/.test(name) && serviceAddress.test(text));
    if (!link || name === "WASMGATE_PORT") ours.set(name, text);
  }
  return ours;
}

/** Names the one service link that clashes with a setting, and takes it out of what is given. */
function serviceLinkAsPort(given: Map<string, string>): string[] {
  const text = given.get("WASMGATE_PORT");
  if (text === undefined || !serviceAddress.test(text)) return [];
  given.delete("WASMGATE_PORT");
  return [
    `WASMGATE_PORT is ${quoted(text)}, which Kubernetes sets for a Service named wasmgate: ` +
      "set enableServiceLinks: false in the pod's spec, or WASMGATE_PORT to a port there",
  ];
}

/** One sentence for each name that is not in the table, with the nearest one that is. */
function unknownNames(given: ReadonlyMap<string, string>): string[] {
  const unknown = [...given].filter(([name]) => !configTable.some((variable) => variable.name === name));
  return unknown.map(([name, text]) => {
    const meant = nearest(name);
    const got = /PASS|SECRET|TOKEN|CREDENTIAL|KEY|AUTH/.test(name) ? "" : ` (here ${quoted(text)})`;
    return (
      `${name}${got} is no setting of Wasmgate: ` +
      (meant === undefined ? "the README lists them all" : `was ${meant.name} meant? It takes ${meant.takes}`)
    );
  });
}

/** The variable whose name is at most a fifth of its letters away. */
function nearest(name: string): Variable | undefined {
  const [first] = configTable
    .map((variable) => ({ variable, distance: editDistance(name, variable.name) }))
    .sort((one, other) => one.distance - other.distance);
  return first !== undefined && first.distance <= first.variable.name.length / 5 ? first.variable : undefined;
}

/** Counts the letters to insert, drop or replace between two words (Levenshtein). */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/** Deploying is the key to the house: beyond loopback it takes users, or someone who says in words that it does not. */
function openDoor(config: Pick<Config, "host" | "port" | "authFile" | "allowUnauthenticated">): string[] {
  const locked = config.authFile !== null || config.allowUnauthenticated;
  if (locked || config.port === "off" || isLoopback(config.host)) return [];
  return [
    `WASMGATE_HOST is ${quoted(config.host)}, which others can reach: set WASMGATE_AUTH_FILE to a file of users, ` +
      "or WASMGATE_ALLOW_UNAUTHENTICATED=1 to let whoever reaches the port deploy and delete",
  ];
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

function isLoopback(host: string): boolean {
  return host === "localhost" || loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/** Docker's and podman's own files, in the order in which their tools look. */
function registryConfigFiles(chosen: string, environment: NodeJS.ProcessEnv): readonly string[] {
  if (chosen !== "search") return chosen === "none" ? [] : [chosen];
  const { DOCKER_CONFIG, HOME, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR } = environment;
  const files = [
    DOCKER_CONFIG ? join(DOCKER_CONFIG, "config.json") : HOME && join(HOME, ".docker", "config.json"),
    REGISTRY_AUTH_FILE,
    XDG_RUNTIME_DIR && join(XDG_RUNTIME_DIR, "containers", "auth.json"),
    HOME && join(HOME, ".config", "containers", "auth.json"),
  ];
  return Object.freeze(files.flatMap((file) => (file ? [file] : [])));
}

function textsOf(rows: Readonly<Record<string, z.ZodType>>, given: ReadonlyMap<string, string>) {
  const texts: Record<string, string> = {};
  for (const [key, row] of Object.entries(rows)) {
    const text = given.get(variableOf(row).name);
    if (text !== undefined) texts[key] = text;
  }
  return texts;
}

function variableOf(row: z.ZodType): Variable {
  const variable = variables.get(row as never);
  if (variable === undefined) throw new Error("a row of settings.ts was not made by setting()");
  return variable;
}
