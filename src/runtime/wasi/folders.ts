/**
 * Folders in memory, the shim's Directory under a quota: the seat where an image's files and secrets will be mounted.
 * No path leads out of a mount, since nothing here knows the host's files. A folder without a quota is read-only and
 * can serve many calls; one with a quota is made for one call.
 *
 * Every change of a folder goes through its Entries, which charge the quota, or refuse by throwing an Errno.
 */
import { Directory, type Inode, OpenDirectory, wasi } from "@bjorn3/browser_wasi_shim";
import { invalid, nameTooLong, notCapable, otherFileSystem, readOnlyFileSystem } from "./errno.ts";
import { MemoryFile, type Quota } from "./files.ts";

const maxNameBytes = 255;

/** A file or a folder in memory. */
export type Node = MemoryFile | MemoryFolder;

/** A folder. */
export class MemoryFolder extends Directory {
  readonly quota: Quota | undefined;

  constructor(options: { readonly contents?: readonly (readonly [string, Node])[]; readonly quota?: Quota }) {
    super(new Entries(options.quota, options.contents ?? []));
    this.quota = options.quota;
  }

  override path_open() {
    return { ret: wasi.ERRNO_SUCCESS, fd_obj: new OpenFolder(this) };
  }

  /** Makes an empty file or folder at a path that leads to nothing yet. */
  override create_entry_for_path(text: string, isFolder: boolean) {
    if (text.endsWith("/") && !isFolder) return { ret: wasi.ERRNO_ISDIR, entry: null };
    const names = resolve(text);
    const name = names.pop();
    if (name === undefined) return { ret: wasi.ERRNO_EXIST, entry: null };
    const { ret, entry: parent } = this.get_entry_for_path(pathOf(names));
    if (!(parent instanceof MemoryFolder)) return { ret: ret || wasi.ERRNO_NOTDIR, entry: null };
    if (parent.quota === undefined) throw readOnlyFileSystem;
    const entry = isFolder ? new MemoryFolder({ quota: parent.quota }) : new MemoryFile({ quota: parent.quota });
    parent.contents.set(name, entry);
    return { ret: wasi.ERRNO_SUCCESS, entry };
  }

  /** Tells whether a folder is this one or below it. */
  holds(folder: Inode): boolean {
    return folder === this || this.contents.values().some((node) => node instanceof MemoryFolder && node.holds(folder));
  }
}

/** A descriptor of a folder; with a name, one that the guest finds open when it starts. */
export class OpenFolder extends OpenDirectory {
  readonly #mountedAt: string | undefined;

  constructor(folder: MemoryFolder, mountedAt?: string) {
    super(folder);
    this.#mountedAt = mountedAt;
  }

  override fd_fdstat_get() {
    const fdstat = new wasi.Fdstat(wasi.FILETYPE_DIRECTORY, 0);
    fdstat.fs_rights_base = everyRight;
    fdstat.fs_rights_inherited = everyRight;
    return { ret: wasi.ERRNO_SUCCESS, fdstat };
  }

  override fd_prestat_get() {
    if (this.#mountedAt === undefined) return { ret: wasi.ERRNO_BADF, prestat: null };
    return { ret: wasi.ERRNO_SUCCESS, prestat: wasi.Prestat.dir(this.#mountedAt) };
  }

  /** Makes a folder where there is nothing; the shim's own says so too where there is something. */
  override path_create_directory(path: string): number {
    return this.path_open(0, path, wasi.OFLAGS_CREAT | wasi.OFLAGS_DIRECTORY | wasi.OFLAGS_EXCL, 0n, 0n, 0).ret;
  }

  /** Lists the folder's entries from a cookie on: 0 and 1 are "." and "..", then the names in their order. */
  *list(cookie: bigint): Generator<wasi.Dirent> {
    const entries: (readonly [string, Inode])[] = [[".", this.dir], ["..", this.dir], ...this.dir.contents];
    for (let index = Number(cookie); index < entries.length; index++) {
      const [name, node] = entries[index] ?? [".", this.dir];
      yield new wasi.Dirent(BigInt(index + 1), node.ino, name, node.stat().filetype);
    }
  }

  /** Gives a file or folder another name, taking the place of what had it. The shim would lose it when that fails. */
  rename(oldPath: string, target: OpenFolder, newPath: string): number {
    const { ret, inode_obj: node } = this.path_lookup(oldPath, 0);
    if (node === null) return ret;
    const names = resolve(newPath);
    const inPlace = target.path_lookup(names.join("/"), 0).inode_obj;
    if (inPlace === node) return wasi.ERRNO_SUCCESS;
    const parent = target.dir.get_entry_for_path(pathOf(names.slice(0, -1))).entry;
    if (names.length === 0 || parent === null) return wasi.ERRNO_NOENT;
    if (node instanceof MemoryFolder && node.holds(parent)) throw invalid;
    const linked = target.path_link(names.join("/"), node, true);
    return linked === wasi.ERRNO_SUCCESS ? this.path_unlink(oldPath).ret : linked;
  }
}

/** A folder's names. */
class Entries extends Map<string, Inode> {
  readonly #quota: Quota | undefined;

  constructor(quota: Quota | undefined, contents: readonly (readonly [string, Node])[]) {
    super();
    this.#quota = quota;
    for (const [name, node] of contents) this.#put(name, node);
  }

  override set(name: string, node: Inode): this {
    if (this.#quota === undefined) throw readOnlyFileSystem;
    if (Buffer.byteLength(name) > maxNameBytes) throw nameTooLong;
    this.#put(name, node);
    return this;
  }

  override delete(name: string): boolean {
    if (this.#quota === undefined) throw readOnlyFileSystem;
    const node = this.get(name);
    if (!super.delete(name)) return false;
    this.#quota.chargeNames(-1);
    if (node instanceof MemoryFile) node.release();
    return true;
  }

  #put(name: string, node: Inode): void {
    if (!(node instanceof MemoryFile || node instanceof MemoryFolder) || node.quota !== this.#quota) {
      throw otherFileSystem;
    }
    const replaced = this.get(name);
    if (replaced === undefined) this.#quota?.chargeNames(1);
    if (node instanceof MemoryFile) node.retain();
    if (replaced instanceof MemoryFile) replaced.release();
    super.set(name, node);
  }
}

const everyRight = (1n << 30n) - 1n;

/** Returns a path's names without "." and "..". @throws {Errno} NOTCAPABLE when it leads out of its folder */
function resolve(path: string): string[] {
  if (path.startsWith("/")) throw notCapable;
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) throw notCapable;
  }
  return names;
}

/** Returns the shim's form of a resolved path. */
function pathOf(names: readonly string[]) {
  return { parts: [...names], is_dir: false, to_path_string: () => names.join("/") };
}
