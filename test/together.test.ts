import { Together } from "../src/together.ts";

const never = new AbortController().signal;

/** Work that a test ends when it likes, and what was begun. */
function scene() {
  const together = new Together<string>();
  const begun: { readonly signal: AbortSignal; readonly end: PromiseWithResolvers<string> }[] = [];
  const begin = (signal: AbortSignal): Promise<string> => {
    const end = Promise.withResolvers<string>();
    begun.push({ signal, end });
    return end.promise;
  };
  return { begun, ask: (key: string, signal = never) => together.ask(key, signal, begin) };
}

describe("Together", () => {
  test("does the work of one key once for all who ask while it is under way", async () => {
    const { ask, begun } = scene();
    const all = [ask("a"), ask("a"), ask("b")];
    expect(begun).toHaveLength(2);
    begun[0]?.end.resolve("A");
    begun[1]?.end.resolve("B");
    expect(await Promise.all(all)).toEqual(["A", "A", "B"]);
  });

  test("does it anew for whoever asks afterwards, also when it failed", async () => {
    const { ask, begun } = scene();
    const failed = [ask("a"), ask("a")];
    const error = new Error("no");
    begun[0]?.end.reject(error);
    for (const each of failed) await expect(each).rejects.toBe(error);
    const next = ask("a");
    expect(begun).toHaveLength(2);
    begun[1]?.end.resolve("now");
    expect(await next).toBe("now");
  });

  test("lets each go when its own time is up, and the others wait on", async () => {
    const { ask, begun } = scene();
    const mine = new AbortController();
    const [gone, stays] = [ask("a", mine.signal), ask("a")];
    mine.abort(new Error("my time"));
    await expect(gone).rejects.toThrow("my time");
    expect(begun[0]?.signal.aborted).toBe(false);
    begun[0]?.end.resolve("A");
    expect(await stays).toBe("A");
  });

  test("tells the work to end when the last one has gone, and gives it to nobody after that", async () => {
    const { ask, begun } = scene();
    const mine = new AbortController();
    const gone = ask("a", mine.signal);
    mine.abort(new Error("my time"));
    await expect(gone).rejects.toThrow("my time");
    expect(begun[0]?.signal.aborted).toBe(true);
    const next = ask("a");
    expect(begun).toHaveLength(2);
    begun[0]?.end.reject(new Error("ended"));
    begun[1]?.end.resolve("A");
    expect(await next).toBe("A");
  });

  test("begins nothing for whoever has no time left", async () => {
    const { ask, begun } = scene();
    await expect(ask("a", AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
    expect(begun).toEqual([]);
  });
});
