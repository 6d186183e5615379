import { killNine } from "../support/kill-nine.ts";

test("a gateway that is killed twenty times in the middle of changes keeps all that it answered and leaves nothing over", async () => {
  const { changes } = await killNine(20, 20);
  expect(changes).toBeGreaterThan(20);
}, 240_000);
