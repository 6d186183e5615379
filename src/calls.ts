/**
 * From what was asked to a Call, and from its Outcome to bytes or an error: the two ends of invoking, without the way.
 */
import type { Arguments } from "./arguments.ts";
import { GatewayError } from "./errors.ts";
import * as jsonPointer from "./runtime/abi/json-pointer.ts";
import * as scalars from "./runtime/abi/scalars.ts";
import * as wasiCommand from "./runtime/abi/wasi-command.ts";
import type { Wish } from "./runtime/intake.ts";
import type { CallLimits, Input, Outcome, Program } from "./runtime/protocol.ts";
import type { FunctionRecord } from "./store/catalog.ts";
import type { Contract } from "./wasm/contract.ts";
import type { ModuleInfo } from "./wasm/inspect.ts";

/** Bounds that a deploy sets for its function, or an invoke for its call; what is absent is as the gateway has it. */
export type Limits = { readonly memoryBytes?: number; readonly timeoutMs?: number };

/** A call to make. */
export type InvokeRequest = {
  readonly namespace: string;
  readonly name: string;
  readonly args: Arguments;
  readonly limits: Limits;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
};

/** Bytes of a WebAssembly page. */
const pageBytes = 65_536;

/**
 * Lowers limits to those asked for.
 * @throws {GatewayError} INVALID_REQUEST when more is asked for than there is
 */
export function limitsOf(base: CallLimits, asked: Limits): CallLimits {
  const { memoryBytes = base.memoryPages * pageBytes, timeoutMs = base.timeoutMs } = asked;
  const memoryPages = Math.floor(memoryBytes / pageBytes);
  if (memoryPages > base.memoryPages) {
    const message = `limits.memory may be at most ${base.memoryPages * pageBytes} bytes here, got ${memoryBytes}`;
    throw new GatewayError("INVALID_REQUEST", message);
  }
  if (timeoutMs > base.timeoutMs) {
    throw new GatewayError(
      "INVALID_REQUEST",
      `limits.timeout may be at most ${base.timeoutMs}ms here, got ${timeoutMs}ms`,
    );
  }
  return { ...base, memoryPages, timeoutMs };
}

/** Returns a function's bounds: its own, unless the gateway's have come down since its deploy. */
export function ownLimits(base: CallLimits, { limits }: Pick<FunctionRecord, "limits">): CallLimits {
  const { memoryBytes = Infinity, timeoutMs = Infinity } = limits;
  return {
    ...base,
    memoryPages: Math.min(base.memoryPages, Math.floor(memoryBytes / pageBytes)),
    timeoutMs: Math.min(base.timeoutMs, timeoutMs),
  };
}

/**
 * Refuses a module that could not even start within its limit, which is `base`'s or lower.
 * @throws {GatewayError} MODULE_UNSUPPORTED
 */
export function checkStart(
  { memories }: Pick<ModuleInfo, "memories">,
  { memoryPages }: CallLimits,
  base: CallLimits,
): void {
  const startPages = memories.reduce((sum, memory) => sum + memory.minPages, 0);
  if (startPages <= memoryPages) return;
  const least = `${startPages * (pageBytes / 1024)}Ki`;
  const remedy =
    startPages <= base.memoryPages
      ? `deploy it with limits.memory of ${least} or more`
      : `start the gateway with WASMGATE_MEMORY_LIMIT of ${least} or more, or build it to start with less`;
  const what = `the module starts with ${startPages} pages of memory (64 KiB each), its limit is ${memoryPages}`;
  throw new GatewayError("MODULE_UNSUPPORTED", `${what}: ${remedy}`);
}

/** Says what all calls of a function have in common. */
export function programOf(record: FunctionRecord, gateway: CallLimits): Program {
  return {
    key: `${record.namespace}/${record.name}`,
    digest: record.moduleDigest,
    contract: record.contract,
    env: Object.entries(record.env).map(([name, value]) => `${name}=${value}`),
    limits: ownLimits(gateway, record),
  };
}

/** Makes one call of a program. @throws {GatewayError} INVALID_REQUEST for arguments or limits that it cannot have */
export function callOf(program: Program, { args, limits }: InvokeRequest): Pick<Wish, "input" | "limits"> {
  const input = inputOf(args, program.contract);
  const lower = limits.memoryBytes !== undefined || limits.timeoutMs !== undefined;
  return lower ? { input, limits: limitsOf(program.limits, limits) } : { input };
}

function inputOf(args: Arguments, contract: Contract): Input {
  switch (contract.kind) {
    case "json-pointer":
      return jsonPointer.input(args, contract);
    case "scalars":
      return scalars.input(args, contract);
    case "wasi-command":
      return wasiCommand.input(args, contract);
  }
}

/** Reads a call's result. @throws {GatewayError} the guest's family, saying which function and how it failed */
export function outputOf({ name, contract }: Pick<FunctionRecord, "name" | "contract">, outcome: Outcome): Uint8Array {
  switch (outcome.kind) {
    case "returned":
      return resultOf(contract, outcome.output);
    case "exited":
      if (outcome.exitCode === 0) return resultOf(contract, outcome.output);
      throw new GatewayError("GUEST_EXIT", `function ${name} exited with code ${outcome.exitCode}`);
    case "trapped":
      throw new GatewayError("GUEST_TRAP", `function ${name} trapped: ${outcome.message}`);
    case "overran":
      throw new GatewayError("GUEST_TIMEOUT", `function ${name} ran longer than ${outcome.timeoutMs} ms`);
    case "refused":
      throw new GatewayError(outcome.code, `function ${name}: ${outcome.message}`);
  }
}

function resultOf(contract: Contract, output: Uint8Array): Uint8Array {
  return contract.kind === "wasi-command" ? wasiCommand.stripNewline(output) : output;
}
