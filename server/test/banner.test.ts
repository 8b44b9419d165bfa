import { describe, expect, test } from "vitest";
import { banner, firstLoginText, isLoopback, publicUrlOf, type Start } from "../src/process/banner.ts";

const START: Start = {
  version: "1.2.3",
  url: new URL("http://localhost:5100"),
  isPlainToOthers: false,
  dataDir: "/home/ada/boxyard",
  database: "SQLite",
  freeBytes: 212e9,
};
const TOKEN = `bxy_${"t".repeat(60)}`;
const MADE = { ownerToken: TOKEN, setupCode: "c0de" };
const NOTHING_NEW = { made: undefined, tokenFile: undefined };

describe("the first start on a terminal", () => {
  const text = banner({ ...START, isPlainToOthers: true }, { ...NOTHING_NEW, made: MADE });

  test("fits on twenty lines", () => {
    expect(text.trim().split("\n").length).toBeLessThanOrEqual(20);
  });

  test("says where everything is", () => {
    expect(text).toContain("boxyard 1.2.3");
    expect(text).toMatch(/Panel +http:\/\/localhost:5100\/setup#c0de /);
    expect(text).toMatch(/Registry +localhost:5100\n/);
    expect(text).toMatch(/API +http:\/\/localhost:5100\/v2 /);
    expect(text).toMatch(/Data +\/home\/ada\/boxyard +SQLite \+ files · 212 GB free/);
  });

  test("shows the token once, and in no command", () => {
    expect(text.split(TOKEN).length - 1).toBe(1);
    expect(text).toContain(`\n    ${TOKEN}\n`);
  });

  test("has a first push to paste", () => {
    expect(text).toContain("docker login localhost:5100 -u owner --password-stdin");
    expect(text).toContain("docker push localhost:5100/demo/alpine:1");
  });
});

test("a later start shows no secret", () => {
  const text = banner(START, NOTHING_NEW);
  expect(text).not.toContain("docker");
  expect(text).toMatch(/Panel +http:\/\/localhost:5100\/\n/);
  expect(text.trim().split("\n").length).toBeLessThan(10);
});

test("a later start says where the first one has left the token, while the file is there", () => {
  expect(banner(START, { ...NOTHING_NEW, tokenFile: "/data/first-login.txt" })).toContain(
    "/data/first-login.txt",
  );
});

test("a server that others reach by plain HTTP says what docker needs", () => {
  expect(banner({ ...START, isPlainToOthers: true }, NOTHING_NEW)).toContain(
    '{"insecure-registries":["THIS-MACHINE:5100"]}',
  );
});

describe("the file of a first start without a terminal", () => {
  test("ends with the token, on a line of its own that its first command reads", () => {
    const text = firstLoginText(START.url, { ...MADE, file: "/data/first-login.txt" });
    expect(text.endsWith(`\n\n${TOKEN}\n`)).toBe(true);
    expect(text).toContain(
      "tail -n 1 /data/first-login.txt | docker login localhost:5100 -u owner --password-stdin",
    );
  });

  test("has the link that opens the panel", () => {
    const text = firstLoginText(START.url, { ...MADE, file: "/data/first-login.txt" });
    expect(text).toContain("\n  http://localhost:5100/setup#c0de\n");
  });

  test("quotes a path that a shell would take apart", () => {
    expect(firstLoginText(START.url, { ...MADE, file: "/my data/ada's" })).toContain(
      `tail -n 1 '/my data/ada'\\''s' |`,
    );
  });
});

test.each([
  ["127.0.0.1", "localhost:5100", true],
  ["0.0.0.0", "localhost:5100", false],
  ["::", "localhost:5100", false],
  ["::1", "[::1]:5100", true],
  ["127.0.0.2", "127.0.0.2:5100", true],
  ["192.0.2.7", "192.0.2.7:5100", false],
])("a server on %s is found at %s", (host, found, own) => {
  expect(publicUrlOf(host, 5100).host).toBe(found);
  expect(isLoopback(host)).toBe(own);
});
