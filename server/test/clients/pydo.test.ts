/**
 * pydo, DigitalOcean's Python library, in a program that makes the calls that it is told of, against a server behind TLS,
 * which it insists on. Refusals that are documented it returns; all others it raises.
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DrivenProgram } from "../support/driven-program.ts";
import { anImage } from "../support/images.ts";
import { installedFile } from "../support/programs.ts";
import { OWNER_TOKEN, passwordIn, startRegistry, type TestRegistry } from "../support/registry.ts";
import { openTlsEnd } from "../support/tls-end.ts";

const image = anImage({ layers: 2 });
const newer = anImage({ seed: 2 });
const NONE = { returned: null };
const acme = { registry_name: "acme" };
const app = { ...acme, repository_name: "web/api" };

/** The older group's methods that name no registry, the newer one's do. */
const GROUPS = [
  { group: "registry", place: {} },
  { group: "registries", place: acme },
] as const;

// One life of a registry, from test to test.
describe.each(GROUPS)("pydo's $group", ({ group, place }) => {
  const resources = new AsyncDisposableStack();
  let registry: TestRegistry;
  let pydo: DrivenProgram;

  beforeAll(async () => {
    const end = resources.use(await openTlsEnd());
    registry = resources.use(await startRegistry({ publicUrl: end.origin }));
    end.leadTo(Number(new URL(await registry.app.listen({ port: 0, host: "127.0.0.1" })).port));
    const program = join(import.meta.dirname, "pydo/calls.py");
    pydo = resources.use(
      new DrivenProgram(installedFile("python/bin/python"), [
        program,
        end.origin.origin,
        OWNER_TOKEN,
        end.certificate,
      ]),
    );
  });

  afterAll(() => resources.disposeAsync());

  function call(method: string, args: object = {}) {
    return pydo.call(`${group}.${method}`, args);
  }

  test("finds no registry where there is none", async () => {
    // For the older group 404 is not documented.
    expect(await call("get", place)).toMatchObject(
      group === "registry"
        ? { raised: "ResourceNotFoundError", status: 404 }
        : { returned: { id: "not_found" } },
    );
    expect(await pydo.call("registries.list")).toMatchObject({ returned: { registries: [] } });
    expect(await call("delete", place)).toMatchObject({ returned: { id: "not_found" } });
  });

  test("creates one, after it has asked whether its name is free", async () => {
    expect(await call("validate_name", { body: { name: "acme" } })).toEqual(NONE);

    const body = { name: "acme", subscription_tier_slug: "basic", region: "fra1" };
    const created = await call("create", { body });

    expect(created).toMatchObject({ returned: { registry: { name: "acme", region: "fra1" } } });
    expect(await call("get", place)).toEqual(created);
    expect(await pydo.call("registries.list")).toMatchObject({
      returned: { registries: [{ name: "acme" }] },
    });
    expect(await call("validate_name", { body: { name: "acme" } })).toMatchObject({
      returned: { id: "conflict" },
    });
  });

  test("reads the options, and changes the tier", async () => {
    const { options } = (await call("get_options")).returned;
    expect(options.available_regions).toContain("fra1");
    expect(options.subscription_tiers).toHaveLength(3);

    expect((await call("get_subscription")).returned.subscription.tier.slug).toBe("basic");
    const changed = await call("update_subscription", { body: { tier_slug: "starter" } });
    expect(changed.returned.subscription.tier.slug).toBe("starter");
    expect(await call("get_subscription")).toEqual(changed);
    await call("update_subscription", { body: { tier_slug: "professional" } });
  });

  test("gives out credentials for docker", async () => {
    const { returned } = await call("get_docker_credentials", place);
    expect(await registry.grantsTo(passwordIn(returned))).toEqual(["pull"]);
    if (group === "registries") return;
    const query = { expiry_seconds: 600, read_write: true };
    const writer = await call("get_docker_credentials", query);
    expect(await registry.grantsTo(passwordIn(writer.returned))).toEqual(["pull", "push"]);
  });

  test("lists repositories, tags and manifests", async () => {
    await registry.push("acme/web/api", image, "v1");
    registry.passSeconds(1);
    await registry.push("acme/web/api", newer, "v2");
    await registry.push("acme/untagged", image);

    expect((await call("list_repositories_v2", acme)).returned).toMatchObject({
      repositories: [
        { name: "untagged", manifest_count: 1, latest_manifest: { digest: image.manifest.digest } },
        { name: "web/api", tag_count: 2, manifest_count: 2, latest_manifest: { tags: ["v2"] } },
      ],
      meta: { total: 2 },
    });
    expect((await pydo.call("registry.list_repositories", acme)).returned).toMatchObject({
      repositories: [{ name: "web/api", tag_count: 2, latest_tag: { tag: "v2" } }],
      meta: { total: 1 },
    });
    expect((await call("list_repository_tags", app)).returned).toMatchObject({
      tags: [
        { tag: "v2", manifest_digest: newer.manifest.digest },
        { tag: "v1", manifest_digest: image.manifest.digest },
      ],
      meta: { total: 2 },
    });
    expect((await call("list_repository_manifests", app)).returned).toMatchObject({
      manifests: [
        { digest: newer.manifest.digest, tags: ["v2"] },
        { digest: image.manifest.digest, blobs: image.blobs.map(({ digest }) => ({ digest })) },
      ],
      meta: { total: 2 },
    });
    const nowhere = { ...acme, repository_name: "nothing" };
    expect((await call("list_repository_tags", nowhere)).returned).toMatchObject({
      id: "not_found",
      message: "repository not found",
    });
  });

  test("turns pages by number, and by the token that a page gives", async () => {
    const first = (await call("list_repositories_v2", { ...acme, per_page: 1 })).returned;
    const page_token = new URL(first.links.pages.next).searchParams.get("page_token");
    const second = (await call("list_repositories_v2", { ...acme, per_page: 1, page_token })).returned;
    const names = [first, second].map(({ repositories }) => repositories[0].name);
    expect(names).toEqual(["untagged", "web/api"]);
    expect((await call("list_repositories_v2", { ...acme, page_token: "nonsense" })).returned.id).toBe(
      "bad_request",
    );

    const last = (await call("list_repository_tags", { ...app, per_page: 1, page: 2 })).returned;
    expect(last.tags).toMatchObject([{ tag: "v1" }]);
    expect(new URL(last.links.pages.first).protocol).toBe("https:");
  });

  test("deletes tags and manifests", async () => {
    expect(await call("delete_repository_tag", { ...app, repository_tag: "v1" })).toEqual(NONE);
    const manifest_digest = image.manifest.digest;
    for (const repository_name of ["web/api", "untagged"]) {
      expect(await call("delete_repository_manifest", { ...acme, repository_name, manifest_digest })).toEqual(
        NONE,
      );
    }
    expect((await call("delete_repository_manifest", { ...app, manifest_digest })).returned.id).toBe(
      "not_found",
    );
  });

  test("collects garbage", async () => {
    const { garbage_collection: run } = (await call("run_garbage_collection", acme)).returned;
    expect(run).toMatchObject({ status: "requested", type: "unreferenced blobs only" });
    expect((await call("get_garbage_collection", acme)).returned.garbage_collection.uuid).toBe(run.uuid);
    expect(await call("run_garbage_collection", acme)).toMatchObject({ status: 412 });
    const cancelled = { ...acme, garbage_collection_uuid: run.uuid, body: { cancel: true } };
    expect((await call("update_garbage_collection", cancelled)).returned).toMatchObject({
      garbage_collection: { uuid: run.uuid },
    });
    await expect.poll(statusOfNewest).toBe("cancelled");
    expect((await call("get_garbage_collection", acme)).returned.id).toBe("not_found");

    registry.passSeconds(3600);
    await call("run_garbage_collection", acme);
    await expect.poll(statusOfNewest).toBe("succeeded");
    expect((await call("list_garbage_collections", { ...acme, per_page: 1 })).returned).toMatchObject({
      garbage_collections: [{ blobs_deleted: image.blobs.length }],
      meta: { total: 2 },
    });
  });

  async function statusOfNewest(): Promise<string> {
    return (await call("list_garbage_collections", acme)).returned.garbage_collections[0].status;
  }

  test("deletes the registry, though a run is active", async () => {
    if (group === "registries") expect(await call("delete_repository", app)).toEqual(NONE);
    await call("run_garbage_collection", acme);
    expect(await call("delete", place)).toEqual(NONE);
    expect((await pydo.call("registries.list")).returned.registries).toEqual([]);
  });
});
