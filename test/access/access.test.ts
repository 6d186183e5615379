import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Access } from "../../src/access/access.ts";
import { Attempts, defaultAttemptLimits } from "../../src/access/attempts.ts";
import { parseUsers } from "../../src/access/users.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { basic, userLine } from "../support/users.ts";

const file = [
  userLine("alice", "wonderland", "read,deploy,invoke"),
  userLine("reader", "only-reads", "read"),
  userLine("colon", "a:b:c", "read"),
].join("\n");
const from = (authorization?: string, address = "192.0.2.1") => ({ authorization, address });
const permit = async (access: Access, ...request: Parameters<Access["permit"]>) => access.permit(...request);

describe("Access", () => {
  test("without users permits everything at once", () => {
    const access = new Access({});
    expect(access.permit("deploy", from())).toBeUndefined();
    expect(access.permit("read", from("Bearer"))).toBeUndefined();
  });

  test("permits what anonymous may without reading credentials", () => {
    const access = new Access({ users: parseUsers(file) });
    expect(access.permit("invoke", from())).toBeUndefined();
    expect(access.permit("invoke", from("Basic nonsense"))).toBeUndefined();
  });

  test("permits users with their rights and passwords", async () => {
    const access = new Access({ users: parseUsers(file) });
    await expect(permit(access, "deploy", from(basic("alice", "wonderland")))).resolves.toBeUndefined();
    await expect(permit(access, "read", from(basic("colon", "a:b:c")))).resolves.toBeUndefined();
    await expect(permit(access, "read", from(basic("reader", "only-reads")))).resolves.toBeUndefined();
    await expect(permit(access, "deploy", from(basic("reader", "only-reads")))).rejects.toMatchObject({
      code: "FORBIDDEN",
      message: "reader does not have the right to deploy",
    });
  });

  test.each([
    [undefined, "expected a user and password"],
    ["Bearer", "expected an Authorization header of Basic"],
    ["Basic", "expected an Authorization header of Basic"],
    ["Basic ====", "expected an Authorization header of Basic"],
    [`Basic ${Buffer.from("no colon").toString("base64")}`, "expected an Authorization header of Basic"],
    [basic("alice", "Wonderland"), "wrong user or password"],
    [basic("alice", ""), "wrong user or password"],
    [basic("nobody", "wonderland"), "wrong user or password"],
    [basic("anonymous", ""), "wrong user or password"],
  ])("refuses the credentials %j", async (authorization, message) => {
    const access = new Access({ users: parseUsers(file) });
    const refused = expect(permit(access, "read", from(authorization))).rejects;
    await refused.toMatchObject({ code: "UNAUTHENTICATED", message: expect.stringContaining(message) as string });
  });

  test("verifies a password once and answers at once afterwards", async () => {
    const access = new Access({ users: parseUsers(file) });
    const caller = from(basic("alice", "wonderland"));
    const first = access.permit("read", caller);
    expect(first).toBeInstanceOf(Promise);
    await first;
    expect(access.permit("read", caller)).toBeUndefined();
    expect(access.permit("deploy", caller)).toBeUndefined();
    await permit(access, "read", from(basic("reader", "only-reads")));
    expect(() => access.permit("deploy", from(basic("reader", "only-reads")))).toThrow("does not have the right");
  });

  test("lets many equal requests wait for one verification and counts no attempt for it", async () => {
    const attempts = new Attempts();
    const access = new Access({ users: parseUsers(file), attempts });
    const caller = from(basic("alice", "wonderland"));
    await Promise.all(Array.from({ length: 200 }, () => permit(access, "read", caller)));
    expect(attempts.waitOf(caller.address)).toBe(0);
  });

  test("stops an address after its wrong passwords, right ones included, and no other address", async () => {
    let now = 0;
    const access = new Access({ users: parseUsers(file), attempts: new Attempts({ now: () => now }) });
    const right = basic("alice", "wonderland");
    await permit(access, "read", from(right));
    for (let count = 0; count < defaultAttemptLimits.perAddress; count++) {
      await expect(permit(access, "read", from(basic("alice", `guess ${count}`)))).rejects.toMatchObject({
        code: "UNAUTHENTICATED",
      });
    }
    const stopped = { code: "TOO_MANY_ATTEMPTS", retryAfterSeconds: 10 };
    await expect(permit(access, "read", from(basic("alice", "one more")))).rejects.toMatchObject(stopped);
    await expect(permit(access, "read", from(right))).rejects.toMatchObject(stopped);
    await expect(permit(access, "read", from(right, "192.0.2.2"))).resolves.toBeUndefined();
    now += 10_000;
    await expect(permit(access, "read", from(right))).resolves.toBeUndefined();
  });

  test("gives no more tries to guesses that come at once", async () => {
    const access = new Access({ users: parseUsers(file) });
    const guesses = Array.from({ length: 60 }, (_, index) =>
      permit(access, "read", from(basic("alice", `guess ${index}`))).catch((error: { code: string }) => error.code),
    );
    const codes = await Promise.all(guesses);
    expect(codes.filter((code) => code === "UNAUTHENTICATED")).toHaveLength(defaultAttemptLimits.perAddress);
    expect(codes.filter((code) => code === "TOO_MANY_ATTEMPTS")).toHaveLength(60 - defaultAttemptLimits.perAddress);
  });

  test("bounds the verifications that wait", async () => {
    const access = new Access({ users: parseUsers(file) });
    const guesses = Array.from({ length: 150 }, (_, index) =>
      permit(access, "read", from(basic("nobody", "x"), `198.51.100.${index}`)).catch(() => undefined),
    );
    const others = Array.from({ length: 150 }, (_, index) =>
      permit(access, "read", from(basic("nobody", String(index)), `203.0.113.${index}`)).catch(
        (error: { code: string }) => error.code,
      ),
    );
    const codes = await Promise.all(others);
    await Promise.all(guesses);
    expect(new Set(codes)).toEqual(new Set(["UNAUTHENTICATED", "TOO_MANY_ATTEMPTS"]));
    await expect(permit(access, "read", from(basic("alice", "wonderland")))).resolves.toBeUndefined();
  });
});

