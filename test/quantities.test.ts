import { parseDuration, parseSize } from "../src/quantities.ts";

describe("parseDuration()", () => {
  test.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["1h30m", 5_400_000],
    ["1m30.5s", 90_500],
    ["1.5s", 1500],
    ["0.1s", 100],
    ["1us", 1],
    ["2500µs", 3],
    ["0", 0],
    ["0s", 0],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(["", "10", "s", "-1s", "+1s", "1d", "1 s", " 1s", "1S", "1e3s", ".5s", "5.s", "1s1", "999999999999999h"])(
    "refuses %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test("refuses a long text without spending time on it", () => {
    expect(parseDuration("1s".repeat(1_000_000))).toBeUndefined();
  });
});

describe("parseSize()", () => {
  test.each([
    ["0", 0],
    ["65536", 65_536],
    ["256Ki", 262_144],
    ["64Mi", 67_108_864],
    ["1Gi", 1_073_741_824],
    ["1.5Gi", 1_610_612_736],
    ["10M", 10_000_000],
    ["10k", 10_000],
    ["10K", 10_000],
    ["0.1Ki", 103],
    ["2T", 2e12],
  ])("reads %s", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(["", "Mi", "-1", "64MB", "64mi", "64 Mi", "1e6", "0x10", "64ki", "999999999999999Ti", "NaN"])(
    "refuses %j",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );
});
