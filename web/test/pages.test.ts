import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { expect } from "@playwright/test";
import { afterAll, beforeAll, describe, test } from "vitest";
import { anImage, anIndexOfTwo } from "../../server/test/support/images.ts";
import { type ServedPanel, servePanel } from "./support/panel.ts";
import { push, pushReferrer } from "./support/push.ts";

/** Git ignores it; a run fills it, for people to look at. */
const SCREENSHOTS = join(import.meta.dirname, "../screenshots");
const REPOSITORY = "/registries/acme/repositories/team%2Fapp";
const index = anIndexOfTwo();

const PAGES: Readonly<Record<string, string>> = {
  overview: "/registries/acme",
  repositories: "/registries/acme/repositories",
  "no repository found": "/registries/acme/repositories?q=nothing",
  tags: REPOSITORY,
  manifests: `${REPOSITORY}/manifests`,
  referrers: `${REPOSITORY}/referrers`,
  "activity of a repository": `${REPOSITORY}/activity`,
  "settings of a repository": `${REPOSITORY}/settings`,
  layers: `${REPOSITORY}/manifests/${index.manifest.digest}?tag=latest`,
  dockerfile: `${REPOSITORY}/manifests/${index.manifest.digest}?view=dockerfile`,
  config: `${REPOSITORY}/manifests/${index.manifest.digest}?view=config`,
  "referrers of a manifest": `${REPOSITORY}/manifests/${index.manifest.digest}?view=referrers`,
  raw: `${REPOSITORY}/manifests/${index.manifest.digest}?view=raw`,
  "clean-up": "/registries/acme/clean-up",
  activity: "/registries/acme/activity",
  settings: "/registries/acme/settings",
  access: "/access",
  registries: "/registries",
  plan: "/plan",
  about: "/about",
  "not found": "/nowhere",
  "getting started": "/registries/empty",
  "repository that is not there": "/registries/acme/repositories/missing",
};

let panel: ServedPanel;
beforeAll(async () => {
  panel = await servePanel({ registries: ["acme", "empty"] });
  await push(panel.registry, "acme/team/app", index, "latest", "1.9", "1.10");
  await push(panel.registry, "acme/tools", anImage({ layers: 2, seed: 9 }), "v1");
  await pushReferrer(panel.registry, "acme/team/app", index.manifest, "application/spdx+json");
  mkdirSync(SCREENSHOTS, { recursive: true });
});
afterAll(() => panel[Symbol.asyncDispose]());

describe.each(["light", "dark"] as const)("in the %s theme", (colorScheme) => {
  test.each([1280, 390])("every page is accessible and fits a width of %i", async (width) => {
    const page = await panel.visit({ colorScheme, width });
    for (const [name, path] of Object.entries(PAGES)) {
      await page.goto(path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
      await page.screenshot({ path: join(SCREENSHOTS, `${name} ${colorScheme} ${width}.png`) });
      const { violations } = await new AxeBuilder({ page }).analyze();
      const found = violations.map(({ id, nodes }) => `${name}: ${id} at ${nodes[0]?.target.join(" ")}`);
      expect(found).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth"), name).toBeLessThanOrEqual(width);
    }
    expect(panel.complaints).toEqual([]);
  });
});

test("an image for two platforms is one row with a chip for each", async () => {
  const page = await panel.visit();
  await page.goto(REPOSITORY);
  const row = page.getByRole("row", { name: /latest/ });
  await expect(row).toContainText("linux/amd64");
  await expect(row).toContainText("linux/arm64/v8");
  await expect(page.getByRole("table", { name: "Tags" })).not.toContainText("unknown");
});

test("tags sort by name as people count", async () => {
  const page = await panel.visit();
  await page.goto(`${REPOSITORY}?sort=name`);
  const table = page.getByRole("table", { name: "Tags" });
  await expect(table.getByRole("columnheader", { name: "Tag" })).toHaveAttribute("aria-sort", "ascending");
  await expect(table.getByRole("rowheader").or(table.locator("td a"))).toHaveText(["1.9", "1.10", "latest"]);
});

test("the first push to an empty registry shows by itself", async () => {
  const page = await panel.visit();
  await page.goto("/registries/empty");
  await expect(page.getByText("Waiting for your first push")).toBeVisible();
  await push(panel.registry, "empty/first", anImage({ seed: 4 }), "v1");
  await expect(page.getByRole("link", { name: "first" }).first()).toBeVisible();
});
