/** Files in memory against guests that hoard, and the paths that lead to them. */
import { MemoryFile, Quota } from "../../../src/runtime/wasi/files.ts";
import { MemoryFolder } from "../../../src/runtime/wasi/folders.ts";
import { fixture } from "../../support/wat.ts";
import { type Ready, ready, text } from "./ready.ts";

const everything = fixture("wasi-everything.wat");
const [success, badf, exist, fbig, inval, isdir, mfile, toolong, noent, nospc] = [0, 8, 20, 22, 28, 31, 33, 37, 44, 51];
const [notdir, notempty, notsup, overflow, perm, rofs, xdev, notcapable, ilseq] = [54, 55, 58, 61, 63, 69, 75, 76, 25];
const [creat, directory, excl, trunc] = [1, 2, 4, 8];
const readAndWrite = 66n;

function writable(sizeBytes = 1_000_000, names = 10) {
  const quota = new Quota({ sizeBytes, names });
  return { quota, mounts: [{ path: "/data", folder: new MemoryFolder({ quota }) }] };
}

function readOnly(data = "content") {
  const file = new MemoryFile({ data: new TextEncoder().encode(data) });
  const folder = new MemoryFolder({
    contents: [
      ["f", file],
      ["sub", new MemoryFolder({ contents: [["g", file]] })],
    ],
  });
  return { mounts: [{ path: "/", folder }] };
}

/** Puts texts into the guest, each at 1000 times its number; returns their places as parameters. */
function put({ bytes }: Ready, ...texts: (string | Uint8Array)[]): [number, number][] {
  return texts.map((item, index) => {
    const encoded = typeof item === "string" ? new TextEncoder().encode(item) : item;
    bytes().set(encoded, 8192 * (index + 1));
    return [8192 * (index + 1), encoded.byteLength];
  });
}

function open(guest: Ready, path: string | Uint8Array, oflags = 0, { rights = readAndWrite, flags = 0 } = {}) {
  const [[at, length] = [0, 0]] = put(guest, path);
  const errno = guest.call("path_open", 3, 0, at, length, oflags, rights, 0n, flags, 0);
  return { errno, fd: new DataView(guest.bytes().buffer).getUint32(0, true) };
}

function write(guest: Ready, fd: number, content: string, at?: bigint): unknown {
  const [[pointer, length] = [0, 0]] = put(guest, content);
  const view = new DataView(guest.bytes().buffer);
  view.setUint32(16, pointer, true);
  view.setUint32(20, length, true);
  return at === undefined ? guest.call("fd_write", fd, 16, 1, 24) : guest.call("fd_pwrite", fd, 16, 1, at, 24);
}

function read(guest: Ready, fd: number, at?: bigint): unknown {
  const view = new DataView(guest.bytes().buffer);
  view.setUint32(16, 30_000, true);
  view.setUint32(20, 1000, true);
  const errno = at === undefined ? guest.call("fd_read", fd, 16, 1, 24) : guest.call("fd_pread", fd, 16, 1, at, 24);
  return errno === 0 ? text(guest.bytes().subarray(30_000, 30_000 + view.getUint32(24, true))) : errno;
}

function path(guest: Ready, name: string, ...texts: string[]): unknown {
  const [one, two] = put(guest, ...texts);
  if (two === undefined) return guest.call(name, 3, ...(one ?? []));
  return name === "path_link"
    ? guest.call(name, 3, 0, ...(one ?? []), 3, ...two)
    : guest.call(name, 3, ...(one ?? []), 3, ...two);
}

