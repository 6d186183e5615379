/** The preview 1 host against guests that misbehave; one test for each defect of the shim it stands on. */
import { WASI } from "@bjorn3/browser_wasi_shim";
import { MemoryFolder } from "../../../src/runtime/wasi/folders.ts";
import { WasiHost } from "../../../src/runtime/wasi/host.ts";
import { fixture, wat } from "../../support/wat.ts";
import { ready, text } from "./ready.ts";

const everything = fixture("wasi-everything.wat");
const limits = { outputBytes: 100, stderrBytes: 100, timeoutMs: 1000 };
const [success, badf, fault, inval, notsup] = [0, 8, 21, 28, 58];

/** Writes a list of one buffer at 0 that names `length` bytes at `pointer`. */
function vector(bytes: Uint8Array, pointer: number, length: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pointer, true);
  view.setUint32(4, length, true);
}

describe("WasiHost", () => {
  test("has every function of preview 1 and nothing else", () => {
    const { wasiImport } = new WASI([], [], [], { debug: false });
    expect(Object.keys(new WasiHost().imports).sort()).toEqual(Object.keys(wasiImport).sort());
    expect(() => ready(everything)).not.toThrow();
  });

  test("logs nothing to the console", () => {
    const lines: unknown[] = [];
    const { log } = console;
    console.log = (...line) => lines.push(line);
    try {
      const { call, bytes } = ready(everything, { mounts: [{ path: "/", folder: new MemoryFolder({}) }] });
      bytes()[0] = 0x78;
      expect(call("path_open", 3, 0, 0, 1, 0, 0n, 0n, 0, 0)).toBe(44);
      expect(call("path_filestat_get", 3, 0, 0, 1, 0)).toBe(44);
    } finally {
      console.log = log;
    }
    expect(lines).toEqual([]);
  });

  test("has no folder open and knows no socket", () => {
    const { call } = ready(everything);
    expect(call("fd_prestat_get", 3, 0)).toBe(badf);
    expect(call("path_open", 3, 0, 0, 1, 0, 0n, 0n, 0, 0)).toBe(badf);
    expect(call("sock_accept", 3, 0, 0)).toBe(notsup);
    expect(call("sock_recv", 3, 0, 0, 0, 0, 0)).toBe(notsup);
    expect(call("sock_send", 3, 0, 0, 0, 0)).toBe(notsup);
    expect(call("sock_shutdown", 3, 0)).toBe(notsup);
  });

  test("keeps nothing of one call for the next", () => {
    const host = new WasiHost();
    const first = ready(everything, { args: ["secret"], env: ["A=secret"], stdin: Uint8Array.of(1, 2, 3) }, host);
    vector(first.bytes(), 0, 65537);
    expect(first.call("fd_write", 1, 0, 1, 8)).toBe(fault);
    vector(first.bytes(), 16, 6);
    expect(first.call("fd_write", 1, 0, 1, 8)).toBe(success);
    expect(first.call("fd_write", 2, 0, 1, 8)).toBe(success);
    expect(first.call("fd_close", 1)).toBe(success);
    expect(first.call("args_get", 1000, 2000)).toBe(success);
    expect(first.call("environ_get", 1000, 2000)).toBe(success);
    expect(() => first.call("proc_exit", 3)).toThrow();
    const second = ready(everything, {}, host);
    expect(host.ending).toBeUndefined();
    expect(host.output()).toHaveLength(0);
    expect(host.stderr()).toHaveLength(0);
    expect(second.call("args_sizes_get", 0, 4)).toBe(success);
    expect(second.call("environ_sizes_get", 8, 12)).toBe(success);
    expect(second.bytes().subarray(0, 16)).toEqual(new Uint8Array(16));
    vector(second.bytes(), 16, 6);
    expect(second.call("fd_read", 0, 0, 1, 8)).toBe(success);
    expect(second.bytes().subarray(8, 12)).toEqual(new Uint8Array(4));
    expect(second.call("fd_write", 1, 0, 1, 8)).toBe(success);
  });

  test("reaches no memory between the beginning of a call and the binding of its own", () => {
    const host = new WasiHost();
    const { call, bytes } = ready(everything, {}, host);
    host.begin({ args: ["next"], env: [], stdin: new Uint8Array(0), stdout: "output", limits });
    expect(call("args_get", 0, 100)).toBe(fault);
    expect(bytes().every((byte) => byte === 0)).toBe(true);
  });

  test("gives stdin in the pieces that are asked for, then its end", () => {
    const { call, bytes } = ready(everything, { stdin: new TextEncoder().encode("hello") });
    vector(bytes(), 16, 3);
    expect(call("fd_read", 0, 0, 1, 8)).toBe(success);
    expect(text(bytes().subarray(16, 19))).toBe("hel");
    expect(call("fd_read", 0, 0, 1, 8)).toBe(success);
    expect(text(bytes().subarray(16, 19))).toBe("lol");
    expect(bytes()[8]).toBe(2);
    expect(call("fd_read", 0, 0, 1, 8)).toBe(success);
    expect(bytes()[8]).toBe(0);
  });

  test("follows a memory that grows between two calls", () => {
    const { call, bytes } = ready(everything);
    expect(call("random_get", 65536, 8)).toBe(fault);
    expect(call("grow")).toBe(1);
    expect(call("random_get", 65536, 8)).toBe(success);
    expect(bytes().subarray(65536, 65544)).not.toEqual(new Uint8Array(8));
    expect(call("random_get", 0, 0)).toBe(success);
    expect(call("grow")).toBe(2);
    expect(call("random_get", 0, 0)).toBe(success);
  });
});

