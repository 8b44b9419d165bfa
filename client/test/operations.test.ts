import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage } from "../../server/test/support/images.ts";
import { createClient, waitForGarbageCollection } from "../src/index.ts";
import { type Served, serve } from "./support/served.ts";

// Each operation, called by its method on a server.

const ACME = { registry_name: "acme" };
const WEB = { ...ACME, repository_name: "web/api" };
const images = [1, 2, 3].map((seed) => anImage({ seed }));
const [first, second, third] = images as [(typeof images)[0], (typeof images)[0], (typeof images)[0]];

let served: Served;
const called = new Set<string>();

const noteCall: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (response.ok) called.add(`${init?.method} ${new URL(String(input)).pathname}`);
  return response;
};

beforeAll(async () => {
  served = await serve({}, { fetch: noteCall });
});
afterAll(() => served[Symbol.asyncDispose]());

describe.each(["registry", "registries"] as const)("the family %s", (name) => {
  test("leads a registry through its life", async () => {
    const { registry, client } = served;
    const { [name]: family, registries } = client;

    expect(await family.validateName({ name: "acme" })).toBeUndefined();
    const created = await family.create({ name: "acme", subscription_tier_slug: "basic", region: "fra1" });
    expect(created.registry).toMatchObject({ name: "acme", region: "fra1", storage_usage_bytes: 0 });
    const { options } = await family.getOptions();
    expect(options.available_regions).toContain("fra1");
    expect(options.subscription_tiers.map(({ slug }) => slug)).toEqual(["starter", "basic", "professional"]);
    await family.updateSubscription({ tier_slug: "professional" });
    expect((await family.getSubscription()).subscription.tier.slug).toBe("professional");

    for (const [i, image] of images.entries()) await registry.push("acme/web/api", image, `v${i + 1}`);
    const { repositories } = await family.listRepositoriesV2({ ...ACME, per_page: 5 });
    expect(repositories).toMatchObject([{ name: "web/api", tag_count: 3, manifest_count: 3 }]);
    const { tags, meta } = await family.listRepositoryTags({ ...WEB, per_page: 2, page: 2 });
    expect([tags.map(({ tag }) => tag), meta.total]).toEqual([["v1"], 3]);
    await family.deleteRepositoryTag({ ...WEB, repository_tag: "v1" });
    const { manifests } = await family.listRepositoryManifests(WEB);
    expect(manifests.find(({ digest }) => digest === first.manifest.digest)?.tags).toEqual([]);
    await family.deleteRepositoryManifest({ ...WEB, manifest_digest: second.manifest.digest });

    const { garbage_collection: run } = await family.runGarbageCollection({
      ...ACME,
      type: "untagged manifests and unreferenced blobs",
    });
    expect((await family.getGarbageCollection(ACME)).garbage_collection.uuid).toBe(run.uuid);
    const cancelled = await family.updateGarbageCollection({
      ...ACME,
      garbage_collection_uuid: run.uuid,
      cancel: true,
    });
    expect(cancelled.garbage_collection.uuid).toBe(run.uuid);
    expect((await family.listGarbageCollections(ACME)).garbage_collections).toHaveLength(1);
    // Until it has ended, deletes are refused.
    await waitForGarbageCollection(client, run, { interval: 20 });

    if ("listRepositories" in family) {
      const { registry: only } = await family.get();
      expect(only.subscription?.tier.slug).toBe("professional");
      const listed = await family.listRepositories(ACME);
      expect(listed.repositories[0]?.latest_tag.manifest_digest).toBe(third.manifest.digest);
      const { auths } = await family.getDockerCredentials({ read_write: true, expiry_seconds: 60 });
      expect(Object.keys(auths)).toEqual([new URL(served.origin).host]);
      await family.delete();
    } else {
      const { uuid } = (await family.get(ACME)).registry;
      expect((await family.list({ uuid })).registries).toHaveLength(1);
      const { auths } = await family.getDockerCredentials({ ...ACME, read_write: false });
      expect(Object.keys(auths)).toHaveLength(1);
      await family.deleteRepository(WEB);
      await family.delete(ACME);
    }
    expect((await registries.list()).registries).toEqual([]);
  });
});

test("what DigitalOcean's API has no words for", async () => {
  const { registry, client } = served;
  const { boxyard } = client;
  await client.registries.create({ name: "acme" });
  await registry.push("acme/web/api", first, "v1");

  const garbage_collection = { schedule: { cron: "0 3 * * *" } };
  const { settings } = await boxyard.updateRegistrySettings({ ...ACME, public: true, garbage_collection });
  expect(settings).toMatchObject({ public: true, garbage_collection: { writes: null } });
  const back = await boxyard.updateRegistrySettings({ ...ACME, public: null });
  expect(await boxyard.getRegistrySettings(ACME)).toEqual(back);
  expect(back.settings.public).toBe(false);
  await boxyard.updateRepositorySettings({ ...WEB, sparse: true });
  expect((await boxyard.getRepositorySettings(WEB)).settings).toEqual({
    description: null,
    public: false,
    sparse: true,
  });
  const { preview } = await boxyard.previewGarbageCollection({
    ...ACME,
    type: "unreferenced blobs only",
    per_page: 1,
  });
  expect(preview).toMatchObject({ manifests_deleted: 0, held: { write_tokens: 1 } });
  expect((await boxyard.createSigningKey()).signing_key.id).toEqual(expect.any(String));
});

