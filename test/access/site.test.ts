import { siteCheck } from "../../src/access/site.ts";

const check = siteCheck({ host: "gate.internal", allowedHosts: ["faas.example", "other.example:8443"] });

describe("siteCheck()", () => {
  test.each([
    "localhost",
    "localhost:10000",
    "LOCALHOST.:10000",
    "app.localhost:1",
    "127.0.0.1:10000",
    "192.168.1.9",
    "[::1]:10000",
    "[::1]",
    "gate.internal:10000",
    "faas.example",
    "FAAS.example:99",
    "other.example",
  ])("lets Host %s pass", (host) => {
    expect(() => check({ host })).not.toThrow();
  });

  test("lets clients without Host pass, since browsers send it", () => {
    expect(() => check({})).not.toThrow();
  });

  test.each([
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "notlocalhost",
    "",
    "evil.example:10000",
    "0x7f.1",
  ])("refuses Host %j", (host) => {
    expect(() => check({ host })).toThrow(expect.objectContaining({ code: "FORBIDDEN" }) as Error);
  });

  test.each([
    ["localhost:10000", "http://localhost:10000"],
    ["localhost", "http://localhost"],
    ["localhost:80", "http://localhost"],
    ["faas.example", "https://faas.example"],
    ["127.0.0.1:10000", "https://faas.example"],
    ["[::1]:10000", "http://[::1]:10000"],
  ])("lets a page of %s with Origin %s pass", (host, origin) => {
    expect(() => check({ host, origin })).not.toThrow();
  });

  test.each([
    ["localhost:10000", "null"],
    ["localhost:10000", ""],
    ["localhost:10000", "http://localhost:3000"],
    ["localhost:10000", "http://evil.example"],
    ["localhost:10000", "http://localhost:10000.evil.example"],
    ["localhost:10000", "http://localhost:10000/path"],
    ["localhost:10000", "http://evil@localhost:10000"],
    ["localhost:10000", "file://"],
    ["127.0.0.1:10000", "http://localhost:10000"],
    ["127.0.0.1:10000", "http://faas.example.evil.example"],
  ])("refuses a page of %s with Origin %s", (host, origin) => {
    expect(() => check({ host, origin })).toThrow(expect.objectContaining({ code: "FORBIDDEN" }) as Error);
  });

  test("refuses what a browser marks as cross-site", () => {
    expect(() => check({ host: "localhost", "sec-fetch-site": "cross-site" })).toThrow("another site's page");
    expect(() => check({ host: "localhost", "sec-fetch-site": "same-origin" })).not.toThrow();
    expect(() => check({ host: "localhost", "sec-fetch-site": "none" })).not.toThrow();
  });
});
