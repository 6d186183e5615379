/**
 * A command that makes one line of the file of users: `node src/access/hash-password.ts NAME RIGHTS < password`.
 * The password is the first line of stdin, so that neither the shell's history nor a list of processes shows it.
 */
import { createInterface } from "node:readline";
import { hashPassword } from "./password.ts";
import { allRights, isUserName, parseRights } from "./users.ts";

const [name = "", rights = ""] = process.argv.slice(2);

function refuse(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}

async function firstLine(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write("Password (it will be seen as you type): ");
  for await (const line of createInterface({ input: process.stdin })) return line;
  return "";
}

if (!isUserName(name) || parseRights(rights) === undefined) {
  refuse(
    "usage: node src/access/hash-password.ts NAME RIGHTS < password, with a NAME of letters, digits and . _ @ + - " +
      `and RIGHTS some of ${allRights.join(",")}`,
  );
} else {
  const password = await firstLine();
  if (password.length < 8) refuse("expected a password of 8 characters or more on stdin");
  else process.stdout.write(`${name}:${await hashPassword(password)}:${rights}\n`);
}
