/** The smallest WASI command, straight on WASI's functions. */
import { fd_write, proc_exit } from "./wasi_snapshot_preview1";

const STDOUT = 1;

export function _start(): void {
  const text = String.UTF8.encode("Hello, Budda!\n");
  const vector: StaticArray<usize> = [changetype<usize>(text), text.byteLength];
  const written = new StaticArray<usize>(1);
  const error = fd_write(STDOUT, changetype<usize>(vector), 1, changetype<usize>(written));
  if (error !== 0) proc_exit(1);
}
