/** godo, DigitalOcean's Go library, in a program that makes the calls that it is told of, against a server on a socket. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DrivenProgram } from "../support/driven-program.ts";
import { anImage } from "../support/images.ts";
import { OWNER_TOKEN, passwordIn, startRegistry, type TestRegistry } from "../support/registry.ts";

const image = anImage({ layers: 2 });
const newer = anImage({ seed: 2 });
const BOTH = "untagged manifests and unreferenced blobs";

/** The older service's methods that name no registry, the newer one's do. */
const SERVICES = [
  { service: "Registry", place: [] },
  { service: "Registries", place: ["acme"] },
] as const;

// One life of a registry, from test to test.
describe.each(SERVICES)("godo's $service", ({ service, place }) => {
  const resources = new AsyncDisposableStack();
  let registry: TestRegistry;
  let godo: DrivenProgram;

  beforeAll(async () => {
    registry = resources.use(await startRegistry());
    const origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
    godo = resources.use(new DrivenProgram("godo", [origin, OWNER_TOKEN]));
  });

  afterAll(() => resources.disposeAsync());

  function call(method: string, ...args: unknown[]) {
    return godo.call(`${service}.${method}`, ...args);
  }

  test("finds no registry where there is none", async () => {
    const refused = await call("Get", ...place);
    expect(refused.status).toBe(404);
    expect(refused.error).toMatch(/^GET \S+: 404 \(request "[0-9a-f-]{36}"\) \w/);
    expect(await godo.call("Registries.List")).toMatchObject({ status: 200, error: "" });
  });

  test("creates one, after it has asked whether its name is free", async () => {
    expect(await call("ValidateName", { name: "acme" })).toMatchObject({ status: 204, error: "" });

    const wanted = { name: "acme", subscription_tier_slug: "basic", region: "fra1" };
    const created = await call("Create", wanted);

    expect(created).toMatchObject({ status: 201, result: { name: "acme", region: "fra1" } });
    expect(await call("Get", ...place)).toMatchObject({ status: 200, result: created.result });
    expect((await call("ValidateName", { name: "acme" })).status).toBe(409);
  });

  test("finds it in the list, by its UUID too", async () => {
    const { result: listed } = await godo.call("Registries.List");
    expect(listed).toMatchObject([{ name: "acme" }]);
    const [{ uuid }] = listed;
    expect((await godo.call("Registries.ListByUUID", uuid)).result).toEqual(listed);
    expect((await godo.call("Registries.Get", uuid)).result.name).toBe("acme");
  });

  test("reads the options, and changes the tier", async () => {
    const { result: options } = await call("GetOptions");
    expect(options.available_regions).toContain("fra1");
    expect(options.subscription_tiers.map(({ slug }: { slug: string }) => slug)).toEqual([
      "starter",
      "basic",
      "professional",
    ]);

    expect((await call("GetSubscription")).result.tier).toMatchObject({ slug: "basic" });
    const changed = await call("UpdateSubscription", { tier_slug: "professional" });
    expect(changed).toMatchObject({ status: 200, result: { tier: { slug: "professional" } } });
    expect((await call("GetSubscription")).result).toEqual(changed.result);
    expect(await call("UpdateSubscription", { tier_slug: "golden" })).toMatchObject({ status: 422 });
  });

  test("gives out credentials for docker, which pull and push as is asked", async () => {
    const wanted = [
      [{ read_write: true, expiry_seconds: 600 }, ["pull", "push"]],
      [{ read_write: false }, ["pull"]],
    ] as const;
    for (const [request, granted] of wanted) {
      const { result } = await call("DockerCredentials", ...place, request);
      const config = JSON.parse(atob(result.DockerConfigJSON));
      expect(await registry.grantsTo(passwordIn(config))).toEqual(granted);
    }
  });

  test("lists repositories, tags and manifests", async () => {
    await registry.push("acme/web/api", image, "v1");
    registry.passSeconds(1);
    await registry.push("acme/web/api", newer, "v2");
    await registry.push("acme/untagged", image);

    const repositories = await call("ListRepositoriesV2", "acme", { PerPage: 20 });
    expect(repositories).toMatchObject({
      meta: { total: 2 },
      result: [
        { name: "untagged", manifest_count: 1, latest_manifest: { digest: image.manifest.digest } },
        { name: "web/api", tag_count: 2, manifest_count: 2, latest_manifest: { tags: ["v2"] } },
      ],
    });
    const tagged = await godo.call("Registry.ListRepositories", "acme", { Page: 1, PerPage: 200 });
    expect(tagged.result).toMatchObject([{ name: "web/api", tag_count: 2, latest_tag: { tag: "v2" } }]);

    expect(await call("ListRepositoryTags", "acme", "web/api", { PerPage: 20 })).toMatchObject({
      meta: { total: 2 },
      result: [
        { tag: "v2", manifest_digest: newer.manifest.digest },
        { tag: "v1", manifest_digest: image.manifest.digest },
      ],
    });
    expect(await call("ListRepositoryManifests", "acme", "web/api", {})).toMatchObject({
      meta: { total: 2 },
      result: [
        { digest: newer.manifest.digest, tags: ["v2"] },
        { digest: image.manifest.digest, blobs: image.blobs.map(({ digest }) => ({ digest })) },
      ],
    });
  });

  test("turns pages by number, and by the token that a page gives", async () => {
    const first = await call("ListRepositoriesV2", "acme", { PerPage: 1 });
    expect(first.result).toMatchObject([{ name: "untagged" }]);
    const next = new URL(first.links.pages.next);
    const Token = next.searchParams.get("page_token");
    const second = await call("ListRepositoriesV2", "acme", { PerPage: 1, Token });
    expect(second.result).toMatchObject([{ name: "web/api" }]);

    const last = await call("ListRepositoryTags", "acme", "web/api", { Page: 2, PerPage: 1 });
    expect(last.result).toMatchObject([{ tag: "v1" }]);
    expect(new URL(last.links.pages.prev).searchParams.get("page")).toBe("1");
    expect(last.links.pages.next ?? "").toBe("");
  });

  test("deletes tags and manifests", async () => {
    expect((await call("DeleteTag", "acme", "web/api", "v1")).status).toBe(204);
    const { digest } = image.manifest;
    for (const repository of ["web/api", "untagged"]) {
      expect((await call("DeleteManifest", "acme", repository, digest)).status).toBe(204);
    }
    expect((await call("DeleteManifest", "acme", "web/api", digest)).status).toBe(404);
    expect((await call("ListRepositoryTags", "acme", "web/api", {})).result).toMatchObject([{ tag: "v2" }]);
  });

  test("collects garbage", async () => {
    const started = await call("StartGarbageCollection", "acme");
    expect(started).toMatchObject({
      status: 201,
      result: { status: "requested", type: "unreferenced blobs only" },
    });
    const { uuid } = started.result;
    expect((await call("GetGarbageCollection", "acme")).result.uuid).toBe(uuid);
    expect((await call("StartGarbageCollection", "acme", { type: BOTH })).status).toBe(412);
    expect((await call("UpdateGarbageCollection", "acme", uuid, { cancel: true })).status).toBe(200);
    await expect.poll(statusOfNewest).toBe("cancelled");
    expect((await call("GetGarbageCollection", "acme")).status).toBe(404);

    registry.passSeconds(3600);
    expect((await call("StartGarbageCollection", "acme", { type: BOTH })).status).toBe(201);
    await expect.poll(statusOfNewest).toBe("succeeded");
    const { result, meta } = await call("ListGarbageCollections", "acme", { PerPage: 1 });
    expect(result).toMatchObject([{ type: BOTH, blobs_deleted: image.blobs.length }]);
    expect(meta).toEqual({ total: 2 });
  });

  async function statusOfNewest(): Promise<string> {
    return (await call("ListGarbageCollections", "acme", {})).result[0].status;
  }

  test("deletes the registry", async () => {
    expect((await call("Delete", ...place)).status).toBe(204);
    expect((await call("Get", ...place)).status).toBe(404);
  });
});
