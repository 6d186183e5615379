import { testGateway } from "../support/gateway.ts";
import { answers, fills, loops } from "../support/guests.ts";

const { client, image } = testGateway({ WASMGATE_QUEUE_TIMEOUT: "2s" });
const others = Array.from({ length: 10 }, (_, index) => index);

beforeAll(async () => {
  await Promise.all(
    others.map((index) => {
      return client().mustDeploy({ function_name: `f${index}`, function_image: image(`f${index}`, answers(index)) });
    }),
  );
});

test.each([
  ["br", loops],
  ["memory.fill", fills],
])("while a function loops for ever by %s under 32 clients, ten others answer", async (instruction, module) => {
  const name = `loops-by-${instruction.replace(".", "-")}`;
  const limits = { timeout: "3s" };
  await client().mustDeploy({ function_name: name, function_image: image(name, module), limits, export: "f" });
  let answered = 0;
  const stuck = Array.from({ length: 32 }, async () => {
    const { status } = await client().invoke(name);
    answered += 1;
    return status;
  });
  // Each of the ten is called five times before the first looping call has come to its end.
  for (let round = 0; round < 5; round++) {
    const results = await Promise.all(others.map((index) => client().result(`f${index}`)));
    expect(results).toEqual(others.map((index) => `[${index},${index}]`));
  }
  expect(answered).toBe(0);
  const statuses = await Promise.all(stuck);
  // Those that got a thread ran into their deadline, the rest waited for one longer than they may.
  expect(statuses.filter((status) => status !== 504 && status !== 503)).toEqual([]);
  expect(statuses).toContain(504);
  expect(await client().result("f0")).toBe("[0,0]");
});
