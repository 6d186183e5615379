/**
 * Credentials of registries out of docker's and podman's files. Read anew for each question, since such files are
 * rotated while we run; the first file that has something for a registry wins.
 *
 *   {"auths": {"ghcr.io": {"auth": base64(user:password)}, "quay.io/team": {"identitytoken": …}},
 *    "credHelpers": {"ghcr.io": NAME}, "credsStore": NAME}
 *
 * Within a file: credHelpers, then credsStore (both only where helpers are on), then auths, longest key first.
 * Paths and contents never reach an error.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { GatewayError } from "../errors.ts";
import type { Log } from "../log.ts";
import { askHelper, type HelperEnvironment } from "./credential-helper.ts";
import { codeOf } from "./failure.ts";

type Proof =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** To be exchanged for tokens at the registry's token server. */
  | { readonly kind: "identity"; readonly username: string; readonly identityToken: string }
  /** To be sent as it is. */
  | { readonly kind: "bearer"; readonly token: string };

/** What proves to a registry who we are; `id` differs for different contents and says nothing of them. */
export type Credential = Proof & { readonly id: string };

/** Finds what we have for a repository; undefined means to go anonymously. */
export type Credentials = { find(registry: string, repository: string): Promise<Credential | undefined> };

const longestFile = 1024 * 1024;
const text = z.string().max(65_536).nullish();
const fileSchema = z.object({
  auths: z
    .record(
      z.string(),
      z.object({ auth: text, username: text, password: text, identitytoken: text, registrytoken: text }).nullish(),
    )
    .nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: text,
});
type CredentialFile = z.infer<typeof fileSchema>;
type Entry = NonNullable<NonNullable<CredentialFile["auths"]>[string]>;

/** Looks into docker's config.json and podman's auth.json. */
export class DockerCredentials implements Credentials {
  readonly #files: readonly string[];
  readonly #helpers: HelperEnvironment | undefined;
  readonly #log: Pick<Log, "debug" | "warn">;

  /** @param options.helpers what programs docker-credential-NAME are run with; absent: none is run, as in a server */
  constructor(options: {
    readonly files: readonly string[];
    readonly helpers?: HelperEnvironment | undefined;
    readonly log: Pick<Log, "debug" | "warn">;
  }) {
    this.#files = options.files;
    this.#helpers = options.helpers;
    this.#log = options.log;
  }

  /** @throws {GatewayError} REGISTRY_DENIED when a file is there but cannot be read */
  async find(registry: string, repository: string): Promise<Credential | undefined> {
    for (const path of this.#files) {
      const file = await this.#read(path);
      const found = file && ((await this.#fromHelper(file, registry)) ?? fromAuths(file, `${registry}/${repository}`));
      if (found) return found;
    }
    return undefined;
  }

  async #read(path: string): Promise<CredentialFile | undefined> {
    try {
      const bytes = await readFile(path);
      if (bytes.byteLength > longestFile) throw new Error("the file is too long");
      return fileSchema.parse(JSON.parse(bytes.toString("utf8")));
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
      // Neither JSON.parse's nor zod's words are logged: they quote what they could not read.
      this.#log.warn("a file of registry credentials cannot be read", { path, code: codeOf(error) ?? "malformed" });
      throw new GatewayError("REGISTRY_DENIED", "the gateway's file of registry credentials cannot be read");
    }
  }

  async #fromHelper(file: CredentialFile, registry: string): Promise<Credential | undefined> {
    const server = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
    const name = file.credHelpers?.[server] ?? file.credHelpers?.[registry] ?? file.credsStore;
    if (!name) return undefined;
    if (this.#helpers === undefined) {
      this.#log.debug("a credential helper is named but helpers are off", { registry });
      return undefined;
    }
    const answer = await askHelper(name, server, this.#helpers);
    return answer && passwordOrToken(answer.username, answer.secret);
  }
}

/** Makes a credential of a user and password that were given otherwise than by a file. */
export function passwordCredential(username: string, password: string): Credential {
  return identified({ kind: "password", username, password });
}

/** The longest key that is the repository's name or a part of it up to a slash. */
function fromAuths(file: CredentialFile, name: string): Credential | undefined {
  const keys = Object.entries(file.auths ?? {})
    .map(([key, entry]) => ({ prefix: prefixOf(key), entry }))
    .filter(({ prefix }) => name === prefix || name.startsWith(`${prefix}/`))
    .sort((one, other) => other.prefix.length - one.prefix.length);
  for (const { entry } of keys) {
    const found = entry && ofEntry(entry);
    if (found) return found;
  }
  return undefined;
}

/** Docker writes some keys as URLs, and docker.io as https://index.docker.io/v1/. */
function prefixOf(key: string): string {
  const [host = "", ...path] = key
    .replace(/^https?:\/\//, "")
    .replace(/\/+$/, "")
    .replace(/\/v[12]$/, "")
    .split("/");
  const registry = host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host.toLowerCase();
  return [registry, ...path].join("/");
}

function ofEntry(entry: Entry): Credential | undefined {
  if (entry.registrytoken) return identified({ kind: "bearer", token: entry.registrytoken });
  const decoded = Buffer.from(entry.auth ?? "", "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  const username = colon < 0 ? (entry.username ?? "") : decoded.slice(0, colon);
  // docker login pads old passwords with NUL
  const password = colon < 0 ? (entry.password ?? "") : decoded.slice(colon + 1).replace(/\0+$/, "");
  if (entry.identitytoken) {
    return identified({ kind: "identity", username: username || "<token>", identityToken: entry.identitytoken });
  }
  return username === "" ? undefined : identified({ kind: "password", username, password });
}

function passwordOrToken(username: string, secret: string): Credential {
  return username === "<token>"
    ? identified({ kind: "identity", username, identityToken: secret })
    : identified({ kind: "password", username, password: secret });
}

function identified(parts: Proof): Credential {
  return { ...parts, id: createHash("sha256").update(JSON.stringify(parts)).digest("hex") };
}