describe("a file in memory", () => {
  test("is appended to at the price of what is written", () => {
    // The shim copied the whole file for each write: 200000 of them would take minutes.
    const { call } = ready(fixture("wasi-appends.wat"), writable(32_000_000));
    expect(call("append")).toBe(success);
  });

  test("is appended to until the quota is full, all of which it gets", () => {
    const { mounts, quota } = writable(1_000_000);
    const guest = ready(fixture("wasi-appends.wat"), { mounts });
    expect(guest.call("append")).toBe(nospc);
    expect(quota.freeBytes).toBe(0);
    const [file] = mounts[0]?.folder.contents.values() ?? [];
    expect(file instanceof MemoryFile && file.data.byteLength).toBe(1_000_000);
  });

  test("cannot take host memory by size, allocation or a far offset", () => {
    const { mounts, quota } = writable();
    const { call } = ready(fixture("wasi-hoards.wat"), { mounts });
    expect(call("open")).toBe(success);
    for (const size of [3_000_000_000n, 1n << 40n]) {
      expect([call("allocate", size), call("resize", size), call("write_at", size)]).toEqual([nospc, nospc, nospc]);
      expect(call("seek", size, 0)).toBe(success);
      expect(call("write")).toBe(nospc);
    }
    for (const size of [1n << 60n, -1n]) {
      expect([call("allocate", size), call("resize", size), call("write_at", size)]).toEqual([fbig, fbig, fbig]);
    }
    expect(call("allocate", 0n)).toBe(inval);
    expect(call("seek", 1n << 60n, 0)).toBe(overflow);
    expect(call("seek", -1n, 0)).toBe(inval);
    expect(call("seek", 0n, 7)).toBe(inval);
    expect(quota.freeBytes).toBe(1_000_000);
    expect(call("allocate", 1000n)).toBe(success);
    expect(quota.freeBytes).toBe(999_000);
  });

  test("gives its bytes back when it is emptied, or its last name and descriptor are gone", () => {
    const { mounts, quota } = writable();
    const guest = ready(everything, { mounts });
    const { fd } = open(guest, "a", creat);
    expect(write(guest, fd, "x".repeat(5000))).toBe(success);
    expect(quota.freeBytes).toBe(995_000);
    expect(path(guest, "path_link", "a", "b")).toBe(success);
    expect(path(guest, "path_unlink_file", "a")).toBe(success);
    expect(path(guest, "path_unlink_file", "b")).toBe(success);
    expect(quota.freeBytes).toBe(995_000);
    expect(read(guest, fd, 4998n)).toBe("xx");
    expect(guest.call("fd_close", fd)).toBe(success);
    expect(quota.freeBytes).toBe(1_000_000);
    expect(write(guest, open(guest, "c", creat).fd, "x".repeat(5000))).toBe(success);
    expect(open(guest, "c", trunc).errno).toBe(success);
    expect(quota.freeBytes).toBe(1_000_000);
  });

  test("reads zeros where nothing was written, also after it was cut", () => {
    const guest = ready(everything, writable());
    const { fd } = open(guest, "a", creat);
    expect(write(guest, fd, "secret")).toBe(success);
    expect(guest.call("fd_filestat_set_size", fd, 2n)).toBe(success);
    expect(guest.call("fd_filestat_set_size", fd, 6n)).toBe(success);
    expect(read(guest, fd, 0n)).toBe("se\0\0\0\0");
    expect(write(guest, fd, "!", 8n)).toBe(success);
    expect(read(guest, fd, 0n)).toBe("se\0\0\0\0\0\0!");
  });

  test("is written at its end when opened so, wherever its position is", () => {
    const guest = ready(everything, writable());
    const { fd } = open(guest, "a", creat, { flags: 1 });
    write(guest, fd, "one");
    expect(guest.call("fd_seek", fd, 0n, 0, 24)).toBe(success);
    write(guest, fd, "two");
    expect(read(guest, fd, 0n)).toBe("onetwo");
    expect(guest.call("fd_fdstat_set_flags", fd, 0)).toBe(success);
    expect(guest.call("fd_seek", fd, 0n, 0, 24)).toBe(success);
    write(guest, fd, "X");
    expect(read(guest, fd, 0n)).toBe("Xnetwo");
    expect(guest.call("fd_tell", fd, 24)).toBe(success);
    expect(guest.bytes()[24]).toBe(1);
  });

  test("is not written through a descriptor that was opened to read", () => {
    const guest = ready(everything, writable());
    open(guest, "a", creat);
    const { fd } = open(guest, "a", 0, { rights: 2n });
    expect(write(guest, fd, "x")).toBe(badf);
    expect(guest.call("fd_filestat_set_size", fd, 1n)).toBe(badf);
    expect(guest.call("fd_allocate", fd, 0n, 1n)).toBe(badf);
  });

  test("reads nothing before its start or after its end", () => {
    const guest = ready(everything, readOnly());
    const { fd } = open(guest, "f", 0, { rights: 2n });
    expect(read(guest, fd, 5n)).toBe("nt");
    expect(read(guest, fd, 7n)).toBe("");
    expect(read(guest, fd, -3n)).toBe(fbig);
    expect(read(guest, fd, 1n << 40n)).toBe("");
  });

  test("has a filestat whose size is the file's", () => {
    const guest = ready(everything, readOnly());
    const { fd } = open(guest, "sub/g", 0, { rights: 2n });
    guest.bytes().fill(0xff, 100, 164);
    expect(guest.call("fd_filestat_get", fd, 100)).toBe(success);
    const view = new DataView(guest.bytes().buffer, 100, 64);
    expect([view.getUint8(16), view.getBigUint64(24, true), view.getBigUint64(32, true)]).toEqual([4, 1n, 7n]);
    expect(guest.bytes().subarray(140, 164)).toEqual(new Uint8Array(24));
  });
});

