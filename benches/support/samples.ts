/** The modules that benches call, where their builds are, and what each must answer. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** A module with a call of it and the call's answer. */
export type Sample = {
  readonly name: string;
  readonly path: string;
  readonly wasi: boolean;
  readonly args: unknown;
  readonly answer: string;
};

const root = join(import.meta.dirname, "..", "..");
const rust = "experiments/application";
const guests = join(import.meta.dirname, "..", "guests");

const authenticated = {
  args: { arg_uri: "yes", arg_body: "yes", arg_secret: "12345" },
  answer: `{"status":"403","body":"<html><h1>Auth Forbidden!</h1><p>hash c5187dd86a648a819f527c7a8a4f7bf4 secret 12345</p></html>"}`,
};
const echoed = { args: { text: "a short text" }, answer: `{"text":"a short text"}b` };
const divided = { args: [1071, 462], answer: "21" };

/** All of them; `make apps functions` builds those that are not made here. */
export const samples = {
  authentication: sample(
    "authentication",
    `${rust}/authentication/target/wasm32-unknown-unknown/release`,
    authenticated,
  ),
  authenticationWasi: sample("authentication-wasi", `${rust}/authentication-wasi/target/wasm32-wasi/release`, {
    ...authenticated,
    wasi: true,
  }),
  authenticationGo: sample("authentication", "functions/go/authentication/build", { ...authenticated, wasi: true }),
  addOne: sample("add_one", `${rust}/add_one/target/wasm32-unknown-unknown/release`, { args: [41], answer: "42" }),
  echoString: sample("echo_string", `${rust}/echo_string/target/wasm32-unknown-unknown/release`, echoed),
  echoStringWasi: sample("echo_string-wasi", "benches/guests/build", { ...echoed, wasi: true }),
  gcd: sample("gcd", `${rust}/gcd/build`, divided),
  gcdWasi: sample("gcd-wasi", "benches/guests/build", { ...divided, wasi: true }),
} as const;

/** Reads a sample's module. @throws {Error} saying how to get it, when it is not built */
export function moduleOf({ path }: Sample): Uint8Array<ArrayBuffer> {
  if (path.startsWith(guests)) return guest(path.slice(join(guests, "build/").length, -".wasm".length));
  if (!existsSync(path)) throw new Error(`${path} is not built: make apps functions says what it needs`);
  return readFileSync(path);
}

/** Tells whether a sample's module is there. */
export function isBuilt({ path }: Sample): boolean {
  return path.startsWith(guests) || existsSync(path);
}

/** Returns a guest of benches/guests, compiled when it is older than its source. */
export function guest(name: string): Uint8Array<ArrayBuffer> {
  const source = join(guests, `${name}.c`);
  const built = join(guests, "build", `${name}.wasm`);
  if (!existsSync(built) || statSync(built).mtimeMs < statSync(source).mtimeMs) compile(source, built);
  return readFileSync(built);
}

/** -O2 goes past clang's driver, which would look for a wasm-opt and change what was measured. */
function compile(source: string, built: string): void {
  mkdirSync(join(guests, "build"), { recursive: true });
  const target = source.endsWith("-wasi.c")
    ? ["--target=wasm32-wasi"]
    : ["--target=wasm32", "-nostdlib", "-ffreestanding", "-Wl,--no-entry", "-Wl,--export=run"];
  const flags = ["-std=c11", "-Xclang", "-O2", "-fno-builtin", "-Wall", "-Wextra", "-Wl,--strip-all"];
  try {
    execFileSync("clang", [...flags, ...target, "-o", built, source], { stdio: "inherit" });
  } catch (cause) {
    throw new Error(`${source} cannot be compiled; it needs: apt-get install clang lld wasi-libc`, { cause });
  }
}

function sample(name: string, folder: string, more: Pick<Sample, "args" | "answer"> & { wasi?: boolean }): Sample {
  return { name, path: join(root, folder, `${name}.wasm`), wasi: false, ...more };
}
