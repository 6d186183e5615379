import { wantsJson } from "../../src/http/accept.ts";

describe("wantsJson()", () => {
  test.each([
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/json;q=0.1",
    "application/*",
    "text/html, application/json",
    "application/json, text/plain;q=0",
    "application/json, */*;q=0",
    "application/json, text/*;q=0.0, */*",
    "application/json,text/html;q=0.9",
  ])("is true for %s", (accept) => {
    expect(wantsJson(accept)).toBe(true);
  });

  test.each([
    undefined,
    "",
    "*/*",
    "text/plain",
    "text/html",
    "application/json, text/plain, */*",
    "application/json, */*;q=0.1",
    "application/json, text/*",
    "application/json;q=0",
    "application/json;q=0, application/*",
    "application/xml",
    "application/jsonp",
    "text/*;q=0, text/plain, application/json",
    "json",
    ",,;;q=,application",
  ])("is false for %s", (accept) => {
    expect(wantsJson(accept)).toBe(false);
  });
});