describe("the table of descriptors", () => {
  test("uses its numbers again", () => {
    expect(ready(fixture("wasi-opens.wat"), readOnly()).call("open_and_close")).toBe(4);
  });

  test("holds 64 and then refuses without touching the file", () => {
    const { call } = ready(fixture("wasi-opens.wat"), readOnly());
    expect(call("open_all")).toEqual([63, mfile]);
    const { mounts, quota } = writable();
    const guest = ready(everything, { mounts });
    for (let number = 4; number < 64; number++) expect(open(guest, "f", creat).fd).toBe(number);
    expect(open(guest, "new", creat).errno).toBe(mfile);
    expect(mounts[0]?.folder.contents.has("new")).toBe(false);
    expect(quota.freeBytes).toBe(1_000_000);
  });
});

test("path_open() makes, empties and opens nothing when it cannot say the number", () => {
  const { mounts } = writable();
  const guest = ready(everything, { mounts });
  write(guest, open(guest, "old", creat).fd, "content");
  for (const [name, oflags] of [
    ["new", creat],
    ["old", trunc],
  ] as const) {
    const [[at, length] = [0, 0]] = put(guest, name);
    expect(guest.call("path_open", 3, 0, at, length, oflags, readAndWrite, 0n, 0, -4)).toBe(21);
  }
  expect([...(mounts[0]?.folder.contents.keys() ?? [])]).toEqual(["old"]);
  const { fd } = open(guest, "old");
  expect([fd, read(guest, fd)]).toEqual([5, "content"]);
});

