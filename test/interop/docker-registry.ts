/** Debian's docker-registry (github.com/distribution/distribution 2.8) with its files in a folder that goes away. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findTool } from "../support/tools.ts";
import { Program } from "./programs.ts";

/** What a registry may be told; https://distribution.github.io/distribution/about/configuration/ */
export type RegistrySettings = {
  readonly auth?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly tls?: { readonly certificate: string; readonly key: string };
};

/** Starts a registry on a free port of 127.0.0.1 and returns its host and port. */
export async function startDockerRegistry(folder: string, { auth, tls }: RegistrySettings = {}): Promise<string> {
  const own = mkdtempSync(join(folder, "registry-"));
  const file = join(own, "config.yml");
  const settings = {
    version: "0.1",
    log: { level: "info", formatter: "json", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(own, "storage") } },
    http: { addr: "127.0.0.1:0", secret: "of this test", ...(tls && { tls }) },
    ...(auth && { auth }),
  };
  // YAML is a superset of JSON.
  writeFileSync(file, JSON.stringify(settings));
  const program = Program.start(findTool("docker-registry") ?? "docker-registry", ["serve", file], { environment: {} });
  return program.prints(/listening on (127\.0\.0\.1:\d+)/);
}
