/**
 * Which file of an image is the module. Names are compared without ".", empty parts and a leading "/".
 *
 *   Entrypoint[0] > Cmd[0] > annotation or label wasmgate.module > plugin.wasm > main.wasm > the only other *.wasm
 *
 * The order is total, so that one pass over an archive keeps at most one file: a better one replaces it.
 */
import { GatewayError } from "../errors.ts";
import { printable } from "./failure.ts";
import type { Image } from "./registry.ts";

/** Names the file where neither Entrypoint nor Cmd does. */
export const moduleKey = "wasmgate.module";

/** What choosing needs of an image. */
export type Chooser = Pick<Image, "reference" | "config" | "annotations">;

/** How well a path fits: the lower the better; undefined when it cannot be the module. */
export type Rank = number;

/** Two files of this rank exclude each other. */
const anyModule = 100;
const mostListed = 10;

/** Judges the paths of one image's archive, each once. */
export class Candidates {
  readonly #image: string;
  readonly #ranks = new Map<string, Rank>();
  readonly #seen = new Set<string>();
  readonly #modules: string[] = [];
  /** Ranks below this one are the image's own wishes. */
  readonly #named: Rank;
  #link: { readonly name: string; readonly rank: Rank } | undefined;

  constructor({ reference, config, annotations }: Chooser) {
    this.#image = reference.text;
    const wishes = [config?.entrypoint[0], config?.cmd[0], annotations[moduleKey] ?? config?.labels[moduleKey]];
    const workingDir = config?.workingDir ?? "";
    for (const wish of wishes) {
      if (wish === undefined) continue;
      for (const path of wish.startsWith("/") ? [wish] : [`${workingDir}/${wish}`, wish]) this.#wish(normal(path));
    }
    this.#named = this.#ranks.size;
    this.#wish("plugin.wasm");
    this.#wish("main.wasm");
  }

  /**
   * Judges one entry that is no folder.
   * @throws {GatewayError} IMAGE_INVALID for a path that leads out of the archive or comes twice
   */
  rank(path: string, isFile: boolean): Rank | undefined {
    const name = this.#checked(path);
    if (/(?:^|\/)\.wh\./.test(name)) return undefined;
    const rank = this.#ranks.get(name);
    if (!isFile) {
      if (rank !== undefined && rank < Math.min(this.#named, this.#link?.rank ?? Infinity)) this.#link = { name, rank };
      return undefined;
    }
    // macOS's tar puts a file's attributes beside it, as ._NAME.
    if (!/(?:^|\/)(?!\._)[^/]*\.wasm$/.test(name)) return rank;
    this.#modules.push(printable(name));
    return rank ?? anyModule;
  }

  /** Refuses a link where a better file would be, a choice between equals, and no choice at all. */
  settle(best: Rank | undefined): void {
    if (this.#link !== undefined && this.#link.rank < (best ?? Infinity)) {
      throw this.#unsupported(`names ${printable(this.#link.name)} as its program, which is a link and no file`);
    }
    if (best !== undefined && (best < anyModule || this.#modules.length === 1)) return;
    const files = [...this.#seen].slice(0, mostListed).map(printable).join(", ") || "nothing";
    if (best === undefined) throw this.#unsupported(`has no .wasm file in its layer, which holds ${files}`);
    const listed = this.#modules.slice(0, mostListed).join(", ");
    throw this.#unsupported(`has ${this.#modules.length} modules (${listed}) and names none of them as its program`);
  }

  /** Refuses paths that mean one thing to us and another to somebody else. */
  #checked(path: string): string {
    const name = normal(path);
    if (/[\0\\]/.test(path) || name.split("/").includes("..")) {
      throw this.#invalid(`has the path ${JSON.stringify(printable(path))} in its layer`);
    }
    if (this.#seen.has(name)) throw this.#invalid(`has ${printable(name)} twice in its layer`);
    this.#seen.add(name);
    return name;
  }

  #wish(path: string): void {
    if (path !== "" && !this.#ranks.has(path)) this.#ranks.set(path, this.#ranks.size);
  }

  #invalid(found: string): GatewayError {
    return new GatewayError("IMAGE_INVALID", `${this.#image} ${found}`);
  }

  #unsupported(found: string): GatewayError {
    const works = `one .wasm file works, or an ENTRYPOINT or a label ${moduleKey} that names one of several`;
    return new GatewayError("IMAGE_UNSUPPORTED", `${this.#image} ${found}; ${works}`);
  }
}

/** One spelling for each path. */
export function normal(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
