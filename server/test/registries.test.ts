import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

// Several registries of one account: the newer family of routes, beside the older one.

const ACME = anImage();
const STAGING = anImage({ seed: 2, layers: 2 });

function bytesOf(image: typeof ACME): number {
  return image.blobs.reduce((sum, blob) => sum + blob.content.length, 0);
}

describeOnBothDatabases("several registries", (database) => {
  let registry: TestRegistry;
  let foreigner: string;
  beforeAll(async () => {
    // Usage is added up in the background, and a registry tells when: here nothing changes between two questions.
    registry = await startRegistry({ database, background: false });
    foreigner = await registry.addAccount("foreign");
    for (const [name, region] of [["acme"], ["staging", "syd1"]]) {
      mustBe(201, await registry.api("POST", "/v2/registries", { body: { name, region } }));
    }
    await registry.push("acme/app", ACME, "v1");
    await registry.push("staging/app", STAGING, "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function get(url: string, token = OWNER_TOKEN): Promise<Answer["json"]> {
    return mustBe(200, await registry.api("GET", url, { token })).json;
  }

  test("are listed, oldest first, with what each stores and all together", async () => {
    const { registries, total_storage_usage_bytes: total } = await get("/v2/registries");
    expect(registries).toEqual([
      expect.objectContaining({ name: "acme", region: "nyc3", storage_usage_bytes: bytesOf(ACME) }),
      expect.objectContaining({ name: "staging", region: "syd1", storage_usage_bytes: bytesOf(STAGING) }),
    ]);
    for (const { subscription } of registries) expect(subscription.tier.slug).toBe("professional");
    expect(total).toBe(bytesOf(ACME) + bytesOf(STAGING));
    expect(
      (await get("/v2/registries", foreigner)).registries.map(({ name }: { name: string }) => name),
    ).toEqual(["foreign"]);
  });

  test("are listed to Terraform's data sources with the oldest beside the list", async () => {
    const { registry: oldest, ...list } = await get("/v2/registries/");
    expect(list).toEqual(await get("/v2/registries"));
    expect(oldest).toEqual(list.registries[0]);
    await using empty = await startRegistry({ database });
    expect((await empty.api("GET", "/v2/registries/")).status).toBe(404);
    const answer = await empty.api("GET", "/v2/registries");
    expect([answer.status, answer.json]).toEqual([200, { registries: [], total_storage_usage_bytes: 0 }]);
  });

  test("are found by name and by UUID, each without the subscription", async () => {
    const { registries } = await get("/v2/registries");
    for (const { subscription: _, ...listed } of registries) {
      for (const key of [listed.name, listed.uuid]) {
        expect(await get(`/v2/registries/${key}`)).toEqual({ registry: listed });
        expect((await registry.api("GET", `/v2/registries/${key}`, { token: foreigner })).status).toBe(404);
      }
      const found = await get(`/v2/registries?uuid=${listed.uuid}`);
      expect(found.registries.map(({ name }: { name: string }) => name)).toEqual([listed.name]);
    }
    expect((await get("/v2/registries?uuid=nothing")).registries).toEqual([]);
  });

  test.each(["registry", "registries"])(
    "have their lists below /v2/%s, and links within it",
    async (family) => {
      await registry.push("staging/b", STAGING, "v1");
      const { repositories, links } = await get(`/v2/${family}/staging/repositoriesV2?per_page=1`);
      expect(repositories[0].registry_name).toBe("staging");
      for (const link of [links.pages.next, links.pages.last]) {
        expect(new URL(link).pathname).toBe(`/v2/${family}/staging/repositoriesV2`);
      }
      const path = `/v2/${family}/staging/repositories/app/tags`;
      await registry.push("staging/app", STAGING, "v2");
      expect(new URL((await get(`${path}?per_page=1`)).links.pages.next).pathname).toBe(path);
    },
  );

  test("have credentials of their own; without a name they are for the oldest", async () => {
    const asked = [
      ["/v2/registry/docker-credentials", "acme"],
      ["/v2/registries/acme/docker-credentials", "acme"],
      ["/v2/registries/staging/docker-credentials", "staging"],
    ] as const;
    for (const [url, opened] of asked) {
      const { auths } = await get(`${url}?read_write=true&expiry_seconds=600`);
      const [{ auth }] = Object.values(auths) as [{ auth: string }];
      const [, secret] = Buffer.from(auth, "base64").toString().split(":");
      for (const name of ["acme", "staging"]) {
        const answer = await registry.askForToken(`repository:${name}/app:pull,push`, secret);
        const [, payload = ""] = answer.json.token.split(".");
        const { access } = JSON.parse(Buffer.from(payload, "base64url").toString());
        expect(access).toHaveLength(name === opened ? 1 : 0);
      }
    }
  });

  test("are each deleted by name, with their credentials, and leave the others", async () => {
    mustBe(201, await registry.api("POST", "/v2/registries", { body: { name: "short-lived" } }));
    await registry.push("short-lived/app", ACME, "v1");
    const refused = await registry.api("DELETE", "/v2/registries/short-lived", { token: foreigner });
    expect(refused.status).toBe(404);

    mustBe(204, await registry.api("DELETE", "/v2/registries/short-lived"));
    expect((await registry.api("GET", "/v2/registries/short-lived")).status).toBe(404);
    expect((await registry.api("DELETE", "/v2/registries/short-lived")).status).toBe(404);
    expect((await get("/v2/registries/acme/repositories/app/tags")).meta.total).toBe(1);
  });

  test("are created with a tier named that is not theirs, which changes nothing", async () => {
    const body = { name: "third", subscription_tier_slug: "basic" };
    const { json } = mustBe(201, await registry.api("POST", "/v2/registries", { body }));
    expect(json.registry).not.toHaveProperty("subscription");
    expect((await get("/v2/registries/subscription")).subscription.tier.slug).toBe("professional");
    mustBe(204, await registry.api("DELETE", "/v2/registries/third"));
  });

  test.each([1, 2, 3])("of one name, asked for at once, are one (%i)", async (time) => {
    const name = `wanted-${time}`;
    const create = (path: string, token: string) => registry.api("POST", path, { body: { name }, token });
    const answers = await Promise.all([
      create("/v2/registries", OWNER_TOKEN),
      create("/v2/registries", foreigner),
      create("/v2/registries", OWNER_TOKEN),
      create("/v2/registry", OWNER_TOKEN),
      create("/v2/registries", foreigner),
    ]);
    expect(answers.map(({ status }) => status).filter((status) => status === 201)).toHaveLength(1);
    for (const { status } of answers) expect([201, 409, 422]).toContain(status);
    for (const token of [OWNER_TOKEN, foreigner]) {
      await registry.api("DELETE", `/v2/registries/${name}`, { token });
    }
  });
});

describe("the older list of repositories", () => {
  test("has those with tags, each with its newest, and counts them", async () => {
    await using registry = await startRegistry();
    await registry.createRegistry("acme");
    await registry.push("acme/b", ACME, "old");
    registry.passSeconds(1);
    await registry.push("acme/b", STAGING, "new");
    await registry.push("acme/a", ACME, "v1");
    await registry.push("acme/untagged", ACME);

    const url = "/v2/registry/acme/repositories";
    const { json } = await registry.api("GET", url);
    const tag = (name: string, image: typeof ACME, repository: string) => ({
      registry_name: "acme",
      repository,
      tag: name,
      manifest_digest: image.manifest.digest,
      compressed_size_bytes: bytesOf(image),
      size_bytes: expect.any(Number),
      updated_at: expect.stringMatching(/Z$/),
    });
    expect(json).toEqual({
      repositories: [
        { registry_name: "acme", name: "a", latest_tag: tag("v1", ACME, "a"), tag_count: 1 },
        { registry_name: "acme", name: "b", latest_tag: tag("new", STAGING, "b"), tag_count: 2 },
      ],
      links: {},
      meta: { total: 2 },
    });

    const names = async () =>
      (await registry.api("GET", url)).json.repositories.map(({ name }: { name: string }) => name);
    for (const name of ["new", "old"]) {
      await registry.api("DELETE", `/v2/registry/acme/repositories/b/tags/${name}`);
    }
    expect(await names()).toEqual(["a"]);
    await registry.push("acme/b", ACME, "again");
    expect(await names()).toEqual(["a", "b"]);
    await registry.api("DELETE", `/v2/registry/acme/repositories/b/digests/${ACME.manifest.digest}`);
    await registry.api("DELETE", "/v2/registries/acme/repositories/a");
    expect((await registry.api("GET", url)).json).toEqual({
      repositories: [],
      links: {},
      meta: { total: 0 },
    });
    expect((await registry.api("GET", "/v2/registry/acme/repositoriesV2")).json.meta.total).toBe(2);
  });
});
