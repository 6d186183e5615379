/**
 * The wasi-command contract: a WASI preview 1 program that reads argv (or stdin) and writes its answer to stdout.
 *
 *   {"a": 1}        argv = ['{"a":1}']       the JSON itself is argv[0], as WasmEngine has it
 *   [7, "x", [1]]   argv = ['7', 'x', '[1]'] keyless: strings as they are, others as their JSON
 *
 * The outcome holds stdout as it was written. WasmEngine's answer is without one trailing newline, which is the
 * dialect's matter: stripNewline() is here for it.
 */
import type { Arguments } from "../../arguments.ts";
import { GatewayError } from "../../errors.ts";
import type { Contract } from "../../wasm/contract.ts";
import { enter, exportedFunction, type Guest } from "../guest.ts";
import type { Input, Outcome } from "../protocol.ts";

type WasiCommand = Extract<Contract, { kind: "wasi-command" }>;
type CommandInput = Extract<Input, { kind: "wasi-command" }>;

const newline = 0x0a;

/** Makes argv of a caller's arguments; stdin is empty. @throws {GatewayError} INVALID_REQUEST */
export function input(args: Arguments, _contract: WasiCommand): CommandInput {
  const argv = args.positional?.map(textOf) ?? [args.json];
  const broken = argv.findIndex((text) => text.includes("\0"));
  if (broken >= 0) {
    throw new GatewayError(
      "INVALID_REQUEST",
      `expected arguments without the character U+0000, which ends a string in argv; argument ${broken} has one`,
    );
  }
  return { kind: "wasi-command", args: argv, stdin: new Uint8Array(0) };
}

/** Runs a ready guest to its end. An exit with code 0 is a return; with another, the output goes along. */
export function callWasiCommand(guest: Guest, call: { readonly contract: WasiCommand }): Outcome {
  const start = exportedFunction(guest, call.contract.export);
  return enter(guest, () => {
    start();
    return { kind: "returned", output: guest.host?.output() ?? new Uint8Array(0) };
  });
}

/** Returns the bytes without one newline at their end. */
export function stripNewline(output: Uint8Array): Uint8Array {
  return output.at(-1) === newline ? output.subarray(0, -1) : output;
}

function textOf(json: string): string {
  if (!json.startsWith('"')) return json;
  const text: unknown = JSON.parse(json);
  return typeof text === "string" ? text : json;
}
