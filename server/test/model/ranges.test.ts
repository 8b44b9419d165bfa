import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseContentRange, parseRange } from "../../src/model/range.ts";
import { anyText } from "../support/fuzz.ts";

const SIZE = 2048;

describe("a Range header", () => {
  test.each([
    ["bytes=0-0", 0, 0],
    ["bytes=500-1499", 500, 1499],
    ["bytes=500-", 500, 2047],
    ["bytes=-500", 1548, 2047],
    ["bytes=-1", 2047, 2047],
    ["bytes=2000-5000", 2000, 2047],
    ["bytes=2047-2047", 2047, 2047],
    ["bytes=-99999", 0, 2047],
    ["bytes=0-99999999999999999999999999", 0, 2047],
    ["BYTES=1-2", 1, 2],
    ["bytes= 1-2 ", 1, 2],
  ])("%s asks 2048 bytes for %i to %i", (header, start, end) => {
    expect(parseRange(header, SIZE)).toEqual({ start, end });
  });

  test.each([
    "bytes=500-0",
    "bytes=2048-",
    "bytes=2048-2048",
    "bytes=5000-10000",
    "bytes=-0",
    "bytes=-",
    "bytes=",
    "bytes=a-b",
    "bytes=1",
    "bytes=1-2-3",
    "bytes=0x1-0x2",
    "bytes=1.5-2",
    "bytes=--1",
    `bytes=${"9".repeat(400)}-`,
  ])("%s asks 2048 bytes for nothing that there is", (header) => {
    expect(parseRange(header, SIZE)).toBe("unsatisfiable");
  });

  test.each([undefined, "", "items=0-1", "bytes", "bytes=0-1,5-6", `bytes=${"0-1,".repeat(10_000)}0-1`])(
    "%s asks for the whole",
    (header) => {
      expect(parseRange(header, SIZE)).toBeUndefined();
    },
  );

  test.each(["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=-0"])(
    "%s of no bytes asks for nothing",
    (header) => {
      expect(parseRange(header, 0)).toBe("unsatisfiable");
    },
  );

  test("never asks for a byte outside, whatever it says", () => {
    const number = fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n }).map(String), fc.constant(""));
    const header = fc.oneof(
      fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`),
      anyText(),
    );
    fc.assert(
      fc.property(header, fc.nat(5000), (text, size) => {
        const range = parseRange(text, size);
        if (range === undefined || range === "unsatisfiable") return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeGreaterThanOrEqual(range.start);
        expect(range.end).toBeLessThan(size);
      }),
    );
  });
});

describe("a chunk's Content-Range", () => {
  test.each([
    ["0-0", 0, 0],
    ["0-1023", 0, 1023],
    ["1024-2047", 1024, 2047],
    ["0-9007199254740991", 0, Number.MAX_SAFE_INTEGER],
  ])("%s is bytes %i to %i", (header, start, end) => {
    expect(parseContentRange(header)).toEqual({ start, end });
  });

  test.each([
    "",
    "-",
    "0-",
    "-5",
    "5",
    "5-4",
    "bytes 0-5/10",
    "bytes=0-5",
    "0-5/10",
    " 0-5",
    "0-5 ",
    "0-5\n",
    "0x0-0x5",
    "0-9007199254740992",
    "0-18446744073709551615",
    "0-1,2-3",
  ])("%j is none", (header) => {
    expect(parseContentRange(header)).toBeUndefined();
  });

  test("reads as it was written", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) };
        expect(parseContentRange(`${range.start}-${range.end}`)).toEqual(range);
      }),
    );
  });
});
