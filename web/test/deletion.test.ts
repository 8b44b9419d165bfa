import { afterAll, beforeAll, test } from "vitest";
import { anImage } from "../../server/test/support/images.ts";
import { expect, type ServedPanel, servePanel } from "./support/panel.ts";
import { push } from "./support/push.ts";

const REPOSITORY = "/registries/acme/repositories/app";
const TAGS = Array.from({ length: 60 }, (_, number) => `build-${number + 1}`);

let panel: ServedPanel;
beforeAll(async () => {
  panel = await servePanel();
  await push(panel.registry, "acme/app", anImage({ layerBytes: 100_000 }), ...TAGS);
  await push(panel.registry, "acme/app", anImage({ seed: 2 }), "kept");
});
afterAll(() => panel[Symbol.asyncDispose]());

test("many tags are deleted at once with a preview, and put back with undo", async () => {
  const page = await panel.visit();
  await page.goto(`${REPOSITORY}?sort=name&q=build`);
  await page.getByRole("checkbox", { name: "Select build-1", exact: true }).click();
  await page.getByRole("checkbox", { name: "Select build-11", exact: true }).click({ modifiers: ["Shift"] });
  await page.getByRole("button", { name: "Delete 11 tags" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete tags" });
  await expect(dialog.getByRole("list").first()).toContainText("build-11");
  await expect(dialog).toContainText("1 manifest stays tagged");
  await dialog.getByRole("button", { name: "Delete 11 tags" }).click();
  await expect(page.getByText("49 in all")).toBeVisible();
  await page.getByRole("button", { name: /Undo/ }).click();
  await expect(page.getByText("11 tags put back")).toBeVisible();
  await expect(page.getByText("60 in all")).toBeVisible();
});

test("all that match a search are selected with two clicks", async () => {
  const page = await panel.visit();
  await page.goto(`${REPOSITORY}?q=build-1`);
  await page.getByRole("checkbox", { name: "Select all that are loaded" }).click();
  await page.getByRole("button", { name: "Delete 11 tags" }).click();
  await expect(page.getByRole("dialog")).toContainText("11 tags will be deleted");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("who deletes a tag that somebody else has just deleted is told", async () => {
  const page = await panel.visit();
  await page.goto(`${REPOSITORY}?q=kept`);
  await page.getByRole("button", { name: "More for kept" }).click();
  await page.getByRole("menuitem", { name: "Delete 1 tag" }).click();
  await expect(page.getByRole("dialog")).toContainText("1 tag will be deleted");
  await panel.call("DELETE", "/v2/registries/acme/repositories/app/tags/kept");
  await page.getByRole("dialog").getByRole("button", { name: "Delete 1 tag" }).click();
  await expect(page.getByText("kept was deleted by somebody else before.")).toBeVisible();
});

test("a token without the scope sees the action, and which scope it lacks", async () => {
  const { token } = await panel.call<{ token: { secret: string } }>("POST", "/api/v1/tokens", {
    name: "reader",
    scopes: ["registry:read"],
  });
  const page = await panel.visit({ token: token.secret });
  await page.goto("/registries/acme/clean-up");
  const start = page.getByRole("button", { name: /^Start/ });
  await expect(start).toHaveAttribute("aria-disabled", "true");
  await start.hover();
  await expect(page.getByRole("tooltip")).toContainText("Your token lacks the scope registry:update.");
});

test("a collection is started, watched and found in the history", async () => {
  const page = await panel.visit();
  await page.goto("/registries/acme/clean-up");
  await page.getByRole("button", { name: /^Start/ }).click();
  await expect(page.getByRole("table", { name: "Runs before" })).toContainText("succeeded");
});
