import { spawnSync } from "node:child_process";
import { hashPassword, isPassword, parseHash } from "../../src/access/password.ts";
import { AuthFileError, parseUsers } from "../../src/access/users.ts";
import { userLine } from "../support/users.ts";

describe("parseUsers()", () => {
  test("reads users, comments, blank lines and line ends of Windows", () => {
    const text = `\uFEFF# who may come in\r\n\r\n${userLine("alice", "pw", "read,deploy")}\r\n  ${userLine("b.o-b@x", "pw", "invoke , read")}\n`;
    const { byName, anonymous } = parseUsers(text);
    expect([...byName.keys()]).toEqual(["alice", "b.o-b@x"]);
    expect(byName.get("alice")?.rights).toEqual(new Set(["read", "deploy"]));
    expect(byName.get("b.o-b@x")?.rights).toEqual(new Set(["invoke", "read"]));
    expect(anonymous).toEqual(new Set(["invoke"]));
  });

  test.each([
    ["anonymous::", []],
    ["anonymous::read", ["read"]],
    ["anonymous::read,invoke", ["read", "invoke"]],
  ])("lets %s say what callers without credentials may do", (line, rights) => {
    expect(parseUsers(line).anonymous).toEqual(new Set(rights));
  });

  const good = userLine("alice", "secret-password", "read");
  test.each([
    ["alice", "line 1: expected three parts"],
    [`${good}\nbob:secret-password`, "line 2: expected three parts"],
    ["a:b:c:d", "line 1: expected three parts"],
    ["bob:secret-password:read", "line 1: expected a hash"],
    [good.replace("ln=10", "ln=30"), "line 1: expected a hash"],
    [good.replace("p=1", "p=99"), "line 1: expected a hash"],
    [good.replace("alice", "al ice"), "line 1: expected a name"],
    [good.replace("alice", ""), "line 1: expected a name"],
    [good.replace(/read$/, "reed"), "line 1: expected some of read, deploy and invoke"],
    [good.replace(/read$/, ""), "line 1: expected some of read, deploy and invoke"],
    [`# x\n${good}\n${good}`, "line 3: expected one line for each user, and this is the second for alice"],
    ["anonymous:x:read", "line 1: expected no hash for anonymous"],
    ["anonymous::all", "line 1: expected nothing or some of"],
    ["anonymous::\nanonymous::", "line 2: expected one line for anonymous"],
  ])("refuses %j by its line and repeats no secret", (text, sentence) => {
    expect(() => parseUsers(text)).toThrow(AuthFileError);
    expect(() => parseUsers(text)).toThrow(sentence);
    try {
      parseUsers(text);
    } catch (error) {
      expect(String(error)).not.toMatch(/secret|c2NyeXB0|\$scrypt\$ln=\d+,r=\d+,p=\d+\$[^s]/);
    }
  });
});

describe("password hashes", () => {
  test("are those of node's scrypt and match only their password", async () => {
    const hash = parseHash(userLine("x", "correct horse", "read").split(":")[1] ?? "");
    if (hash === undefined) throw new Error("the hash was not read");
    expect(await isPassword("correct horse", hash)).toBe(true);
    expect(await isPassword("correct horsf", hash)).toBe(false);
    expect(await isPassword("", hash)).toBe(false);
  });

  test("have a salt each and can be read again", async () => {
    const [one, other] = await Promise.all([hashPassword("päßword"), hashPassword("päßword")]);
    expect(one).not.toBe(other);
    const read = parseHash(one);
    if (read === undefined) throw new Error(`the hash ${one} was not read`);
    expect(await isPassword("pa\u0308ßword", read)).toBe(true);
  });

  test.each(["", "$scrypt$", "$argon2id$v=19$m=1,t=1,p=1$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA", "plain"])(
    "are not read out of %j",
    (text) => {
      expect(parseHash(text)).toBeUndefined();
    },
  );
});

describe("hash-password.ts", () => {
  const run = (args: string[], input: string) =>
    spawnSync(process.execPath, ["src/access/hash-password.ts", ...args], { input, encoding: "utf8", env: {} });

  test("makes a line that the file of users may hold", async () => {
    const made = run(["alice", "read,deploy"], "correct horse\nanother line\n");
    expect(made).toMatchObject({ status: 0, stderr: "" });
    const alice = parseUsers(made.stdout).byName.get("alice");
    if (alice === undefined) throw new Error("no line for alice");
    expect(await isPassword("correct horse", alice.hash)).toBe(true);
  });

  test.each([
    [["alice"], "correct horse\n", "usage"],
    [["al:ice", "read"], "correct horse\n", "usage"],
    [["anonymous", "read"], "correct horse\n", "usage"],
    [["alice", "read"], "short\n", "8 characters"],
    [["alice", "read"], "", "8 characters"],
  ])("refuses %j", (args, input, sentence) => {
    const made = run(args, input);
    expect(made).toMatchObject({ status: 1, stdout: "" });
    expect(made.stderr).toContain(sentence);
  });
});