test("what the panel shows, and deletes", async () => {
  const { registry, client } = served;
  const { boxyard } = client;
  const digest = first.manifest.digest;
  const MANIFEST = { ...WEB, manifest_digest: digest };
  const { overview } = await boxyard.getOverview(ACME);
  expect(overview.counts).toEqual({ repositories: 1, tags: 1, manifests: 1 });
  expect((await boxyard.listRepositories({ ...ACME, sort: "size" })).repositories).toHaveLength(1);
  expect((await boxyard.getRepository(WEB)).repository.newest_tag).toBe("v1");
  expect((await boxyard.listTags({ ...WEB, q: "v" })).tags[0]?.digest).toBe(digest);
  expect((await boxyard.listManifests({ ...WEB, filter: "tagged" })).manifests).toHaveLength(1);
  expect((await boxyard.getManifest(MANIFEST)).manifest.layers).toHaveLength(1);
  expect(await boxyard.getManifestContent(MANIFEST)).toMatchObject({ schemaVersion: 2 });
  expect(await boxyard.getManifestConfig(MANIFEST)).toMatchObject({ os: "linux" });
  expect((await boxyard.listReferrers(MANIFEST)).referrers).toEqual([]);
  expect((await boxyard.listEvents({ ...ACME, kind: "push" })).events[0]?.repository).toBe("web/api");
  expect((await boxyard.search({ q: "web" })).results).toHaveLength(1);
  expect((await boxyard.getAbout()).about.public_url).toBe(served.origin);

  const { preview } = await boxyard.previewTagDeletion({ ...WEB, tags: ["v1"] });
  expect(preview.tag_names).toEqual(["v1"]);
  const { tag_deletion: deletion } = await boxyard.deleteTags({ ...WEB, matching: { q: "v1" } });
  const undone = await boxyard.undoTagDeletion({ ...WEB, tag_deletion_id: deletion.id });
  expect(undone.tag_deletion.restored).toBe(1);
  const { manifest_deletion } = await boxyard.deleteManifests({ ...WEB, digests: [digest] });
  expect(manifest_deletion).toEqual({ deleted: 1, tags_deleted: 1, missing: [] });
  await registry.push("acme/web/api", first, "v1");
});

test("tokens and accounts are made, listed and revoked", async () => {
  const { boxyard } = served.client;
  const scopes = ["registry:read" as const];
  const { token } = await boxyard.createToken({ name: "ci", scopes, expiry_seconds: 60 });
  expect((await boxyard.listTokens({ per_page: 1 })).tokens).toMatchObject([{ id: token.id, name: "ci" }]);
  expect(await boxyard.revokeToken({ token_id: String(token.id) })).toBeUndefined();

  const { account } = await boxyard.createAccount({ name: "team" });
  expect((await boxyard.listAccounts()).accounts).toContainEqual(account);
  const made = await boxyard.createAccountToken({ account_name: "team", name: "cd", scopes });
  const { tokens } = await boxyard.listAccountTokens({ account_name: "team" });
  expect(tokens.map(({ id }) => id)).toEqual([made.token.id]);
});

test("a session of the panel begins and ends", async () => {
  let cookie = "";
  const { boxyard } = createClient({
    baseUrl: served.origin,
    // As a browser keeps it.
    async fetch(input, init) {
      const headers = new Headers(init?.headers);
      headers.set("cookie", cookie);
      headers.set("x-boxyard-request", "panel");
      const response = await noteCall(input, { ...init, headers });
      cookie = response.headers.get("set-cookie")?.split(";", 1)[0] ?? cookie;
      return response;
    },
  });
  const { setup_link: link } = await served.client.boxyard.createSetupLink();
  const begun = await boxyard.createSession({ setup_code: new URL(link.url).hash.slice(1) });
  expect(begun.session.is_owner).toBe(true);
  expect((await boxyard.getSession()).session.token).toEqual(begun.session.token);
  expect(await boxyard.deleteSession()).toBeUndefined();
});

test("what clients ask when they log in and out", async () => {
  const { registry, client } = served;
  expect((await client.account.get()).account.status).toBe("active");
  const token = await registry.tokenWithScopes("registry:read");
  expect((await client.oauth.getTokenInfo()).scopes).toContain("registry:delete");
  expect(await client.oauth.revoke({ token })).toEqual({});
  expect((await registry.api("GET", "/v2/registries", { token })).status).toBe(401);
});

test("each operation of the management API in openapi.json was called, and succeeded", () => {
  const { paths } = JSON.parse(readFileSync(new URL("../../openapi.json", import.meta.url), "utf8"));
  const operations = Object.entries(paths as Record<string, Record<string, { tags: string[] }>>)
    // A stream is read with an EventSource.
    .filter(([path]) => !path.endsWith("/stream"))
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { tags }]) => !tags.includes("server"))
        .map(([method]) => [method.toUpperCase(), path] as const),
    );
  const missing = operations.filter(([method, path]) => {
    const pattern = new RegExp(`^${method} ${path.replace(/\{\w+\}/g, "[^/]+")}$`);
    return ![...called].some((one) => pattern.test(one));
  });
  expect(missing).toEqual([]);
});
