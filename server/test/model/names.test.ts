import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  parseReference,
  parseRegistryName,
  parseRepositoryName,
  parseRepositoryPath,
  parseTagName,
  presentPath,
  RESERVED_REGISTRY_NAMES,
} from "../../src/model/name.ts";
import { newUploadId, parseUploadId } from "../../src/model/upload-id.ts";
import { anyText } from "../support/fuzz.ts";
import { refusalOf } from "../support/refusals.ts";

const SHA256 = `sha256:${"0f".repeat(32)}`;

describe("a registry's name", () => {
  test.each(["a", "0", "acme", "acme-2", "a--b", "registry-1", "x".repeat(63)])("may be %j", (name) => {
    expect(parseRegistryName(name)).toBe(name);
  });

  test.each([
    "",
    "-acme",
    "acme-",
    "-",
    "Acme",
    "a_b",
    "a.b",
    "a/b",
    "a b",
    "a\n",
    "a\0",
    "\u00e4",
    "..",
    "a%2fb",
    "x".repeat(64),
    ...RESERVED_REGISTRY_NAMES,
  ])("may not be %j", (name) => {
    expect(refusalOf(() => parseRegistryName(name))).toBe("NAME_INVALID");
  });
});

describe("a repository's name", () => {
  test.each([
    "app",
    "0",
    "web/api",
    "a/b/c/d/e",
    "a.b",
    "a_b",
    "a__b",
    "a-b",
    "a---b",
    "registry",
    "blobs",
    "blobs/uploads",
    "manifests/latest/tags/list",
    "x".repeat(253),
    `${"x/".repeat(126)}x`,
  ])("may be %j", (name) => {
    expect(parseRepositoryName(name)).toBe(name);
  });

  test.each([
    "",
    "/",
    "/app",
    "app/",
    "a//b",
    "App",
    "web/API",
    ".",
    "..",
    "a/../b",
    "a/./b",
    "a..b",
    "a.",
    ".a",
    "a._b",
    "a___b",
    "_a",
    "a_",
    "-a",
    "a-",
    "a-/b",
    "a b",
    "a:b",
    "a@b",
    "a%2fb",
    "a\\b",
    "a\n",
    "\na",
    "a\0b",
    "\u00e4",
    "\u{1f4e6}",
    "x".repeat(254),
  ])("may not be %j", (name) => {
    expect(refusalOf(() => parseRepositoryName(name))).toBe("NAME_INVALID");
  });
});

describe("an image's path", () => {
  test("is a registry and a repository", () => {
    expect(parseRepositoryPath("acme/web/api")).toEqual({ registry: "acme", repository: "web/api" });
  });

  test("has at most 253 characters in all", () => {
    expect(refusalOf(() => parseRepositoryPath(`a/${"x".repeat(251)}`))).toBeUndefined();
    expect(refusalOf(() => parseRepositoryPath(`a/${"x".repeat(252)}`))).toBe("NAME_INVALID");
  });

  test.each(["", "acme", "acme/", "/app", "registry/app", "Acme/app", "acme/App", "a_b/app"])(
    "may not be %j",
    (path) => {
      expect(refusalOf(() => parseRepositoryPath(path))).toBe("NAME_INVALID");
    },
  );
});

describe("a tag", () => {
  test.each(["latest", "v1.0", "_", "A", "0", "sha256-0f.sig", "a..b", "x".repeat(128)])(
    "may be %j",
    (tag) => {
      expect(parseTagName(tag)).toBe(tag);
    },
  );

  test.each([
    "",
    ".",
    "..",
    ".a",
    "-a",
    "a/b",
    "a:b",
    "a@b",
    "a b",
    "a+b",
    "a\n",
    "a\0",
    "\u00e4",
    "x".repeat(129),
  ])("may not be %j", (tag) => {
    expect(refusalOf(() => parseTagName(tag))).toBe("TAG_INVALID");
  });
});

describe("a reference", () => {
  test("with a colon is a digest, every other one is a tag", () => {
    expect(parseReference("latest")).toEqual({ tag: "latest" });
    expect(parseReference("sha256")).toEqual({ tag: "sha256" });
    expect(parseReference(SHA256)).toEqual({ digest: SHA256 });
  });

  test.each([
    [":", "DIGEST_INVALID"],
    ["sha256:", "DIGEST_INVALID"],
    ["sha256:../../x", "DIGEST_INVALID"],
    ["app:latest", "DIGEST_INVALID"],
    ["../x", "TAG_INVALID"],
    ["", "TAG_INVALID"],
  ])("may not be %j", (reference, code) => {
    expect(refusalOf(() => parseReference(reference))).toBe(code);
  });
});

describe("an upload's id", () => {
  test("is a UUID as it was given out", () => {
    const id = newUploadId();
    expect(parseUploadId(id)).toBe(id);
  });

  test.each([
    "",
    "..",
    "../../x",
    "0",
    "0F2504E0-4F89-41D3-9A0C-0305E82C3301",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301\n",
    "3f2504e0-4f89-41d3-9a0c-0305e82c330100",
  ])("may not be %j", (id) => {
    expect(refusalOf(() => parseUploadId(id))).toBe("BLOB_UPLOAD_UNKNOWN");
  });
});

describe("any text at all", () => {
  const texts = fc.oneof(
    anyText({ maxLength: 300 }),
    // Of the characters that names are made of, so that some are names.
    fc.string({ unit: fc.constantFrom("a", "b", "0", "-", "_", ".", "/", "A", ":"), maxLength: 40 }),
  );

  test.each([
    ["registry's name", parseRegistryName],
    ["repository's name", parseRepositoryName],
    ["tag", parseTagName],
    ["upload's id", parseUploadId],
    ["image's path", (text: string) => presentPath(parseRepositoryPath(text))],
    ["reference", (text: string) => Object.values(parseReference(text))[0]],
  ])("is a %s exactly as it is written, or refused", (_, parse) => {
    fc.assert(
      fc.property(texts, (text) => {
        refusalOf(() => expect(parse(text)).toBe(text));
      }),
    );
  });

  test("that follows the grammar is a name", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "z", "0", "9"), minLength: 1, maxLength: 5 });
    const separator = fc.constantFrom(".", "_", "__", "-", "--", "---");
    const component = fc
      .tuple(word, fc.array(fc.tuple(separator, word), { maxLength: 3 }))
      .map(([first, rest]) => first + rest.flat().join(""));
    const name = fc.array(component, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
    fc.assert(fc.property(name, (text) => void expect(parseRepositoryName(text)).toBe(text)));
  });

  // The spec's whole expression, in an engine that backtracks, would not end on these within a lifetime.
  test.each([
    ["one character again and again", "a".repeat(1_000_000)],
    ["components without an end", "a/".repeat(500_000)],
    ["separators without an end", `a${"-".repeat(252)}`],
    ["words that never finish", `${"a-".repeat(126)}!`],
    ["underscores in pairs", `${"a__".repeat(84)}!`],
  ])("of %s is refused", (_, text) => {
    for (const parse of [parseRegistryName, parseRepositoryName, parseRepositoryPath, parseTagName]) {
      expect(refusalOf(() => parse(text))).toMatch(/^(NAME|TAG)_INVALID$/);
    }
  });
});
