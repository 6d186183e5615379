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
const anyModule = 5;
const mostListed = 10;

/** Judges the paths of one image's archive, each once. */
export class Candidates {
  readonly #image: string;
  readonly #ranks = new Map<string, Rank>();
  readonly #seen = new Set<string>();
  readonly #modules: string[] = [];

  constructor({ reference, config, annotations }: Chooser) {
    this.#image = reference.text;
    const wishes = [config?.entrypoint[0], config?.cmd[0], annotations[moduleKey] ?? config?.labels[moduleKey]];
    const workingDir = config?.workingDir ?? "";
    wishes.forEach((wish, rank) => {
      if (wish === undefined) return;
      const paths = wish.startsWith("/") ? [wish] : [`${workingDir}/${wish}`, wish];
      for (const path of paths) this.#wish(normal(path), rank);
    });
    this.#wish("plugin.wasm", 3);
    this.#wish("main.wasm", 4);
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
      if (rank === undefined || rank > 2) return undefined;
      throw this.#unsupported(`names ${printable(name)} as its program, which is a link and no file`);
    }
    // macOS's tar puts a file's attributes beside it, as ._NAME.
    if (!/(?:^|\/)(?!\._)[^/]*\.wasm$/.test(name)) return rank;
    this.#modules.push(printable(name));
    return rank ?? anyModule;
  }

  /** Refuses a choice between equals, and no choice at all. */
  settle(best: Rank | undefined): void {
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

  #wish(path: string, rank: Rank): void {
    if (path !== "" && !this.#ranks.has(path)) this.#ranks.set(path, rank);
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
