/** What every authentication sample answers, whatever language it is written in. */
import { createHash } from "node:crypto";

/** Calls a sample with each text and returns its answers. */
export type Ask = (texts: readonly string[]) => Promise<readonly string[]>;

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
const hashOf = (uri: string, body: string): string => md5(`${uri}#${body}#argfunc`);
const args = (uri: string, body: string, secret: string): string =>
  JSON.stringify({ arg_uri: uri, arg_body: body, arg_secret: secret });
const passed = (hash: string): unknown => ({
  status: "200",
  body: `<html><h1>Auth Pass!</h1><p>hash ${hash}</p></html>`,
});
const forbidden = (hash: string, secret: string): unknown => ({
  status: "403",
  body: `<html><h1>Auth Forbidden!</h1><p>hash ${hash} secret ${secret}</p></html>`,
});
const refused = (reason: string): string =>
  `{"status":"400","body":"<html><h1>Bad Request!</h1><p>${reason}</p></html>"}`;

const known = "c5187dd86a648a819f527c7a8a4f7bf4";

const notStrings = [
  " ",
  "[]",
  "7",
  "null",
  '"text"',
  "{",
  '{"arg_uri"}',
  '{"arg_uri":}',
  '{"arg_uri":"a"',
  '{"arg_uri":"a',
  '{"arg_uri":"a\\',
  '{"arg_uri":"a",}',
  '{"arg_uri":"a" "arg_body":"b"}',
  '{"arg_uri":"a"} {}',
  '{arg_uri:"a"}',
  '{"arg_uri":7}',
  '{"arg_uri":null}',
  '{"arg_uri":{"a":"b"}}',
  '{"arg_uri":["a"]}',
  '{"arg_uri":"\\x"}',
  '{"arg_uri":"\\u12"}',
  '{"arg_uri":"\\u12g4"}',
  '{"arg_uri":"a\nb"}',
];

/** The tests of one sample. */
export function answersAsDocumented(ask: Ask): void {
  const askOne = async (text: string): Promise<string> => (await ask([text]))[0] ?? "";

  test("answers 403 and the hash to the documented pair, byte for byte", async () => {
    expect(await askOne('{"arg_uri":"yes","arg_body":"yes","arg_secret":"12345"}')).toBe(
      `{"status":"403","body":"<html><h1>Auth Forbidden!</h1><p>hash ${known} secret 12345</p></html>"}`,
    );
  });

  test("answers 200 to the right secret, byte for byte", async () => {
    expect(await askOne(`{"arg_uri":"yes","arg_body":"yes","arg_secret":"${known}"}`)).toBe(
      `{"status":"200","body":"<html><h1>Auth Pass!</h1><p>hash ${known}</p></html>"}`,
    );
  });

  test("hashes messages of every length around MD5's blocks", async () => {
    const bodies = Array.from({ length: 140 }, (_, length) => "x".repeat(length));
    const answers = await ask(bodies.map((body) => args("/é", body, hashOf("/é", body))));
    expect(answers.map((answer): unknown => JSON.parse(answer))).toEqual(
      bodies.map((body) => passed(hashOf("/é", body))),
    );
  });

  test("reads every JSON escape, white space, other members and a key that comes twice", async () => {
    const spellings = [
      ['"\\u0079\\u0065s"', "yes"],
      ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F"', '"\\/\b\f\n\r\t\u0001\u001f'],
      ['"\\ud83D\\uDe00 \\u00e9\\u20ac é€😀"', "😀 é€ é€😀"],
      ['"first" ,\r\n\t"arg_uri" : "second"', "second"],
      ['"" , "else": "ignored"', ""],
    ] as const;
    const answers = await ask(
      spellings.map(([json, uri]) => ` {"arg_body":"","arg_secret":"${hashOf(uri, "")}", "arg_uri":${json}}\n`),
    );
    expect(answers.map((answer): unknown => JSON.parse(answer))).toEqual(
      spellings.map(([, uri]) => passed(hashOf(uri, ""))),
    );
  });

  test("shows any secret in valid JSON and not as markup", async () => {
    const secrets = ['"\\/', "\b\f\n\r\t\u0001\u001f", "é€😀\u2028", "<b>&amp;</b>"];
    const answers = await ask(secrets.map((secret) => args("", "", secret)));
    const shown = ['"\\/', "\b\f\n\r\t\u0001\u001f", "é€😀\u2028", "&lt;b&gt;&amp;amp;&lt;/b&gt;"];
    expect(answers.map((answer): unknown => JSON.parse(answer))).toEqual(
      shown.map((text) => forbidden(hashOf("", ""), text)),
    );
  });

  test("answers 400 to anything but a JSON object of strings", async () => {
    const answers = await ask(notStrings);
    expect(answers).toEqual(notStrings.map(() => refused("expected a JSON object of strings")));
  });

  test("answers 400 and names what is missing", async () => {
    const answers = await ask([
      "{}",
      '{"arg_body":"","arg_secret":""}',
      '{"arg_uri":"","arg_secret":""}',
      '{"arg_uri":"","arg_body":"","Arg_secret":""}',
    ]);
    const missing = ["arg_uri", "arg_uri", "arg_body", "arg_secret"];
    expect(answers).toEqual(missing.map((key) => refused(`${key} is missing`)));
  });

  test("answers to half a megabyte of escapes", async () => {
    const body = "\n".repeat(250_000);
    expect(JSON.parse(await askOne(args("", body, "")))).toEqual(forbidden(hashOf("", body), ""));
  });
}

/** For samples whose own reader keeps to what UTF-8 can hold; Go's library reads U+FFFD there. */
export function refusesHalfSurrogates(ask: Ask): void {
  test("answers 400 to half of a surrogate pair", async () => {
    const halves = ["\\ud83d", "\\ud83dx", "\\ud83d\\n", "\\ud83d\\u0041", "\\ud83d\\ud83d", "\\ude00", "\\ud83d\\u"];
    const answers = await ask(halves.map((half) => `{"arg_uri":"${half}"}`));
    expect(answers).toEqual(halves.map(() => refused("expected a JSON object of strings")));
  });
}
