/**
 * The json-pointer contract: JSON in the guest's memory, its pointer and length as parameters, a pointer and length of
 * the answer as results.
 *
 *   (i32 pointer, i32 length) -> (i32 pointer, i32 length)      "pair"
 *   (i32 pointer, i32 length) -> i64                            "packed": pointer in the high half
 *
 * As WasmEngine does, the JSON is put at the exported global __heap_base; where a module has none, in pages added for
 * it. The answer's bytes are passed on as they are: whether they must be text is the dialect's matter.
 */
import type { Arguments } from "../../arguments.ts";
import type { Contract } from "../../wasm/contract.ts";
import { contractBroken, enter, exportedFunction, type Guest, outputTooLarge } from "../guest.ts";
import { type GuestMemory, memoryFault } from "../guest-memory.ts";
import type { CallLimits, Input, Outcome } from "../protocol.ts";
import { outOfMemory } from "../traps.ts";

type JsonPointer = Extract<Contract, { kind: "json-pointer" }>;
type JsonInput = Extract<Input, { kind: "json-pointer" }>;

const encoder = new TextEncoder();

/** Makes the guest's input of a caller's arguments. */
export function input(args: Arguments, _contract: JsonPointer): JsonInput {
  return { kind: "json-pointer", json: args.json };
}

/** Calls a ready guest; its answer is a copy. */
export function callJsonPointer(
  guest: Guest,
  call: { readonly contract: JsonPointer; readonly input: JsonInput; readonly limits: CallLimits },
): Outcome {
  const guestFunction = exportedFunction(guest, call.contract.export);
  const json = encoder.encode(call.input.json);
  const body = (): Outcome => {
    const { memory } = guest;
    if (memory === undefined) return contractBroken("the module has no memory to put its input into");
    const pointer = placeFor(guest, memory, json.byteLength);
    if (pointer === undefined) {
      return outOfMemory(`the input of ${json.byteLength} bytes does not fit into the memory that the guest may have`);
    }
    memory.write(pointer, json);
    const result = guestFunction(pointer, json.byteLength);
    const answer = call.contract.returns === "pair" ? pairOf(result) : unpack(result);
    if (answer === undefined) return contractBroken("the guest returned no pointer and length");
    return readAnswer(memory, answer, call.limits.outputBytes);
  };
  return enter(guest, body);
}

type Region = { readonly pointer: number; readonly length: number };

/** Finds room for the input, in new pages where needed; undefined when the memory may not grow so far. */
function placeFor({ exports }: Guest, memory: GuestMemory, length: number): number | undefined {
  const { __heap_base: heapBase } = exports;
  const base: unknown = heapBase instanceof WebAssembly.Global ? heapBase.value : undefined;
  const pointer = typeof base === "number" ? base >>> 0 : memory.sizeBytes;
  return memory.grow(pointer + length) ? pointer : undefined;
}

function pairOf(result: unknown): Region | undefined {
  if (!Array.isArray(result)) return undefined;
  const [pointer, length] = result as unknown[];
  if (typeof pointer !== "number" || typeof length !== "number") return undefined;
  return { pointer: pointer >>> 0, length: length >>> 0 };
}

function unpack(result: unknown): Region | undefined {
  if (typeof result !== "bigint") return undefined;
  return { pointer: Number(BigInt.asUintN(32, result >> 32n)), length: Number(BigInt.asUintN(32, result)) };
}

function readAnswer(memory: GuestMemory, { pointer, length }: Region, limitBytes: number): Outcome {
  // A pointer to nothing need not point anywhere.
  if (length === 0) return { kind: "returned", output: new Uint8Array(0) };
  try {
    memory.check(pointer, length);
  } catch (thrown) {
    if (thrown !== memoryFault) throw thrown;
    return contractBroken(
      `the guest returned pointer ${pointer} and length ${length}, outside its memory of ${memory.sizeBytes} bytes`,
    );
  }
  if (length > limitBytes) return outputTooLarge(length, limitBytes);
  return { kind: "returned", output: memory.read(pointer, length).slice() };
}