describe("a read-only mount", () => {
  test("is found at its path and read", () => {
    const guest = ready(everything, readOnly());
    expect(guest.call("fd_prestat_get", 3, 0)).toBe(success);
    expect([...guest.bytes().subarray(0, 8)]).toEqual([0, 0, 0, 0, 1, 0, 0, 0]);
    expect(guest.call("fd_prestat_dir_name", 3, 0, 1)).toBe(success);
    expect(guest.bytes()[0]).toBe(0x2f);
    expect(guest.call("fd_prestat_dir_name", 3, 0, 0)).toBe(toolong);
    expect(read(guest, open(guest, "./sub/../f", 0, { rights: 2n }).fd)).toBe("content");
    expect(guest.call("fd_prestat_get", 4, 0)).toBe(badf);
  });

  test("refuses every change", () => {
    const { mounts } = readOnly();
    const guest = ready(everything, { mounts });
    expect(open(guest, "f").errno).toBe(rofs);
    expect(open(guest, "f", trunc, { rights: 2n }).errno).toBe(rofs);
    expect(open(guest, "new", creat, { rights: 2n }).errno).toBe(rofs);
    expect(path(guest, "path_create_directory", "new")).toBe(rofs);
    expect(path(guest, "path_unlink_file", "f")).toBe(rofs);
    expect(path(guest, "path_rename", "f", "h")).toBe(rofs);
    expect(path(guest, "path_link", "f", "h")).toBe(rofs);
    const { fd } = open(guest, "f", 0, { rights: 2n });
    expect(write(guest, fd, "x")).toBe(badf);
    expect(read(guest, fd)).toBe("content");
    expect([...(mounts[0]?.folder.contents.keys() ?? [])]).toEqual(["f", "sub"]);
  });

  test("keeps its bytes when descriptors are closed, for the next call", () => {
    const { mounts } = readOnly();
    for (let turn = 0; turn < 3; turn++) {
      const guest = ready(everything, { mounts });
      const { fd } = open(guest, "f", 0, { rights: 2n });
      expect(read(guest, fd)).toBe("content");
      expect(guest.call("fd_close", fd)).toBe(success);
    }
  });
});

describe("paths", () => {
  test("lead nowhere outside their folder", () => {
    const guest = ready(everything, writable());
    for (const outside of ["/etc/passwd", "..", "a/../../b", "../data/a", "/"]) {
      expect([outside, open(guest, outside, creat).errno]).toEqual([outside, notcapable]);
    }
    expect(open(guest, "a\0b", creat).errno).toBe(inval);
  });

  test("are bounded in length and must be UTF-8", () => {
    const guest = ready(everything, writable());
    expect(open(guest, `${"x/".repeat(2048)}y`, creat).errno).toBe(toolong);
    expect(open(guest, "n".repeat(256), creat).errno).toBe(toolong);
    expect(open(guest, "é".repeat(128), creat).errno).toBe(toolong);
    expect(open(guest, "n".repeat(255), creat).errno).toBe(success);
    expect(open(guest, Uint8Array.of(0x61, 0xff), creat).errno).toBe(ilseq);
    expect(guest.call("path_unlink_file", 3, 0, 65536)).toBe(toolong);
  });

  test("make, list and remove files and folders as POSIX does", () => {
    const guest = ready(everything, writable());
    expect(path(guest, "path_create_directory", "d")).toBe(success);
    expect(path(guest, "path_create_directory", "d")).toBe(exist);
    expect(open(guest, "d/f", creat).errno).toBe(success);
    expect(open(guest, "d/f", creat | excl).errno).toBe(exist);
    expect(open(guest, "d/f/x", creat).errno).toBe(notdir);
    expect(open(guest, "d/f", directory).errno).toBe(notdir);
    expect(open(guest, "no/f", creat).errno).toBe(noent);
    expect(open(guest, "new/", creat).errno).toBe(isdir);
    expect(path(guest, "path_remove_directory", "d")).toBe(notempty);
    expect(path(guest, "path_remove_directory", "d/f")).toBe(notdir);
    expect(path(guest, "path_unlink_file", "d")).toBe(isdir);
    expect(path(guest, "path_unlink_file", "d/f")).toBe(success);
    expect(path(guest, "path_unlink_file", "d/f")).toBe(noent);
    expect(path(guest, "path_remove_directory", "d")).toBe(success);
  });

  test("know no symbolic links", () => {
    const guest = ready(everything, readOnly());
    const [[at, length] = [0, 0]] = put(guest, "f");
    expect(guest.call("path_symlink", at, length, 3, at, length)).toBe(notsup);
    expect(guest.call("path_readlink", 3, at, length, 0, 10, 0)).toBe(inval);
  });

  test("cannot make more names than the quota has", () => {
    const guest = ready(everything, writable(1000, 3));
    for (const name of ["a", "b", "c"]) expect(path(guest, "path_create_directory", name)).toBe(success);
    expect(path(guest, "path_create_directory", "d")).toBe(nospc);
    expect(path(guest, "path_remove_directory", "a")).toBe(success);
    expect(open(guest, "d", creat).errno).toBe(success);
    expect(open(guest, "e", creat).errno).toBe(nospc);
  });
});

