/** dots, DigitalOcean's TypeScript library, against a server on a socket. Every refusal it throws, as a plain object. */
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage } from "../support/images.ts";
import { installedFile } from "../support/programs.ts";
import { OWNER_TOKEN, passwordIn, startRegistry, type TestRegistry } from "../support/registry.ts";

// biome-ignore lint/suspicious/noExplicitAny: it is installed beside the checkout, where no compiler finds its types.
type Untyped = any;

const image = anImage({ layers: 2 });
const newer = anImage({ seed: 2 });

// One life of a registry, from test to test.
describe.each(["registry", "registries"] as const)("dots' %s", (family) => {
  const resources = new AsyncDisposableStack();
  let registry: TestRegistry;
  let host: string;
  /** The calls of the whole API, of the family, and of its registry; those about one registry are elsewhere in each. */
  let v2: Untyped;
  let group: Untyped;
  let acme: Untyped;
  let only: Untyped;

  beforeAll(async () => {
    registry = resources.use(await startRegistry());
    const origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
    host = new URL(origin).host;
    v2 = await openDots(origin);
    group = v2[family];
    acme = group.byRegistry_name("acme");
    only = family === "registry" ? group : acme;
  });

  afterAll(() => resources.disposeAsync());

  test("finds no registry where there is none", async () => {
    await expect(only.get()).rejects.toMatchObject({
      responseStatusCode: 404,
      id: "not_found",
      messageEscaped: expect.stringMatching(/\w/),
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect((await v2.registries.get()).registries).toEqual([]);
  });

  test("creates one, after it has asked whether its name is free", async () => {
    await group.validateName.post({ name: "acme" });

    const { registry: created } = await group.post({
      name: "acme",
      subscriptionTierSlug: "basic",
      region: "fra1",
    });

    expect(created).toMatchObject({ name: "acme", region: "fra1", createdAt: expect.any(Date) });
    expect((await only.get()).registry).toEqual(created);
    expect((await v2.registries.get()).registries).toMatchObject([{ name: "acme" }]);
    await expect(group.validateName.post({ name: "acme" })).rejects.toMatchObject({
      responseStatusCode: 409,
      id: "conflict",
    });
    await expect(group.post({ name: "A" })).rejects.toMatchObject({ responseStatusCode: 422 });
  });

  test("reads the options, and changes the tier", async () => {
    const { options } = await group.optionsPath.get();
    expect(options.availableRegions).toContain("fra1");
    expect(options.subscriptionTiers).toMatchObject([
      { slug: "starter", includedRepositories: 1, eligible: true },
      { slug: "basic", allowStorageOverage: true },
      { slug: "professional", includedRepositories: 0 },
    ]);

    expect((await group.subscription.get()).subscription.tier).toMatchObject({ slug: "basic" });
    const { subscription } = await group.subscription.post({ tierSlug: "professional" });
    expect(subscription).toMatchObject({ tier: { slug: "professional" }, updatedAt: expect.any(Date) });
    expect((await group.subscription.get()).subscription).toEqual(subscription);
  });

  test("gives out credentials for docker", async () => {
    const options = { queryParameters: { expirySeconds: 600, readWrite: true } };
    const { auths } = await only.dockerCredentials.get(family === "registry" ? options : undefined);
    // For another host than DigitalOcean's there is no property.
    const { auth } = auths.additionalData[host];
    const granted = family === "registry" ? ["pull", "push"] : ["pull"];
    expect(await registry.grantsTo(passwordIn({ auths: { [host]: { auth } } }))).toEqual(granted);
  });

  test("lists repositories, tags and manifests", async () => {
    await registry.push("acme/web/api", image, "v1");
    registry.passSeconds(1);
    await registry.push("acme/web/api", newer, "v2");
    await registry.push("acme/untagged", image);

    expect(await acme.repositoriesV2.get()).toMatchObject({
      repositories: [
        { name: "untagged", manifestCount: 1, latestManifest: { digest: image.manifest.digest } },
        { name: "web/api", tagCount: 2, manifestCount: 2, latestManifest: { tags: ["v2"] } },
      ],
      meta: { total: 2 },
    });
    expect(await v2.registry.byRegistry_name("acme").repositories.get()).toMatchObject({
      repositories: [{ name: "web/api", tagCount: 2, latestTag: { tag: "v2" } }],
      meta: { total: 1 },
    });
    const app = acme.repositories.byRepository_name("web/api");
    expect(await app.tags.get()).toMatchObject({
      tags: [
        { tag: "v2", manifestDigest: newer.manifest.digest },
        { tag: "v1", manifestDigest: image.manifest.digest },
      ],
      meta: { total: 2 },
    });
    expect(await app.digests.get()).toMatchObject({
      manifests: [
        { digest: newer.manifest.digest, tags: ["v2"] },
        { digest: image.manifest.digest, blobs: image.blobs.map(({ digest }) => ({ digest })) },
      ],
      meta: { total: 2 },
    });
    await expect(acme.repositories.byRepository_name("nothing").tags.get()).rejects.toMatchObject({
      id: "not_found",
      messageEscaped: "repository not found",
    });
  });

  test("turns pages by number, and by the token that a page gives", async () => {
    const first = await acme.repositoriesV2.get({ queryParameters: { perPage: 1 } });
    // It takes every page for the last one: links forward are none of its properties.
    const { next } = first.links.pages.additionalData;
    const pageToken = new URL(next).searchParams.get("page_token");
    const second = await acme.repositoriesV2.get({ queryParameters: { perPage: 1, pageToken } });
    const names = [first, second].map(({ repositories }) => repositories[0].name);
    expect(names).toEqual(["untagged", "web/api"]);

    const { tags, links } = await acme.repositories
      .byRepository_name("web/api")
      .tags.get({ queryParameters: { perPage: 1, page: 2 } });
    expect(tags).toMatchObject([{ tag: "v1" }]);
    expect(new URL(links.pages.prev).searchParams.get("page")).toBe("1");
  });

  test("deletes tags, manifests and repositories", async () => {
    const app = acme.repositories.byRepository_name("web/api");
    await app.tags.byRepository_tag("v1").delete();
    await app.digests.byManifest_digest(image.manifest.digest).delete();
    expect((await app.tags.get()).tags).toMatchObject([{ tag: "v2" }]);
    await expect(app.digests.byManifest_digest(image.manifest.digest).delete()).rejects.toMatchObject({
      responseStatusCode: 404,
    });

    const untagged = v2.registries.byRegistry_name("acme").repositories.byRepository_name("untagged");
    await untagged.delete();
    expect((await acme.repositoriesV2.get()).repositories).toMatchObject([{ name: "web/api" }]);
  });

  test("collects garbage", async () => {
    // The older family's call wants a type, the newer one's takes none.
    const type = family === "registry" ? { type: "untagged manifests only" } : undefined;
    const { garbageCollection: run } = await acme.garbageCollection.post(type);
    expect(run).toMatchObject({ status: "requested", registryName: "acme" });
    expect((await acme.garbageCollection.get()).garbageCollection.uuid).toBe(run.uuid);
    await expect(acme.garbageCollection.post(type)).rejects.toMatchObject({ responseStatusCode: 412 });
    await acme.garbageCollection.byGarbage_collection_uuid(run.uuid).put({ cancel: true });
    await expect.poll(statusOfNewest).toBe("cancelled");
    await expect(acme.garbageCollection.get()).rejects.toMatchObject({ responseStatusCode: 404 });

    registry.passSeconds(3600);
    await v2.registries.byRegistry_name("acme").garbageCollection.post();
    await expect.poll(statusOfNewest).toBe("succeeded");
    const { garbageCollections } = await acme.garbageCollections.get({ queryParameters: { perPage: 1 } });
    expect(garbageCollections).toMatchObject([
      { blobsDeleted: image.blobs.length, createdAt: expect.any(Date) },
    ]);
  });

  async function statusOfNewest(): Promise<string> {
    return (await acme.garbageCollections.get()).garbageCollections[0].status;
  }

  test("deletes the registry", async () => {
    await only.delete();
    expect((await v2.registries.get()).registries).toEqual([]);
  });
});

/** The library's way in, for the owner. */
async function openDots(origin: string): Promise<Untyped> {
  const load = (path: string): Promise<Untyped> =>
    import(/* @vite-ignore */ pathToFileURL(installedFile(`dots/node_modules/${path}`)).href);
  const { createDigitalOceanClient, DigitalOceanApiKeyAuthenticationProvider } = await load(
    "@digitalocean/dots/index.js",
  );
  const { FetchRequestAdapter } = await load("@microsoft/kiota-http-fetchlibrary/dist/es/src/index.js");
  const adapter = new FetchRequestAdapter(new DigitalOceanApiKeyAuthenticationProvider(OWNER_TOKEN));
  adapter.baseUrl = origin;
  return createDigitalOceanClient(adapter).v2;
}
