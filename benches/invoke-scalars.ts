/** How much of a bare server's speed does an invoke of a function of numbers keep? */
import { compareWithBareServer } from "./support/against-bare-server.ts";
import { samples } from "./support/samples.ts";

await compareWithBareServer(samples.addOne, {
  bench: "invoke-scalars",
  what: "invoke of add_one (i32 to i32)",
  atLeast: 0.9,
});
