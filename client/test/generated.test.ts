import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generate } from "../generate.ts";

test.each(generate())("$file is what openapi.json says; `npm run openapi` writes it", ({ file, content }) => {
  expect(readFileSync(join(import.meta.dirname, "..", file), "utf8")).toBe(content);
});
