import { sectionsOf } from "../../src/wasm/sections.ts";
import { moduleOf, section } from "../support/module-bytes.ts";
import { refusalOf } from "../support/refusal.ts";

function namesOf(bytes: Uint8Array): string[] {
  return [...sectionsOf(bytes)].map(({ name }) => name);
}

describe("sectionsOf()", () => {
  test("yields every section in the order of the format, custom ones anywhere", () => {
    const ids = [0, 1, 2, 0, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 0, 0];
    expect(namesOf(moduleOf(ids.map((id) => section(id))))).toEqual(
      (
        "custom type import custom function table memory tag global export start element dataCount code data " +
        "custom custom"
      ).split(" "),
    );
    expect(namesOf(moduleOf())).toEqual([]);
  });

  test.each([
    ["a section twice", [section(1), section(1)]],
    ["a section too late", [section(3), section(1)]],
    ["tags after globals", [section(6), section(13)]],
    ["tags before memories", [section(13), section(5)]],
    ["a data count after code", [section(10), section(12)]],
    ["an unknown id", [section(14)]],
    ["a size past the end", [[1, 5, 0]]],
    ["a size of six bytes", [[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]]],
  ])("refuses %s", (_what, sections) => {
    expect(refusalOf(() => namesOf(moduleOf(...sections))).code).toBe("MODULE_INVALID");
  });

  test.each([
    ["nothing", "", "MODULE_INVALID", "got nothing"],
    ["half a header", "0061736d01", "MODULE_INVALID", "got 01"],
    ["another file", "7f454c4602010100", "MODULE_INVALID", "got 7f 45 4c 46"],
    ["text", Buffer.from("(module)").toString("hex"), "MODULE_INVALID", "wat2wasm"],
    ["another version", "0061736d02000000", "MODULE_INVALID", "expected version 01 00 00 00, got 02 00 00 00"],
    ["a component", "0061736d0d000100", "IMAGE_UNSUPPORTED", "got a component"],
    ["an older component", "0061736d0a000100", "IMAGE_UNSUPPORTED", "got a component"],
  ])("refuses %s", (_what, hex, code, sentence) => {
    const refusal = refusalOf(() => namesOf(Buffer.from(hex, "hex")));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(sentence);
  });
});
