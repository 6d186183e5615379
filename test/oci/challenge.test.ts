import { parseChallenges } from "../../src/oci/challenge.ts";

function read(...headers: string[]): unknown {
  return parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

describe("parseChallenges()", () => {
  test("reads docker's token challenge, commas inside of quotes included", () => {
    expect(read('Bearer realm="https://auth.example/token",service="r",scope="repository:a/b:pull,push"')).toEqual([
      ["bearer", { realm: "https://auth.example/token", service: "r", scope: "repository:a/b:pull,push" }],
    ]);
  });

  test("reads several challenges of one header and of several headers in order", () => {
    expect(read('Negotiate, NTLM abc==, BASIC realm="x", charset=UTF-8', 'Bearer realm="y"')).toEqual([
      ["negotiate", {}],
      ["ntlm", {}],
      ["basic", { realm: "x", charset: "UTF-8" }],
      ["bearer", { realm: "y" }],
    ]);
  });

  test("undoes escapes in quoted strings", () => {
    expect(read(String.raw`Basic realm="a \"quoted\" \\ name, with comma"`)).toEqual([
      ["basic", { realm: 'a "quoted" \\ name, with comma' }],
    ]);
  });

  test("reads names in any case, and blanks around signs", () => {
    expect(read('bearer   REALM = "y" ,  Service=z')).toEqual([["bearer", { realm: "y", service: "z" }]]);
  });

  test("keeps the first of two parameters of one name", () => {
    expect(read('Bearer realm="first",realm="second"')).toEqual([["bearer", { realm: "first" }]]);
  });

  test("tolerates empty elements", () => {
    expect(read(', ,Basic realm="x",, Bearer realm="y",')).toEqual([
      ["basic", { realm: "x" }],
      ["bearer", { realm: "y" }],
    ]);
  });

  test("reads an empty quoted string", () => {
    expect(read('Bearer realm=""')).toEqual([["bearer", { realm: "" }]]);
  });

  test.each([
    ["", []],
    ["   ", []],
    ['Bearer realm="unclosed', [["bearer", {}]]],
    ['Basic realm="x" Bearer realm="y"', [["basic", { realm: "x" }]]],
    ["@@@", []],
  ])("stops at what it cannot read: %j", (header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  test("ends on a hostile header", () => {
    expect(read(`Bearer realm="${'\\"'.repeat(50_000)}`)).toEqual([["bearer", {}]]);
    expect(read(`${"a=".repeat(50_000)}`)).toBeDefined();
    expect(read(`${"a ".repeat(50_000)}`)).toBeDefined();
  });
});
