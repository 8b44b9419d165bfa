import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { OPENAPI_FILE } from "../../openapi.ts";
import { anImage } from "../support/images.ts";
import { installedFile } from "../support/programs.ts";
import { OWNER_TOKEN, startRegistry } from "../support/registry.ts";

// schemathesis makes requests from our own document, right ones and wrong ones, and holds the answers to it.

/**
 * Left out is what the API's clients want otherwise: numbers of pages are clamped, names say more than their schema does
 * what is wrong with them, and what is no operation is 404.
 */
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "ignored_auth",
];

test("whatever is asked, the server answers as its document says, and never with 500", {
  timeout: 180_000,
}, async () => {
  await using registry = await startRegistry();
  await registry.createRegistry("acme");
  await registry.push("acme/app", anImage(), "v1");
  const origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
  const folder = mkdtempSync(join(tmpdir(), "boxyard-schemathesis-"));
  try {
    const document = join(folder, "openapi.json");
    writeFileSync(document, withoutDefaults(readFileSync(OPENAPI_FILE, "utf8")));
    const child = spawn(
      installedFile("python/bin/schemathesis"),
      [
        ...["run", document, "--url", origin, "--header", `Authorization: Bearer ${OWNER_TOKEN}`],
        ...["--checks", CHECKS.join(","), "--continue-on-failure", "--no-shrink"],
        ...["--max-examples", "20", "--request-timeout", "10", "--warnings", "off"],
      ],
      { cwd: folder, stdio: ["ignore", "pipe", "inherit"], timeout: 120_000 },
    );
    const closed = once(child, "close");
    const report = await text(child.stdout);
    const [code] = await closed;
    expect(code, report).toBe(0);
    expect(report).toMatch(/Test cases:\s+\d{3,} generated/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The document without the answers that stand for all that it does not name: with them every status would be documented. */
function withoutDefaults(document: string): string {
  return JSON.stringify(JSON.parse(document), (key, value) =>
    key === "responses" ? { ...value, default: undefined } : value,
  );
}
