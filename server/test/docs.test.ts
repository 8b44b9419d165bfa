import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { describeApi, OPENAPI_FILE } from "../openapi.ts";
import { RESPONSES as API } from "../src/api/errors.ts";
import { helpText } from "../src/config.ts";
import { RESPONSES as OCI } from "../src/oci/errors.ts";

function page(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
}

describe("the catalogue of errors", () => {
  const rows = page("errors.md")
    .split("\n")
    .filter((line) => /^\| [A-Z_]+ \|/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));

  test("has every code once, in order, with a cause and a remedy", () => {
    expect(rows.map(([, code]) => code)).toEqual(Object.keys(OCI).sort());
    for (const [, , , , cause, remedy] of rows) expect([cause, remedy]).not.toContain("");
  });

  test.each(rows.map(([, code = "", oci, api]) => ({ code, oci, api })))(
    "says how each plane answers $code",
    ({ code, oci, api }) => {
      const [status, word] = OCI[code as keyof typeof OCI];
      const [apiStatus, id] = API[code as keyof typeof API];
      expect([oci, api]).toEqual([`${status} \`${word}\``, `${apiStatus} \`${id}\``]);
    },
  );
});

test("the page of settings is what --help prints", () => {
  expect(page("settings.md")).toContain(`\`\`\`text\n${helpText()}\`\`\`\n`);
});

test("openapi.json is what the routes say; `npm run openapi` writes it", async () => {
  expect(readFileSync(OPENAPI_FILE, "utf8")).toBe(await describeApi());
});
