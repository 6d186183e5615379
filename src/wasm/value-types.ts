/**
 * Types as the binary format writes them: values, references, functions, and the recursion groups that define them.
 * https://webassembly.github.io/spec/core/binary/types.html (3.0)
 *
 * A value type is kept as the text format writes it ("i32", "v128", "(ref null 3)"), for that is comparable and
 * readable in a refusal. Of structs and arrays only their existence is kept: no caller outside a guest can use them.
 */
import { invalidModule, type Reader } from "./binary.ts";

/** Parameters and results of a function, each as in the text format. */
export type FunctionType = { readonly params: readonly string[]; readonly results: readonly string[] };

/** An entry of a module's type index space. */
export type DefinedType = FunctionType | "struct" | "array";

const numberTypes: Readonly<Record<number, string>> = {
  0x7f: "i32",
  0x7e: "i64",
  0x7d: "f32",
  0x7c: "f64",
  0x7b: "v128",
};

const packedTypes: Readonly<Record<number, string>> = { 0x78: "i8", 0x77: "i16" };

/** The abstract heap types, by the byte that is also the shorthand of their nullable reference. */
const heapTypes: Readonly<Record<number, string>> = {
  0x74: "noexn",
  0x73: "nofunc",
  0x72: "noextern",
  0x71: "none",
  0x70: "func",
  0x6f: "extern",
  0x6e: "any",
  0x6d: "eq",
  0x6c: "i31",
  0x6b: "struct",
  0x6a: "array",
  0x69: "exn",
};

/** V8's limit for parameters, and for results, of one function. */
const mostValues = 1_000;

const refNull = 0x63;
const ref = 0x64;

/** Reads the type of a value. */
export function readValueType(reader: Reader): string {
  const start = reader.offset;
  const byte = reader.byte("a value type");
  const type = numberTypes[byte] ?? readReference(reader, byte);
  if (type === undefined) throw invalidModule(start, "a value type", hex(byte));
  return type;
}

/** Reads the type of a reference. */
export function readReferenceType(reader: Reader): string {
  const start = reader.offset;
  const byte = reader.byte("a reference type");
  const type = readReference(reader, byte);
  if (type === undefined) throw invalidModule(start, "a reference type", hex(byte));
  return type;
}

/** Reads a heap type: the name of an abstract one, or a type index. */
export function readHeapType(reader: Reader): string {
  const start = reader.offset;
  const value = reader.signed("a heap type", 33);
  // An abstract heap type is its byte read as a signed number: 0x70 is -16.
  const type = value >= 0 ? String(value) : heapTypes[value + 128];
  if (type === undefined) throw invalidModule(start, "a heap type", String(value));
  return type;
}

/** Reads one entry of the type section, a recursion group or a single type, and hands over each type as it comes. */
export function readTypes(reader: Reader, add: (type: DefinedType) => void): void {
  if (reader.peek("a type") !== 0x4e) {
    add(readSubtype(reader));
    return;
  }
  reader.byte("a recursion group");
  for (let left = reader.count("types of a recursion group"); left > 0; left -= 1) add(readSubtype(reader));
}

function readReference(reader: Reader, byte: number): string | undefined {
  if (byte === refNull) return `(ref null ${readHeapType(reader)})`;
  if (byte === ref) return `(ref ${readHeapType(reader)})`;
  const heapType = heapTypes[byte];
  return heapType === undefined ? undefined : `(ref null ${heapType})`;
}

function readSubtype(reader: Reader): DefinedType {
  const start = reader.peek("a type");
  if (start === 0x50 || start === 0x4f) {
    reader.byte("a subtype");
    const countAt = reader.offset;
    const count = reader.u32("the number of supertypes");
    if (count > 1) throw invalidModule(countAt, "at most one supertype", String(count));
    if (count === 1) reader.u32("a supertype");
  }
  return readComposite(reader);
}

function readComposite(reader: Reader): DefinedType {
  const start = reader.offset;
  const form = reader.byte("a type");
  switch (form) {
    case 0x60:
      return {
        params: reader.vector("parameters of one function", mostValues, readValueType),
        results: reader.vector("results of one function", mostValues, readValueType),
      };
    case 0x5f:
      for (let left = reader.count("fields"); left > 0; left -= 1) readField(reader);
      return "struct";
    case 0x5e:
      readField(reader);
      return "array";
    default:
      throw invalidModule(start, "a function, struct or array type", hex(form));
  }
}

function readField(reader: Reader): void {
  if (packedTypes[reader.peek("a field")] === undefined) readValueType(reader);
  else reader.byte("a field");
  readMutability(reader);
}

/** Reads whether something can change. */
export function readMutability(reader: Reader): boolean {
  const start = reader.offset;
  const byte = reader.byte("a mutability");
  if (byte > 1) throw invalidModule(start, "a mutability of 0 or 1", hex(byte));
  return byte === 1;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
