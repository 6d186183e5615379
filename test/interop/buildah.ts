/**
 * Images as people make them, by buildah: without a daemon, and with its storage in a folder that goes away.
 *
 *   const tag = await buildah.build({ files: { "x.wasm": bytes }, tag: "127.0.0.1:5000/x:v1" });
 *   await buildah.push(tag);
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findTool } from "../support/tools.ts";
import { direct, run } from "./programs.ts";

/** What is built: a Dockerfile beside files. */
export type Recipe = {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Absent: FROM scratch, and one ADD of the only file. */
  readonly dockerfile?: string;
  readonly flags?: readonly string[];
  readonly tag: string;
};

/** One store of images. */
export class Buildah {
  /** What `login` writes and `push` reads: docker's config.json. */
  readonly credentials: string;
  readonly #folder: string;

  /** @param folder holds images, contexts and whatever buildah writes meanwhile */
  constructor(folder: string) {
    this.#folder = mkdtempSync(join(folder, "buildah-"));
    this.credentials = join(this.#folder, "config.json");
    writeFileSync(this.credentials, "{}");
  }

  /** Runs buildah in a folder, with this store. */
  async run(args: readonly string[], folder = this.#folder): Promise<string> {
    const store = ["--root", join(this.#folder, "root"), "--runroot", join(this.#folder, "run")];
    const environment = { ...direct, TMPDIR: this.#folder, REGISTRY_AUTH_FILE: this.credentials };
    const all = [...store, "--storage-driver", "vfs", ...args];
    return run(findTool("buildah") ?? "buildah", all, { folder, environment });
  }

  /** Builds an image as the recipe of WasmEngine's README does: in a folder that holds a module and a Dockerfile. */
  async build({ files, dockerfile, flags = [], tag }: Recipe): Promise<string> {
    const context = mkdtempSync(join(this.#folder, "context-"));
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(context, name), bytes);
    const recipe = dockerfile ?? `FROM scratch\nADD ${Object.keys(files)[0]} /\n`;
    writeFileSync(join(context, "Dockerfile"), recipe);
    await this.run(["bud", "--isolation", "chroot", ...flags, "--tag", tag, "."], context);
    return tag;
  }

  /** Pushes an image to the registry in its name and returns its digest there. */
  async push(tag: string, flags: readonly string[] = ["--tls-verify=false"]): Promise<string> {
    return this.#pushBy(["push"], tag, flags);
  }

  /** Pushes a list of images and all images in it. */
  async pushList(tag: string, flags: readonly string[] = []): Promise<string> {
    return this.#pushBy(["manifest", "push", "--all"], tag, ["--tls-verify=false", ...flags]);
  }

  async #pushBy(command: readonly string[], tag: string, flags: readonly string[]): Promise<string> {
    const digest = join(mkdtempSync(join(this.#folder, "pushed-")), "digest");
    await this.run([...command, ...flags, "--digestfile", digest, tag, `docker://${tag}`]);
    return readFileSync(digest, "utf8").trim();
  }
}