describe("argv and environ", () => {
  test("announce as many bytes as they write when the text is not ASCII", () => {
    const { call, bytes } = ready(everything, { args: ["é漢", "", "🦀"], env: ["K=ü"] });
    expect(call("args_sizes_get", 0, 4)).toBe(success);
    const view = new DataView(bytes().buffer);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([3, 6 + 1 + 5]);
    bytes().fill(0xff, 100, 120);
    expect(call("args_get", 16, 100)).toBe(success);
    expect(bytes().subarray(100, 112)).toEqual(new TextEncoder().encode("é漢\0\0🦀\0"));
    expect(bytes()[112]).toBe(0xff);
    expect([0, 4, 8].map((at) => view.getUint32(16 + at, true))).toEqual([100, 106, 107]);
    expect(call("environ_sizes_get", 0, 4)).toBe(success);
    expect([view.getUint32(0, true), view.getUint32(4, true)]).toEqual([1, 5]);
  });

  test("refuse a string with a NUL, which the guest would read as two", () => {
    expect(() => ready(everything, { args: ["a\0b"] })).toThrow("NUL");
    expect(() => ready(everything, { env: ["A=\0"] })).toThrow("NUL");
  });
});

describe("bad pointers", () => {
  // Every pointer of every function, one bad at a time, with the others good. "stdin" has bytes to read.
  const cases: readonly [string, ...(number | bigint | "bad")[]][] = [
    ["args_get", "bad", 0],
    ["args_get", 0, "bad"],
    ["args_sizes_get", "bad", 0],
    ["args_sizes_get", 0, "bad"],
    ["environ_get", "bad", 0],
    ["environ_get", 0, "bad"],
    ["environ_sizes_get", "bad", 0],
    ["environ_sizes_get", 0, "bad"],
    ["clock_res_get", 1, "bad"],
    ["clock_time_get", 1, 0n, "bad"],
    ["fd_fdstat_get", 0, "bad"],
    ["fd_filestat_get", 0, "bad"],
    ["fd_read", 0, "bad", 1, 8],
    ["fd_read", 0, 0, 1, "bad"],
    ["fd_write", 1, "bad", 1, 8],
    ["fd_write", 1, 0, 1, "bad"],
    ["fd_pread", 0, "bad", 1, 0n, 8],
    ["fd_pwrite", 1, 0, 1, 0n, "bad"],
    ["fd_seek", 0, 0n, 0, "bad"],
    ["poll_oneoff", "bad", 0, 1, 0],
    ["poll_oneoff", 0, "bad", 1, 0],
    ["poll_oneoff", 0, 0, 1, "bad"],
    ["random_get", "bad", 8],
    ["random_get", 0, -1],
    ["path_unlink_file", 1, "bad", 8],
    ["path_open", 1, 0, "bad", 8, 0, 0n, 0n, 0, 0],
  ];
  const bad = [65536, 65533, 0x7fffffff, -1, -2147483648];

  test.each(cases)("%s answers EFAULT and writes nothing (%p, %p, %p, %p)", (name, ...parameters) => {
    for (const pointer of bad) {
      const { call, bytes, host } = ready(everything, {
        args: ["long enough"],
        env: ["A=long"],
        stdin: Uint8Array.of(1),
      });
      const real = parameters.map((parameter) => (parameter === "bad" ? pointer : parameter));
      expect([pointer, call(name, ...real)]).toEqual([pointer, fault]);
      expect(host.ending).toBeUndefined();
      expect(bytes().every((byte) => byte === 0)).toBe(true);
    }
  });

  test("in a list of buffers are found before the first byte moves", () => {
    const { call, bytes, host } = ready(everything);
    vector(bytes(), 100, 4);
    new DataView(bytes().buffer).setUint32(8, 0xffffffff, true);
    new DataView(bytes().buffer).setUint32(12, 1, true);
    expect(call("fd_write", 1, 0, 2, 32)).toBe(fault);
    expect(host.output()).toHaveLength(0);
  });

  test("in a list longer than IOV_MAX are not even looked at", () => {
    const { call } = ready(everything);
    for (const count of [1025, 0x7fffffff, -2147483648, -1]) {
      expect(call("fd_write", 1, 0, count, 0)).toBe(inval);
      expect(call("fd_read", 0, 0, count, 0)).toBe(inval);
    }
  });

  test("cannot make a list claim more bytes than its answer can hold", () => {
    const { call, bytes } = ready(everything, { limits: { outputBytes: 8, stderrBytes: 8, timeoutMs: 1000 } });
    for (let more = 0; more < 3; more++) call("grow");
    const view = new DataView(bytes().buffer);
    for (let index = 0; index < 1024; index++) view.setUint32(8 * index + 4, 4 * 65536, true);
    expect(call("fd_write", 2, 0, 1024, 8192)).toBe(success);
    expect(view.getUint32(8192, true)).toBe(1024 * 4 * 65536);
    const large = ready(
      wat(`(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 65) (export "fd_write" (func $write)))`),
    );
    const largeView = new DataView(large.bytes().buffer);
    for (let index = 0; index < 1024; index++) largeView.setUint32(8 * index + 4, 64 * 65536, true);
    expect(large.call("fd_write", 2, 0, 1023, 8192)).toBe(success);
    expect(large.call("fd_write", 2, 0, 1024, 8192)).toBe(inval);
  });
});

