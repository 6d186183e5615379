/**
 * The parts of WebAssembly's JavaScript API that Wasmgate uses. TypeScript declares it only in its "dom" library, which
 * would also promise a window and a document.
 * https://webassembly.github.io/spec/js-api/
 */
declare namespace WebAssembly {
  type ValueType = "i32" | "i64" | "f32" | "f64" | "v128" | "anyfunc" | "externref";
  type ImportExportKind = "function" | "global" | "memory" | "table" | "tag";
  type ExportValue = ((...parameters: unknown[]) => unknown) | Global | Memory | Table | Tag;
  type Exports = Readonly<Record<string, ExportValue>>;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- any function may be imported
  type ImportValue = Function | Global | Memory | Table | Tag | number | bigint;
  type ModuleImports = Record<string, ImportValue>;
  type Imports = Record<string, ModuleImports>;

  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer> | ArrayBuffer);
    static imports(module: Module): { module: string; name: string; kind: ImportExportKind }[];
    static exports(module: Module): { name: string; kind: ImportExportKind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    /** Adds pages and returns how many there were. @throws {RangeError} when that is not possible */
    grow(pages: number): number;
  }

  class Global {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: unknown);
    value: unknown;
    valueOf(): unknown;
  }

  class Table {
    constructor(descriptor: { element: "anyfunc" | "externref"; initial: number; maximum?: number }, value?: unknown);
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(elements: number, value?: unknown): number;
  }

  class Tag {
    #type: unknown;
    constructor(type: { parameters: ValueType[] });
  }

  class Exception {
    constructor(tag: Tag, payload: unknown[]);
    is(tag: Tag): boolean;
    getArg(tag: Tag, index: number): unknown;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: Uint8Array<ArrayBuffer> | ArrayBuffer): boolean;
  function compile(bytes: Uint8Array<ArrayBuffer> | ArrayBuffer): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}
