/**
 * Rewrites the code section: each body's locals and instructions, then the bodies of the injected functions. A body
 * without edits is copied as it is.
 */
import { invalidModule, type Reader, Writer } from "./binary.ts";
import { type BodyContext, BodyRewriter } from "./body-rewriter.ts";
import { defaultModuleLimits as limits, hold } from "./limits.ts";
import type { ModuleParts } from "./module-parts.ts";
import { readValueType } from "./value-types.ts";

/** A rewritten code section, but for its first number, and what was met on the way. */
export type RewrittenCode = {
  readonly bodies: Writer;
  readonly bodyCount: number;
  readonly lasting: ReadonlySet<string>;
};

/**
 * Rewrites all bodies of a module.
 * @throws {UnknownInstruction}
 * @throws {GatewayError} MODULE_INVALID
 */
export function rewriteBodies(parts: ModuleParts, context: BodyContext): RewrittenCode {
  const rewriter = new BodyRewriter(context);
  const { code, functions } = parts;
  // Tracked code is about a quarter longer than the original.
  const bodies = new Writer(Math.ceil((code?.remaining ?? 0) * 1.4) + 4096);
  const header = new Writer();
  const bodyCount = code === undefined ? 0 : code.count("function bodies", limits.functions);
  if (bodyCount !== functions.length - context.importedFunctions) {
    throw invalidModule(code?.offset ?? 0, "as many function bodies as functions", String(bodyCount));
  }
  for (let index = context.importedFunctions; index < functions.length; index += 1) {
    if (code === undefined) break;
    const start = code.offset;
    const body = code.window(code.u32("the size of a function body"), "a function body");
    const { params } = context.arityOf(index);
    const locals = readLocals(body);
    const end = body.offset + body.remaining;
    const rewritten = rewriter.rewrite(body.offset, end, params + locals.count);
    if (!rewritten.isChanged) {
      bodies.bytes(code.since(start));
      continue;
    }
    const { instructions, newLocals, isGuarded } = rewritten;
    const guard = isGuarded ? rewriter.deadline : nothing;
    header
      .clear()
      .u32(locals.groups + newLocals.length)
      .bytes(locals.encoded);
    for (const type of newLocals) header.u32(1).byte(type);
    bodies.u32(header.length + guard.length + instructions.length);
    bodies.bytes(header.view()).bytes(guard).bytes(instructions);
  }
  code?.end("the code section");
  return { bodies, bodyCount, lasting: rewriter.lasting };
}

const nothing = new Uint8Array(0);

type Locals = { readonly groups: number; readonly count: number; readonly encoded: Uint8Array };

function readLocals(body: Reader): Locals {
  const groups = body.count("groups of locals");
  const start = body.offset;
  let count = 0;
  for (let left = groups; left > 0; left -= 1) {
    count += body.u32("a number of locals");
    readValueType(body);
  }
  hold("locals in a function", count, limits.localsPerFunction);
  return { groups, count, encoded: body.since(start) };
}
