import { expect, test } from "vitest";
import { startRegistry } from "./support/registry.ts";

// The description of the management API, and the page that shows it.

test("the server gives out its own description to whoever asks", async () => {
  await using registry = await startRegistry();
  const { status, headers, json } = await registry.send("GET", "/openapi.json");
  expect([status, headers["content-type"]]).toEqual([200, "application/json; charset=utf-8"]);
  expect([json.openapi, json.info.title]).toEqual(["3.1.0", "Boxyard"]);
});

test("its page loads nothing from another origin", async () => {
  await using registry = await startRegistry();
  const { status, headers, body } = await registry.send("GET", "/docs");
  expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  expect(headers["content-security-policy"]).toMatch(
    /^default-src 'none'; script-src 'self';.* connect-src 'self'/,
  );
  const parts = [...body.toString().matchAll(/(?:src|href)="(?!data:)([^"]+)"/g)].map(([, url = ""]) => url);
  expect(parts).toHaveLength(3);
  for (const url of parts) {
    expect(url).toMatch(/^\/docs\//);
    const part = await registry.send("GET", url);
    expect([url, part.status, part.body.length > 0]).toEqual([url, 200, true]);
    expect(part.headers["content-type"]).toMatch(url.endsWith(".css") ? /^text\/css/ : /^text\/javascript/);
  }
});
