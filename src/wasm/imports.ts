/**
 * What a module may ask of its host: the functions of WASI preview 1, as a grant, and nothing else.
 * https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 *
 * JavaScript functions can be imported with any signature, so one that is not preview 1's would hand our host values
 * of types that it does not expect; it is refused here, as is a name that preview 1 does not have.
 */
import { GatewayError } from "../errors.ts";
import type { ImportInfo } from "./module-info.ts";

/** The only module name that can be imported from. */
const preview1 = "wasi_snapshot_preview1";

/** Parameters of each function of preview 1, i for i32, l for i64; all but proc_exit return an i32. */
export const preview1Parameters: Readonly<Record<string, string>> = {
  args_get: "ii",
  args_sizes_get: "ii",
  clock_res_get: "ii",
  clock_time_get: "ili",
  environ_get: "ii",
  environ_sizes_get: "ii",
  fd_advise: "illi",
  fd_allocate: "ill",
  fd_close: "i",
  fd_datasync: "i",
  fd_fdstat_get: "ii",
  fd_fdstat_set_flags: "ii",
  fd_fdstat_set_rights: "ill",
  fd_filestat_get: "ii",
  fd_filestat_set_size: "il",
  fd_filestat_set_times: "illi",
  fd_pread: "iiili",
  fd_prestat_dir_name: "iii",
  fd_prestat_get: "ii",
  fd_pwrite: "iiili",
  fd_read: "iiii",
  fd_readdir: "iiili",
  fd_renumber: "ii",
  fd_seek: "ilii",
  fd_sync: "i",
  fd_tell: "ii",
  fd_write: "iiii",
  path_create_directory: "iii",
  path_filestat_get: "iiiii",
  path_filestat_set_times: "iiiilli",
  path_link: "iiiiiii",
  path_open: "iiiiillii",
  path_readlink: "iiiiii",
  path_remove_directory: "iii",
  path_rename: "iiiiii",
  path_symlink: "iiiii",
  path_unlink_file: "iii",
  poll_oneoff: "iiii",
  proc_exit: "i",
  proc_raise: "i",
  random_get: "ii",
  sched_yield: "",
  sock_accept: "iii",
  sock_recv: "iiiiii",
  sock_send: "iiiii",
  sock_shutdown: "ii",
};

/** What whoever built a module that imports from elsewhere can do about it; the first that matches is shown. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/^wasi_unstable\0/, "That is WASI's snapshot 0: rebuild with a toolchain for WASI preview 1 (wasm32-wasip1)."],
  [/^wasi:/, "Those are the interfaces of components: build for WASI preview 1 (wasm32-wasip1, GOOS=wasip1) instead."],
  [/^wasi\0thread-spawn$/, "Guests have one thread: build without threads."],
  [/^wasi_ephemeral_/, "That is a proposal to WASI that this gateway does not offer."],
  [/^wasmgate\0/, "That name is kept for what a gateway gives to its guests; this version gives nothing."],
  [/^env\0abort$/, "AssemblyScript imports it unless told otherwise: build with `asc --use abort=`."],
  [
    /^(env\0memory|env\0__.*_base|GOT\.)/,
    "It expects to be linked by its host: link it statically, with its own memory.",
  ],
  [/^env\0/, "A symbol was left undefined: link it in. For Emscripten, build with -sSTANDALONE_WASM."],
  [/^(wbg|__wbindgen.*|.*_bg\.js)\0/, "wasm-bindgen needs JavaScript around the module: build without it."],
  [/^(go|gojs)\0/, "It was built for a browser: build with GOOS=wasip1 GOARCH=wasm."],
];

const shownNames = 5;

/**
 * Tells whether a module imports WASI, having checked that everything it imports can be given to it.
 * @throws {GatewayError} MODULE_UNSUPPORTED for other imports, and for WASI without the grant
 */
export function checkImports(imports: readonly ImportInfo[], wasiCap: boolean): boolean {
  const foreign = imports.filter(({ module }) => module !== preview1);
  const [first] = foreign;
  if (first !== undefined) {
    const key = `${first.module}\0${first.name}`;
    const remedy = remedies.find(([pattern]) => pattern.test(key))?.[1] ?? "";
    throw refusal(`the module imports ${namesOf(foreign)}; only ${preview1} can be imported from. ${remedy}`.trimEnd());
  }
  const unknown = imports.filter((each) => !isPreview1(each));
  if (unknown.length > 0) throw refusal(`${preview1} has no function of that name and type: ${namesOf(unknown)}`);
  if (imports.length > 0 && !wasiCap) {
    throw refusal(`the module imports WASI, which it is not granted: deploy it with "wasi_cap": true`);
  }
  return imports.length > 0;
}

function isPreview1(imported: ImportInfo): boolean {
  if (imported.kind !== "function") return false;
  const wanted = preview1Parameters[imported.name];
  const { params, results } = imported.type;
  const letters = params.map((type) => (type === "i32" ? "i" : type === "i64" ? "l" : "?")).join("");
  return letters === wanted && results.join() === (imported.name === "proc_exit" ? "" : "i32");
}

function namesOf(imports: readonly ImportInfo[]): string {
  const names = imports.slice(0, shownNames).map(({ module, name }) => `${shown(module)}.${shown(name)}`);
  const more = imports.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Makes a guest's name fit for a message: short, and without characters that a terminal would act on. */
export function shown(name: string): string {
  const short = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  return /^[!-~]+$/.test(name) ? short : JSON.stringify(short).replace(/[^ -~…]/g, "?");
}

function refusal(message: string): GatewayError {
  return new GatewayError("MODULE_UNSUPPORTED", message);
}
