import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestAlgorithm, digestOf, parseDigest } from "../../src/model/digest.ts";
import { anyText } from "../support/fuzz.ts";
import { refusalOf } from "../support/refusals.ts";

const HEX = "0f".repeat(32);

describe("a digest", () => {
  test.each([
    ["sha256", `sha256:${HEX}`],
    ["sha512", `sha512:${HEX}${HEX}`],
  ])("may be of %s", (algorithm, digest) => {
    expect(parseDigest(digest)).toBe(digest);
    expect(digestAlgorithm(parseDigest(digest))).toBe(algorithm);
  });

  test.each([
    "",
    ":",
    "sha256",
    "sha256:",
    `:${HEX}`,
    HEX,
    `sha256:${HEX.slice(1)}`,
    `sha256:${HEX}0`,
    `sha256:${HEX.toUpperCase()}`,
    `SHA256:${HEX}`,
    `sha256:${HEX.slice(1)}g`,
    `sha256: ${HEX.slice(1)}`,
    `sha256:${HEX}\n`,
    ` sha256:${HEX}`,
    `sha256::${HEX}`,
    `sha256:sha256:${HEX}`,
    `sha512:${HEX}`,
    `sha384:${HEX}`,
    `blake3:${HEX}`,
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    `sha256+b64:${HEX}`,
    `../sha256:${HEX}`,
    "sha256:../../x",
    `sha256/x:${HEX}`,
    `toString:${HEX}`,
    `__proto__:${HEX}`,
    `sha256:${"0".repeat(1_000_000)}`,
    `${"a+".repeat(500_000)}:${HEX}`,
  ])("may not be %s", (text) => {
    expect(refusalOf(() => parseDigest(text))).toBe("DIGEST_INVALID");
  });

  test.each([
    [`blake3:${HEX}`, /algorithm blake3 is not supported: use sha256 or sha512/],
    [`sha512:${HEX}`, /sha512 digest has 128 lower-case hexadecimal digits/],
    ["sha256", /an algorithm, a colon and a hash/],
  ])("is refused with what would be right: %s", (text, message) => {
    expect(() => parseDigest(text)).toThrow(message);
  });

  test("of any content is one, and reads as it was written", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom("sha256", "sha512"), (content, algorithm) => {
        const digest = digestOf(algorithm, createHash(algorithm).update(content).digest("hex"));
        expect(parseDigest(String(digest))).toBe(digest);
        expect(digestAlgorithm(digest)).toBe(algorithm);
      }),
    );
  });

  test("is any text exactly as it is written, or that text is refused", () => {
    const texts = fc.oneof(
      anyText(),
      fc
        .tuple(
          fc.constantFrom("sha256", "sha512", "sha1", ""),
          fc.string({ unit: fc.constantFrom("0", "f", "g") }),
        )
        .map(([algorithm, hex]) => `${algorithm}:${hex}`),
    );
    fc.assert(fc.property(texts, (text) => void refusalOf(() => expect(parseDigest(text)).toBe(text))));
  });
});
