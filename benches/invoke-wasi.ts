/** How much of a bare server's speed does an invoke of a WASI command keep? */
import { compareWithBareServer } from "./support/against-bare-server.ts";
import { samples } from "./support/samples.ts";

await compareWithBareServer(samples.authenticationWasi, {
  bench: "invoke-wasi",
  what: "invoke of authentication as a WASI command (Rust)",
  atLeast: 0.5,
});