describe("Access.open()", () => {
  const folder = temporaryFolder();

  test("reads the file that is named, or none", async () => {
    const authFile = join(folder, "users");
    await writeFile(authFile, file);
    const access = await Access.open({ authFile });
    await expect(permit(access, "deploy", from())).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect((await Access.open({ authFile: null })).permit("deploy", from())).toBeUndefined();
  });

  test("names the file and what is wrong with it", async () => {
    const authFile = join(folder, "users-not-there");
    await expect(Access.open({ authFile })).rejects.toThrow(
      /^WASMGATE_AUTH_FILE is ".*users-not-there", but there is no such file$/,
    );
    await writeFile(authFile, "\nalice:secret-password:read\n");
    const refused = await Access.open({ authFile }).catch((error: unknown) => String(error));
    expect(refused).toContain("line 2: expected a hash");
    expect(refused).not.toContain("secret-password");
  });
});

describe("Attempts", () => {
  const limits = { perAddress: 2, perAddressRefillMs: 1000, together: 5, togetherRefillMs: 100, addresses: 3 };
  const clock = () => {
    const time = { now: 0 };
    return { time, attempts: new Attempts({ limits, now: () => time.now }) };
  };

  test("fill up again with time, never beyond their bound", () => {
    const { time, attempts } = clock();
    expect([attempts.take("a"), attempts.take("a"), attempts.take("a")]).toEqual([0, 0, 1000]);
    time.now = 400;
    expect(attempts.waitOf("a")).toBe(600);
    time.now = 1_000_000;
    expect([attempts.take("a"), attempts.take("a"), attempts.take("a")]).toEqual([0, 0, 1000]);
  });

  test("are bounded for all addresses together", () => {
    const { attempts } = clock();
    const waits = ["a", "b", "c", "d", "e", "f"].map((address) => attempts.take(address));
    expect(waits).toEqual([0, 0, 0, 0, 0, 100]);
  });

  test("give a right password's token back", () => {
    const { attempts } = clock();
    for (let count = 0; count < 20; count++) {
      expect(attempts.take("a")).toBe(0);
      attempts.giveBack("a");
    }
  });

  test.each([
    ["2001:db8:1:2:3::1", "2001:db8:1:2:ffff::9"],
    ["2001:db8::1", "2001:db8::2"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
  ])("are shared by %s and %s", (one, other) => {
    const { attempts } = clock();
    attempts.take(one);
    attempts.take(one);
    expect(attempts.waitOf(other)).toBeGreaterThan(0);
  });

  test("are not shared by neighbouring networks", () => {
    const { attempts } = clock();
    attempts.take("2001:db8:1:2::1");
    attempts.take("2001:db8:1:2::1");
    expect(attempts.waitOf("2001:db8:1:3::1")).toBe(0);
  });

  test("forget the oldest address past their bound", () => {
    const { attempts } = clock();
    attempts.take("a");
    attempts.take("a");
    for (const address of ["b", "c"]) attempts.take(address);
    expect(attempts.waitOf("a")).toBeGreaterThan(0);
    attempts.take("d");
    expect(attempts.waitOf("a")).toBe(0);
  });
});
