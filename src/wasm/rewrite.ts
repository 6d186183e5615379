/**
 * Rewrites a module so that its instances can be made as new in microseconds and stopped at any moment.
 *
 *   import   a.f                   import   a.f  wasmgate.memory .flag .marks .arena
 *   memory   (1)                   -
 *   global   $sp                   global   $sp  $size $limit $imageAt $imagePages, shadows of $size and $sp
 *   export   run                   export   run  wasmgate.setup .begin .save .restore .start .size
 *   start    $main                 -
 *   code     $run $main            code     $run $main (body-rewriter.ts), setup begin save restore … (injected.ts)
 *
 * Everything new goes to the end of its index space, so nothing that exists moves. The engine validates the original
 * first: an index one past the end would otherwise become one of ours, and a guest could write its own deadline.
 *
 * State that restore() does not reach makes a module single-use. It is rewritten all the same, for the deadline, the
 * steps of bulk instructions and the memory's limit. A host calls setup, begin, start, then save; and then again and
 * again begin, an export, restore.
 */
import { invalidModule, Writer } from "./binary.ts";
import { UnknownInstruction } from "./body-rewriter.ts";
import { type RewrittenCode, rewriteBodies } from "./code-section.ts";
import { exportEntries, importEntries, Sections, typesOf } from "./additions.ts";
import type { Injected } from "./injected.ts";
import { InjectedFunctions } from "./injected-functions.ts";
import { layOut, newGlobals, singleUse, unfit } from "./layout.ts";
import { arityOf, type ModuleParts, takeApart } from "./module-parts.ts";
import { unusedName } from "./prepare.ts";
import type { NotRewritten, Rewritten } from "./rewritten.ts";

export type { NotRewritten, Rewritten } from "./rewritten.ts";
export { type MemoryImport, prepare, type Prepared } from "./prepare.ts";

/** Counts up whenever the same module would be rewritten into other bytes: what was kept of an earlier one is stale. */
export const rewriterVersion = 1;

/**
 * Rewrites a module, with its stores tracked or not.
 * @throws {GatewayError} MODULE_INVALID, IMAGE_UNSUPPORTED (a component)
 */
export function rewrite(
  bytes: Uint8Array<ArrayBuffer>,
  options: { readonly tracked: boolean },
): Rewritten | NotRewritten {
  const parts = takeApart(bytes);
  if (!WebAssembly.validate(bytes)) throw invalidModule(0, "a module that the engine accepts", "one that it refuses");
  const reason = unfit(parts);
  if (reason !== undefined) return { rewritten: false, reason };
  try {
    return rewritten(bytes, parts, options.tracked);
  } catch (error) {
    if (!(error instanceof UnknownInstruction)) throw error;
    return { rewritten: false, reason: `uses an instruction that is not known, ${error.message}` };
  }
}

function rewritten(bytes: Uint8Array, parts: ModuleParts, tracked: boolean): Rewritten {
  const layout = layOut(parts, tracked);
  const injected = new InjectedFunctions(layout, parts.functions.length);
  const code = rewriteBodies(parts, {
    bytes,
    flag: layout.flag,
    marks: layout.memory?.marks,
    size: layout.memory?.size,
    injected: (name, segment) => injected.replacing(name, segment),
    importedFunctions: parts.imports.filter(({ entry }) => entry.kind === "function").length,
    arityOf: (index) => arityOf(parts, index),
  });
  const imports = importNames(parts, tracked);
  const exports = exportNames(parts);
  const types = typesOf(injected.functions, parts.types.length);
  const sections = new Sections(parts.sections);
  sections.append("type", types.entries);
  sections.append("import", importEntries(parts, imports));
  sections.append("function", types.uses);
  sections.append("global", newGlobals(parts));
  sections.append("export", exportEntries(exports, { layout, host: injected.host, start: parts.start }));
  sections.set("code", ...codeSection(code, injected.functions));
  sections.boundTables();
  sections.drop("memory");
  sections.drop("start");
  return {
    rewritten: true,
    bytes: sections.finish(),
    recyclable: singleUse(parts, code.lasting) ?? true,
    imports,
    exports,
  };
}

/** Names what is imported: all under one module name that the module itself does not use. */
function importNames({ imports, memories }: ModuleParts, tracked: boolean): Rewritten["imports"] {
  const module = unusedName("wasmgate", new Set(imports.map((each) => each.module)));
  const [defined] = memories;
  if (defined === undefined) return { module, flag: "flag" };
  const { min, max, is64 } = defined.limits;
  const memory = { module, name: "memory", minPages: min, ...(max === undefined ? {} : { maxPages: max }), is64 };
  return { module, memory, flag: "flag", ...(tracked ? { marks: "marks" } : {}), arena: "arena" };
}

/** Names what is exported, so that nothing of the module's own has that name. */
function exportNames({ exportNames: taken, memories, start }: ModuleParts): Rewritten["exports"] {
  const name = (wanted: string): string => unusedName(`wasmgate.${wanted}`, taken);
  return {
    setup: name("setup"),
    begin: name("begin"),
    save: name("save"),
    restore: name("restore"),
    ...(start === undefined ? {} : { start: name("start") }),
    ...(memories.length === 0 ? {} : { size: name("size") }),
  };
}

function codeSection({ bodies, bodyCount }: RewrittenCode, injected: readonly Injected[]): Uint8Array[] {
  for (const { body } of injected) bodies.u32(body.length).bytes(body);
  return [new Writer().u32(bodyCount + injected.length).finish(), bodies.view()];
}
