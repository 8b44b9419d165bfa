import { afterAll, beforeAll, test } from "vitest";
import { OWNER_TOKEN } from "../../server/test/support/registry.ts";
import { expect, type ServedPanel, servePanel } from "./support/panel.ts";

let panel: ServedPanel;
beforeAll(async () => {
  panel = await servePanel();
});
afterAll(() => panel[Symbol.asyncDispose]());

test("who signs in with a token comes to the page that was asked for", async () => {
  const page = await panel.visit({ token: undefined });
  await page.goto("/plan");
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await page.getByLabel("API token").fill(OWNER_TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { name: "Plan and limits" })).toBeVisible();
  await expect(page).toHaveURL("/plan");
});

test("signing in and the overview take at most 250 kB of JavaScript, as gzip has it", async () => {
  const page = await panel.visit({ token: undefined });
  const scripts = new Set<string>();
  page.on("response", (response) => {
    if (response.url().endsWith(".js")) scripts.add(response.url());
  });
  await page.goto("/");
  await page.getByLabel("API token").fill(OWNER_TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Waiting for your first push")).toBeVisible();
  const sizes = await Promise.all(
    [...scripts].map(async (url) => {
      const answer = await fetch(`${url}.gz`);
      return (await answer.bytes()).length;
    }),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(250_000);
});

test("a token that opens nothing is refused in a sentence, and can be typed again", async () => {
  const page = await panel.visit({ token: undefined });
  await page.goto("/sign-in");
  await page.getByLabel("API token").fill("bxy_wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByLabel("API token")).toHaveValue("bxy_wrong");
});

test("a setup link opens the panel once", async () => {
  const { setup_link: link } = await panel.call<{ setup_link: { url: string } }>(
    "POST",
    "/api/v1/setup-links",
  );
  const { pathname, hash } = new URL(link.url);
  const page = await panel.visit({ token: undefined });
  await page.goto(pathname + hash);
  await page.getByRole("button", { name: "Open the panel" }).click();
  await expect(page).toHaveURL("/registries/acme");

  const other = await panel.visit({ token: undefined });
  await other.goto(pathname + hash);
  await other.getByRole("button", { name: "Open the panel" }).click();
  await expect(other.getByRole("alert")).toBeVisible();
  await expect(other.getByRole("button", { name: "Copy boxyard admin link" })).toBeVisible();
});

test("signing out ends the session on the server", async () => {
  const page = await panel.visit();
  await page.goto("/about");
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  expect((await page.request.get("/api/v1/session")).status()).toBe(401);
});

test("a session that has ended comes back to the same page after signing in", async () => {
  const page = await panel.visit();
  await page.goto("/registries");
  await expect(page.getByRole("heading", { name: "Registries" })).toBeVisible();
  await page.request.delete("/api/v1/session", { headers: { "x-boxyard-request": "panel" } });
  await page.reload();
  await page.getByLabel("API token").fill(OWNER_TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/registries");
});

test("the browser is never sent to another site after signing in", async () => {
  const page = await panel.visit({ token: undefined });
  await page.goto("/sign-in?return=//example.com/");
  await page.getByLabel("API token").fill(OWNER_TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page).toHaveURL("/registries/acme");
});
