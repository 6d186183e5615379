/**
 * A module as a row of sections: the header, the order, the sizes. What is inside a section is read elsewhere.
 * https://webassembly.github.io/spec/core/binary/modules.html (3.0)
 *
 *   00 61 73 6d   01 00 00 00   { id, size, content }*
 *   magic         version       custom sections (id 0) anywhere, each other one at most once and in the order below
 */
import { GatewayError } from "../errors.ts";
import { invalidModule, Reader, Writer } from "./binary.ts";

/** The id of each section that Node 26 accepts. */
export const sectionIds = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** What a section is called in sectionIds. */
export type SectionName = keyof typeof sectionIds;

/** The order in which a module's sections come; a custom section may stand anywhere. */
export const sectionOrder: readonly SectionName[] = [
  "custom",
  "type",
  "import",
  "function",
  "table",
  "memory",
  "tag",
  "global",
  "export",
  "start",
  "element",
  "dataCount",
  "code",
  "data",
];

/** One section of a module. */
export type Section = {
  readonly name: SectionName;
  /** Stands at the first byte of the content, ends with it. */
  readonly body: Reader;
};

const headerLength = 8;
const magic = [0x00, 0x61, 0x73, 0x6d];

/**
 * Yields a module's sections in the order in which they come.
 * @throws {GatewayError} MODULE_INVALID at the section that breaks the format, IMAGE_UNSUPPORTED when the bytes are a component
 */
export function* sectionsOf(bytes: Uint8Array): Generator<Section> {
  const reader = new Reader(bytes);
  readHeader(reader);
  let reached = 0; // the place in sectionOrder of the last section that was not custom
  while (reader.remaining > 0) {
    const start = reader.offset;
    const id = reader.byte("a section id");
    const place = sectionOrder.findIndex((name) => sectionIds[name] === id);
    const name = sectionOrder[place];
    if (name === undefined) throw invalidModule(start, "a section id from 0 to 13", String(id));
    if (place !== 0 && place <= reached) {
      throw invalidModule(start, "sections in their order, each at most once", `the ${name} section late or again`);
    }
    reached = Math.max(reached, place);
    yield { name, body: reader.window(reader.u32(`the size of the ${name} section`), `the ${name} section`) };
  }
}

/** Begins a module that may become so long: a writer that holds its header. */
export function beginModule(sizeBytes?: number): Writer {
  return new Writer(sizeBytes).bytes(magic).bytes([1, 0, 0, 0]);
}

function readHeader(reader: Reader): void {
  const header = [...reader.rest().subarray(0, headerLength)];
  if (magic.some((byte, index) => header[index] !== byte)) {
    const hint =
      header[0] === 0x28 /* ( */ ? "; WebAssembly text has to be assembled first, for example by wat2wasm" : "";
    throw invalidModule(0, "\\0asm, the first four bytes of every module", `${hex(header.slice(0, 4))}${hint}`);
  }
  const version = header.slice(4);
  // The second half of a component's version is its layer, 1; a module's is 0.
  // https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#component-definitions
  if (version[2] === 1 && version[3] === 0) {
    throw new GatewayError(
      "IMAGE_UNSUPPORTED",
      "expected a core WebAssembly module, got a component: build it for WASI preview 1 (wasm32-wasip1, GOOS=wasip1) " +
        "without wrapping it as a component",
    );
  }
  if (hex(version) !== "01 00 00 00") throw invalidModule(4, "version 01 00 00 00", hex(version));
  reader.skip(headerLength, "the header");
}

function hex(bytes: readonly number[]): string {
  return bytes.length === 0 ? "nothing" : bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
