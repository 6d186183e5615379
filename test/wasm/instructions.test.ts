/**
 * The table of instructions against the engine: an instruction behind `unreachable` is valid whatever its operands are,
 * so every one can be assembled without knowing its types.
 */
import {
  immediates,
  immediatesOf,
  lastingEffects,
  popsOf,
  pushesOf,
  roleOf,
  roles,
  storeForms,
} from "../../src/wasm/instructions.ts";
import { leb, moduleOf, section } from "../support/module-bytes.ts";
import { rewriteOf } from "../support/recycled.ts";

const prefixes = [undefined, 0xfb, 0xfc, 0xfd, 0xfe];
/** A single byte gives 256 codes, of which the prefixes are none; each prefix 512. */
const codes = [...immediatesOf.keys()].filter((code) => code >= 512 || (code < 256 && !prefixes.includes(code)));
const known = codes.filter((code) => immediatesOf[code] !== immediates.unknown);
const end = 0x0b;
const unreachable = 0x00;
const globalSize = 2; // the module below defines two globals

function opcodeOf(code: number): number[] {
  const prefix = prefixes[Math.floor(code / 512)];
  return prefix === undefined ? [code % 512] : [prefix, ...leb(code % 512)];
}

function nameOf(code: number): string {
  return opcodeOf(code)
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(" ");
}

/** What follows an opcode whose type, table, segment or the like is not number 0. */
const special: Readonly<Record<number, readonly number[]>> = {
  0x00: [],
  0x08: [0],
  0x14: [0],
  0x15: [0],
  0x1c: [1, 0x7b],
  0x1f: [0x40, 4, 0, 0, 1, 1, 0, 0, 2, 1, 3, 0], // catch, catch_ref, catch_all, catch_all_ref
  0x24: [0],
  0xd0: [0x70],
  [512 + 2]: [1, 0],
  [512 + 3]: [3, 0],
  [512 + 4]: [3, 0],
  [512 + 5]: [1, 0],
  [512 + 9]: [2, 0],
  [512 + 10]: [5, 0],
  [512 + 17]: [2, 2],
  [512 + 18]: [2, 0],
  [512 + 19]: [5, 0],
  [1024 + 10]: [0, 0],
};

const structCodes = [0, 1];
const arrayCodes = [6, 7, 8, 11, 14, 16];
const packedCodes = [12, 13];

function immediatesFor(code: number): readonly number[] {
  const given = special[code];
  if (given !== undefined) return given;
  if (structCodes.includes(code - 512)) return [1];
  if (code - 512 === 8) return [2, 0];
  if (arrayCodes.includes(code - 512)) return [2];
  if (packedCodes.includes(code - 512)) return [4];
  switch (immediatesOf[code]) {
    case immediates.number:
      return code >= 512 + 20 && code <= 512 + 23 ? [0x6b] : [0];
    case immediates.twoNumbers:
      return [0, 0];
    case immediates.byte:
      return [0];
    case immediates.fourBytes:
      return [1, 2, 3, 4];
    case immediates.eightBytes:
      return [1, 2, 3, 4, 5, 6, 7, 8];
    case immediates.sixteenBytes:
      return Array<number>(16).fill(3);
    case immediates.blockType:
      return [0x40];
    case immediates.labels:
      return [2, 0, 0, 0];
    case immediates.memarg:
      return [alignmentOf(code), 0x80, 0x02];
    case immediates.memargLane:
      return [0, 0x80, 0x02, 1];
    case immediates.cast:
      return [3, 0, 0x6e, 0x6b];
    default:
      return [];
  }
}

/** Atomics ask for the exact alignment. */
function alignmentOf(code: number): number {
  const form = storeForms[code];
  if (code < 2048) return 0;
  if (form !== undefined) return Math.log2(form.sizeBytes);
  return [2, 2, 3][code - 2048] ?? [2, 3, 0, 1, 0, 1, 2][code - 2048 - 0x10] ?? 0;
}

/** An instruction in a place where it may stand. */
function placed(code: number): number[] {
  const instruction = [...opcodeOf(code), ...immediatesFor(code)];
  const block = (start: number): number[] => [unreachable, start, 0x40, unreachable, ...instruction, unreachable];
  if (code === end) return [0x02, 0x40, end];
  if (code === 0x05) return [...block(0x04), end];
  if (code === 0x07 || code === 0x19) return [...block(0x06), end];
  if (code === 0x18) return [0x06, 0x40, ...instruction];
  if (code === 0x09) return [0x06, 0x40, 0x07, 0, unreachable, ...instruction, end];
  if (code === 0x1f) return [0x02, 0x69, ...instruction, unreachable, end, unreachable, end];
  if (immediatesOf[code] === immediates.cast) return [0x02, 0x6e, unreachable, ...instruction, unreachable, end];
  const opens = immediatesOf[code] === immediates.blockType;
  return [unreachable, ...instruction, ...(opens ? [unreachable, end] : [])];
}

