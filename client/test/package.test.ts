import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";

const CLIENT = join(import.meta.dirname, "..");

test("the package is 12 kB at most, minified and compressed", async () => {
  await using bundle = await rolldown({ input: join(CLIENT, "dist/index.js"), platform: "browser" });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  expect(output).toHaveLength(1);
  expect(gzipSync(output[0].code).length).toBeLessThanOrEqual(12_000);
});

test("the package needs nothing but the runtime's own fetch", () => {
  const manifest = JSON.parse(readFileSync(join(CLIENT, "package.json"), "utf8"));
  expect([manifest.dependencies, manifest.peerDependencies]).toEqual([undefined, undefined]);
  for (const file of readdirSync(join(CLIENT, "dist")).filter((name) => name.endsWith(".js"))) {
    const imports = [...readFileSync(join(CLIENT, "dist", file), "utf8").matchAll(/ from "([^"]+)"/g)];
    for (const [, specifier] of imports) expect(specifier).toMatch(/^\.\//);
  }
});
