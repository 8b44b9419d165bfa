import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRegistry, type TestRegistry } from "./support/registry.ts";

const PAGE = "<!doctype html><title>panel</title>";
const SCRIPT = "console.log('a script');";
const HTML = { accept: "text/html,application/xhtml+xml" };

let folder: string;
let registry: TestRegistry;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "boxyard-panel-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), PAGE);
  writeFileSync(join(folder, "icon.svg"), "<svg/>");
  writeFileSync(join(folder, "assets/app-1a2b.js"), SCRIPT);
  writeFileSync(join(folder, "assets/app-1a2b.js.br"), brotliCompressSync(SCRIPT));
  writeFileSync(join(folder, "assets/app-1a2b.js.gz"), gzipSync(SCRIPT));
  registry = await startRegistry({ panelFolder: folder });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test.each(["/", "/setup", "/registries/acme/repositories/web%2Fapp?tab=tags", "/sign-in/"])(
  "the panel's page is served at %s, and lets nothing else in",
  async (url) => {
    const answer = await registry.send("GET", url, { headers: HTML });
    expect([answer.status, String(answer.body)]).toEqual([200, PAGE]);
    expect(answer.headers["content-type"]).toMatch(/^text\/html/);
    expect(answer.headers["cache-control"]).toBe("no-cache");
    const policy = answer.headers["content-security-policy"] ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(answer.headers["x-content-type-options"]).toBe("nosniff");
  },
);

test.each([
  ["br", "br"],
  ["gzip", "gzip"],
  ["identity", undefined],
])("a file goes out as it was compressed when it was built: %s", async (accepted, encoding) => {
  const answer = await registry.send("GET", "/assets/app-1a2b.js", {
    headers: { "accept-encoding": accepted },
  });
  expect([answer.status, answer.headers["content-encoding"]]).toEqual([200, encoding]);
  expect(answer.headers["content-type"]).toMatch(/javascript/);
  expect(answer.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
});

test("what lies beside the page is served, and asked for again each time", async () => {
  const answer = await registry.send("GET", "/icon.svg");
  expect([answer.status, answer.headers["cache-control"]]).toEqual([200, "no-cache"]);
});

test.each([
  "/assets/nothing.js",
  "/assets/..%2findex.html",
  "/assets/%2e%2e%2findex.html",
  "/v2/registry/nothing",
  "/v2/registries/nothing/at/all",
  "/api/v1/nothing",
  "/api/nothing",
  "/v1/nothing",
  "/docs/nothing",
])("is no page of the panel: %s", async (url) => {
  const answer = await registry.send("GET", url, { headers: HTML });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(String(answer.body)).not.toContain(PAGE);
});

test("the data plane answers in its own words beside it", async () => {
  const answer = await registry.send("GET", "/v2/acme/app/nothing", { headers: HTML });
  expect([answer.status, answer.json.errors[0].code]).toEqual([404, "NAME_UNKNOWN"]);
  expect((await registry.send("GET", "/v2/", { headers: HTML })).status).toBe(401);
});

test.each(["/livez", "/readyz", "/openapi.json", "/docs"])("%s is what it was", async (url) => {
  const answer = await registry.send("GET", url, { headers: HTML });
  expect(answer.status).toBe(200);
  expect(String(answer.body)).not.toContain(PAGE);
});

test("a program that asks for no page is told that there is nothing", async () => {
  expect((await registry.send("GET", "/nothing", { headers: { accept: "*/*" } })).status).toBe(404);
  expect((await registry.send("POST", "/setup", { headers: HTML })).status).toBe(404);
});

test("a server without the panel answers that nothing is there", async () => {
  await using bare = await startRegistry({ panelFolder: join(folder, "assets") });
  const answer = await bare.send("GET", "/", { headers: HTML });
  expect([answer.status, answer.json.id]).toEqual([404, "not_found"]);
});