describe("path_rename", () => {
  test("takes the place of a file, and gives its bytes back", () => {
    const { mounts, quota } = writable();
    const guest = ready(everything, { mounts });
    for (const name of ["a", "b"]) {
      const { fd } = open(guest, name, creat);
      write(guest, fd, name.repeat(1000));
      guest.call("fd_close", fd);
    }
    expect(path(guest, "path_rename", "a", "b")).toBe(success);
    expect(quota.freeBytes).toBe(999_000);
    expect(read(guest, open(guest, "b").fd, 999n)).toBe("a");
    expect(open(guest, "a").errno).toBe(noent);
  });

  test("loses nothing when it cannot be done", () => {
    const { mounts } = writable();
    const guest = ready(everything, { mounts: [...mounts, ...readOnly().mounts] });
    for (const name of ["d", "d/e"]) path(guest, "path_create_directory", name);
    open(guest, "f", creat);
    expect(path(guest, "path_rename", "d", "d/e/d")).toBe(inval);
    expect(path(guest, "path_rename", "d", "no/d")).toBe(noent);
    expect(path(guest, "path_rename", "f", "d")).toBe(isdir);
    expect(path(guest, "path_rename", "d", "f")).toBe(notdir);
    expect(path(guest, "path_rename", "f", "f")).toBe(success);
    expect(path(guest, "path_rename", "f", "../f")).toBe(notcapable);
    const [[at, length] = [0, 0]] = put(guest, "f");
    expect(guest.call("path_rename", 3, at, length, 4, at, length)).toBe(rofs);
    expect(guest.call("path_rename", 4, at, length, 3, at, length)).toBe(xdev);
    expect(guest.call("path_rename", 3, at, length, 1, at, length)).toBe(notdir);
    expect([...(mounts[0]?.folder.contents.keys() ?? [])]).toEqual(["d", "f"]);
  });

  test("moves folders with all that is in them", () => {
    const guest = ready(everything, writable());
    path(guest, "path_create_directory", "d");
    open(guest, "d/f", creat);
    expect(path(guest, "path_rename", "d/", "e/")).toBe(success);
    expect(open(guest, "e/f").errno).toBe(success);
    expect(path(guest, "path_link", "e", "g")).toBe(perm);
    expect(path(guest, "path_link", "e/f", "e")).toBe(exist);
  });
});

describe("fd_readdir", () => {
  test("lists in pieces of any size, starting where it is told", () => {
    const guest = ready(everything, readOnly());
    const view = () => new DataView(guest.bytes().buffer);
    const names: string[] = [];
    let cookie = 0n;
    for (let turn = 0; turn < 4; turn++) {
      expect(guest.call("fd_readdir", 3, 1000, 30, cookie, 0)).toBe(success);
      const length = view().getUint32(1016, true);
      cookie = view().getBigUint64(1000, true);
      names.push(text(guest.bytes().subarray(1024, 1024 + length)));
    }
    expect(names).toEqual([".", "..", "f", "sub"]);
    expect(guest.call("fd_readdir", 3, 1000, 30, cookie, 0)).toBe(success);
    expect(view().getUint32(0, true)).toBe(0);
    expect(guest.call("fd_readdir", 3, 1000, 30, -1n, 0)).toBe(success);
    expect(view().getUint32(0, true)).toBe(0);
    expect(guest.call("fd_readdir", 3, 1000, 10, 0n, 0)).toBe(success);
    expect(view().getUint32(0, true)).toBe(10);
    expect(guest.call("fd_readdir", 3, 1000, -1, 0n, 0)).toBe(21);
    expect(guest.call("fd_readdir", 1, 1000, 30, 0n, 0)).toBe(notdir);
  });
});
