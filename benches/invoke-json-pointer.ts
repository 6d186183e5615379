/** How much of a bare server's speed does an invoke of a json-pointer function keep? */
import { compareWithBareServer } from "./support/against-bare-server.ts";
import { samples } from "./support/samples.ts";

await compareWithBareServer(samples.authentication, {
  bench: "invoke-json-pointer",
  what: "invoke of authentication (Rust, pointer and length)",
  atLeast: 0.85,
  p99AtMost: 2,
});
