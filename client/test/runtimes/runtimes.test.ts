import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { OWNER_TOKEN, startRegistry } from "../../../server/test/support/registry.ts";
import { serve } from "../support/served.ts";

// The built package, in each runtime that it is for.

const CLIENT = join(import.meta.dirname, "../..");
const PROGRAM = join(import.meta.dirname, "program.js");
const OUTCOME = { status: "succeeded", runs: 1, isApiError: true, id: "not_found", ended: "AbortError" };

test.each([
  ["Node.js 20", "node20", []],
  ["Deno", "deno", ["run", "--no-config", "--allow-net", "--allow-read"]],
  ["Bun", "bun", ["run"]],
] as const)("the package works in %s", async (_name, program, flags) => {
  await using served = await serve();
  const { stdout } = await promisify(execFile)(program, [...flags, PROGRAM, served.origin, OWNER_TOKEN]);
  expect(JSON.parse(stdout)).toEqual(OUTCOME);
});

test("the package works in Chromium", async () => {
  await using registry = await startRegistry();
  const { app } = registry;
  app.get<{ Params: { "*": string } }>("/client/*", async (request, reply) =>
    reply.type("text/javascript").send(readFileSync(join(CLIENT, request.params["*"]))),
  );
  app.get("/page", async (_request, reply) =>
    reply.type("text/html").send(`<script type="module">
      import * as client from "/client/dist/index.js";
      import { life } from "/client/test/runtimes/life.js";
      const options = { baseUrl: location.origin, token: "${OWNER_TOKEN}" };
      const body = JSON.stringify(await life(client, options).catch(String));
      const headers = { "content-type": "application/json" };
      await fetch("/outcome", { method: "POST", headers, body });
    </script>`),
  );
  const outcome = new Promise((resolve) => {
    app.post("/outcome", async (request) => resolve(request.body));
  });
  const origin = await app.listen({ port: 0, host: "127.0.0.1" });

  const profile = mkdtempSync(join(tmpdir(), "boxyard-chromium-"));
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`];
  const browser = spawn("chromium", [...flags, "--remote-debugging-port=0", `${origin}/page`], {
    stdio: "ignore",
  });
  try {
    expect(await outcome).toEqual(OUTCOME);
  } finally {
    browser.kill();
    await once(browser, "close");
    rmSync(profile, { recursive: true, maxRetries: 5 });
  }
});