function moduleWith(code: readonly number[], extra: readonly number[] = []): Uint8Array<ArrayBuffer> {
  const body = [1, 1, 0x7f, ...code, end];
  const usesTypes = extra.length > 0;
  return moduleOf(
    section(1, usesTypes ? 6 : 1, [0x60, 0, 0], extra),
    section(3, 1, 0),
    section(4, 1, 0x70, 0, 1),
    section(5, 1, 0, 1),
    section(13, 1, 0, 0),
    section(6, 2, [0x7f, 1, 0x41, 0, end], [0x7f, 1, 0x41, 0, end]),
    section(9, 2, [1, 0, 1, 0], [5, 0x6f, 1, 0xd0, 0x6f, end]),
    section(12, 1),
    section(10, 1, leb(body.length), body),
    section(11, 1, [1, 2, 7, 8]),
  );
}

/** struct of a mutable i32; array of mutable i32; struct of i8; array of i8; array of funcref. */
const heapTypes = [
  [0x5f, 1, 0x7f, 1],
  [0x5e, 0x7f, 1],
  [0x5f, 1, 0x78, 0],
  [0x5e, 0x78, 0],
  [0x5e, 0x70, 1],
].flat();

function placedModule(code: number, behind: readonly number[] = []): Uint8Array<ArrayBuffer> {
  return moduleWith([...placed(code), unreachable, ...behind], code >= 512 && code < 1024 ? heapTypes : []);
}

test("the table knows all instructions that the engine accepts, and no other", () => {
  const wrong: string[] = [];
  for (const code of codes) {
    const zeros = Array<number>(24).fill(0);
    let message = "";
    try {
      new WebAssembly.Module(moduleWith([unreachable, ...opcodeOf(code), ...zeros]));
    } catch (error) {
      message = String(error);
    }
    const accepted = !/invalid \w+ opcode|invalid opcode|enable with --/i.test(message);
    // struct.new_desc and struct.new_default_desc are recognised, but the types that they need are behind a flag.
    if ([512 + 0x20, 512 + 0x21].includes(code)) expect(message).toContain("invalid struct index");
    else if (accepted !== known.includes(code)) wrong.push(`${nameOf(code)} ${message}`);
  }
  expect(wrong).toEqual([]);
  expect(known.length).toBeGreaterThan(550);
});

test("every instruction that the engine validates is passed to its last byte, and what becomes of it is valid", () => {
  const wrong: string[] = [];
  const behind = [0x3f, 0, 0x1a, unreachable]; // memory.size, drop: the edit must be found exactly there
  for (const code of known) {
    const bytes = placedModule(code, behind);
    if (!WebAssembly.validate(bytes)) wrong.push(`${nameOf(code)} is not assembled right: ${reasonOf(bytes)}`);
    else
      for (const tracked of [true, false]) {
        const out = rewriteOf(bytes, tracked);
        if (!WebAssembly.validate(out.bytes)) wrong.push(`${nameOf(code)} becomes invalid: ${reasonOf(out.bytes)}`);
        const edited = Buffer.from([0x23, globalSize, 0x1a, unreachable, end]);
        if (!Buffer.from(out.bytes).includes(edited)) wrong.push(`${nameOf(code)} is not passed right`);
      }
  }
  expect(wrong).toEqual([]);
});

test("plain instructions and stores pop and push as the table says", () => {
  const types = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f, 0x6d];
  const wrong: string[] = [];
  for (const code of known.filter((each) => roleOf[each] === roles.plain || roleOf[each] === roles.store)) {
    const store = storeForms[code];
    const pops = store === undefined ? (popsOf[code] ?? 0) : 1 + store.values.length;
    const pushes = store?.pushes ?? pushesOf[code] ?? 0;
    const combinations = Array.from({ length: types.length ** pops }, (_, number) =>
      Array.from({ length: pops }, (_, place) => types[Math.floor(number / types.length ** place) % types.length] ?? 0),
    );
    const fits = combinations.some((params) => {
      const operands = params.flatMap((_, place) => [0x20, place]);
      const code_ = [...operands, ...opcodeOf(code), ...immediatesFor(code), ...Array<number>(pushes).fill(0x1a)];
      const body = [0, ...code_, end];
      return WebAssembly.validate(
        moduleOf(
          section(1, 1, 0x60, params.length, params, 0),
          section(3, 1, 0),
          section(4, 1, 0x70, 0, 1),
          section(5, 1, 0, 1),
          section(6, 1, [0x7f, 1, 0x41, 0, end]),
          section(9, 1, [3, 0, 1, 0]),
          section(10, 1, leb(body.length), body),
        ),
      );
    });
    if (!fits) wrong.push(`${nameOf(code)} does not pop ${pops} and push ${pushes}`);
  }
  expect(wrong).toEqual([]);
});

test("a module is single-use when an instruction's effect outlives the call, and says which", () => {
  const names = [...lastingEffects.keys()].map((code) => rewriteOf(placedModule(code), true).recyclable);
  expect(names).toEqual([...lastingEffects.values()].map((name) => `uses ${name}`));
  expect(rewriteOf(placedModule(0x25), true).recyclable).toBe(true);
});

function reasonOf(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    new WebAssembly.Module(bytes);
    return "";
  } catch (error) {
    return String(error);
  }
}
