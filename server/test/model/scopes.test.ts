import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Access, parseScopes } from "../../src/model/scope.ts";
import { anyText } from "../support/fuzz.ts";

function repository(name: string, ...actions: string[]): Access {
  return { type: "repository", name, actions };
}

describe("a scope", () => {
  test.each<[string, ...Access[]]>([
    ["repository:acme/app:pull", repository("acme/app", "pull")],
    ["repository:acme/app:pull,push", repository("acme/app", "pull", "push")],
    ["repository:acme/app:*", repository("acme/app", "*")],
    ["repository(plugin):acme/app:pull", repository("acme/app", "pull")],
    ["repository:example.com:5000/acme/app:pull", repository("example.com:5000/acme/app", "pull")],
    ["registry:catalog:*", { type: "registry", name: "catalog", actions: ["*"] }],
    ["repository:a/b:pull repository:a/c:push", repository("a/b", "pull"), repository("a/c", "push")],
    ["  repository:a/b:pull  ", repository("a/b", "pull")],
    ["repository:a/b:pull,,push", repository("a/b", "pull", "", "push")],
  ])("%j is read", (text, ...entries) => {
    expect(parseScopes(text)).toEqual(entries);
  });

  test.each([
    "",
    " ",
    ":",
    "::",
    "repository",
    "repository:acme/app",
    "repository::pull",
    ":acme/app:pull",
    "repository:acme/app:",
  ])("%j is skipped", (text) => {
    expect(parseScopes(text)).toEqual([]);
  });

  test("that is malformed takes no other one with it", () => {
    expect(parseScopes("x repository:a/b:pull ::")).toEqual([repository("a/b", "pull")]);
  });

  test("is one of a hundred at most", () => {
    expect(parseScopes("repository:a/b:pull ".repeat(10_000))).toHaveLength(100);
  });

  test("never says more than is written", () => {
    const texts = fc.string({ unit: fc.constantFrom("a", ":", ",", " ", "*", "(", ")", "/"), maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(texts, anyText()), (text) => {
        for (const { type, name, actions } of parseScopes(text)) {
          expect(text).toContain(`:${name}:${actions.join(",")}`);
          expect(text).toContain(type);
        }
      }),
    );
  });

  test("reads as it was written", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "0"), minLength: 1, maxLength: 5 });
    const entries = fc.array(
      fc.record({
        type: word,
        name: fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
        actions: fc.array(word, { minLength: 1, maxLength: 3 }),
      }),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(entries, (access) => {
        const text = access
          .map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`)
          .join(" ");
        expect(parseScopes(text)).toEqual(access);
      }),
    );
  });
});