describe("what a guest writes", () => {
  test("to stdout past its limit ends the guest, however it goes on", () => {
    const { call, host, guest } = ready(fixture("wasi-endless-line.wat"), {
      args: ["x"],
      limits: { outputBytes: 1_000_000, stderrBytes: 0, timeoutMs: 1000 },
    });
    expect(() => call("_start")).toThrow();
    expect(host.ending).toEqual({
      kind: "refused",
      code: "GUEST_OUTPUT_TOO_LARGE",
      message: "the guest wrote more than 1000000 bytes to stdout",
    });
    expect(guest.host?.ended).toBe(host.ending);
  });

  test("to stdout may be exactly its limit", () => {
    const { call, bytes, host } = ready(everything, { limits: { outputBytes: 10, stderrBytes: 0, timeoutMs: 1 } });
    vector(bytes(), 16, 10);
    expect(call("fd_write", 1, 0, 1, 8)).toBe(success);
    expect(host.output()).toHaveLength(10);
    vector(bytes(), 16, 1);
    expect(() => call("fd_write", 1, 0, 1, 8)).toThrow();
    expect(host.ending).toMatchObject({ code: "GUEST_OUTPUT_TOO_LARGE" });
  });

  test("to stderr past its limit is dropped, and said to be written", () => {
    const { call, host } = ready(fixture("wasi-endless-line.wat"), { args: ["x", "y"] });
    call("_start");
    expect(host.ending).toBeUndefined();
    expect(host.stderr()).toHaveLength(64);
  });

  test("to stdout goes to the log where stdout is no answer", () => {
    const { call, bytes, host } = ready(everything, { stdout: "log" });
    vector(bytes(), 16, 3);
    bytes().set([97, 98, 99], 16);
    expect(call("fd_write", 1, 0, 1, 8)).toBe(success);
    expect(host.output()).toHaveLength(0);
    expect(text(host.stderr())).toBe("abc");
  });

  test("is kept as it was written when it comes in many pieces", () => {
    const { call, bytes, host } = ready(everything, { limits: { outputBytes: 1e6, stderrBytes: 0, timeoutMs: 1 } });
    vector(bytes(), 16, 1000);
    for (let piece = 0; piece < 100; piece++) {
      bytes().fill(piece, 16, 1016);
      expect(call("fd_write", 1, 0, 1, 8)).toBe(success);
    }
    const output = host.output();
    expect(output).toHaveLength(100_000);
    expect(output.every((byte, index) => byte === Math.floor(index / 1000))).toBe(true);
  });
});

describe("descriptors 0, 1 and 2", () => {
  test("are no terminals, cannot be sought, and go one way", () => {
    const { call, bytes } = ready(everything);
    for (const descriptor of [0, 1, 2]) {
      bytes().fill(0xff, 0, 64);
      expect(call("fd_fdstat_get", descriptor, 0)).toBe(success);
      expect(bytes()[0]).toBe(0);
      expect(call("fd_filestat_get", descriptor, 0)).toBe(success);
      expect(bytes().subarray(32, 64)).toEqual(new Uint8Array(32));
      expect(call("fd_seek", descriptor, 0n, 0, 0)).toBe(70);
      expect(call("fd_tell", descriptor, 0)).toBe(70);
    }
    vector(bytes(), 16, 1);
    expect(call("fd_write", 0, 0, 1, 8)).toBe(badf);
    expect(call("fd_read", 1, 0, 1, 8)).toBe(badf);
    expect(call("fd_pwrite", 1, 0, 1, 0n, 8)).toBe(notsup);
  });

  test("can be closed and moved over one another", () => {
    const { call, bytes, host } = ready(everything);
    vector(bytes(), 16, 1);
    expect(call("fd_renumber", 1, 1)).toBe(success);
    expect(call("fd_renumber", 1, 2)).toBe(success);
    expect(call("fd_write", 1, 0, 1, 8)).toBe(badf);
    expect(call("fd_write", 2, 0, 1, 8)).toBe(success);
    expect(host.output()).toHaveLength(1);
    expect(call("fd_close", 2)).toBe(success);
    expect(call("fd_close", 2)).toBe(badf);
    expect(call("fd_renumber", 0, 63)).toBe(badf);
    for (const descriptor of [-1, 64, 0x7fffffff]) expect(call("fd_close", descriptor)).toBe(badf);
  });
});
