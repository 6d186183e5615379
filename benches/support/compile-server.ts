/**
 * The baseline of a cold invoke: a bare script that compiles and instantiates a module, asked over and over by its path so
 * that it is as warm as a gateway; it answers with the milliseconds that it took.
 */
import { readFileSync } from "node:fs";

process.on("message", (path: string) => {
  const bytes = readFileSync(path);
  const startMs = performance.now();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const tookMs = performance.now() - startMs;
  process.send?.({ tookMs, exports: Object.keys(instance.exports).length });
});
