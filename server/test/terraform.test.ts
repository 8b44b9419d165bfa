import { describe, expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  type Method,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

// Terraform's provider (2.99): its calls, in its order and with its bodies.

/** What a resource has in a configuration. */
interface Wanted {
  name: string;
  subscription_tier_slug: string;
  region?: string;
}

/** The newer resource, and the one for an account's only registry: they differ in how they create. */
const RESOURCES = [
  ["digitalocean_container_registry", "/v2/registry"],
  ["digitalocean_container_registries", "/v2/registries"],
] as const;

const LONGEST_LIFE_SECONDS = 1_576_800_000;

describe.each(RESOURCES)("Terraform's %s", (_resource, collection) => {
  const wanted = { name: "acme", subscription_tier_slug: "basic", region: "fra1" };

  test("is created, and planned again without drift", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, wanted);

    expect(state).toMatchObject({
      id: "acme",
      name: "acme",
      region: "fra1",
      subscription_tier_slug: "basic",
      storage_usage_bytes: 0,
    });
    expect(await refresh(registry, "acme")).toEqual(state);
  });

  test("is given a region where the configuration names none", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, { name: "acme", subscription_tier_slug: "starter" });

    expect(state?.region).toMatch(/^[a-z]{3}\d$/);
    expect(await refresh(registry, "acme")).toEqual(state);
  });

  test("does not drift while images are pushed, but for what is stored", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, wanted);
    const image = anImage();
    await registry.push("acme/app", image, "v1");

    const bytes = image.blobs.reduce((sum, { content }) => sum + content.length, 0);
    expect(await refresh(registry, "acme")).toEqual({ ...state, storage_usage_bytes: bytes });
  });

  test("changes its tier in place", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, wanted);

    const changed = await send(registry, "POST", "/v2/registries/subscription", {
      tier_slug: "professional",
    });

    expect(mustBe(200, changed).json.subscription.tier.slug).toBe("professional");
    expect(await refresh(registry, "acme")).toEqual({ ...state, subscription_tier_slug: "professional" });
  });

  test("says why it cannot change its tier, and stays on the one that it has", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, wanted);
    for (const repository of ["one", "two"]) await registry.push(`acme/${repository}`, anImage(), "v1");

    const refused = await send(registry, "POST", "/v2/registries/subscription", { tier_slug: "starter" });

    expect(refused.status).toBe(412);
    expect(refused.json.message).toContain("OverRepositoryLimit");
    expect((await refresh(registry, "acme"))?.subscription_tier_slug).toBe(state?.subscription_tier_slug);
  });

  test("is imported by its name", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, wanted);
    // An import knows the id alone, and reads.
    expect(await refresh(registry, "acme")).toEqual(state);
    expect(await refresh(registry, "nothing")).toBeUndefined();
  });

  test("is created again where it was deleted elsewhere", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, collection, wanted);
    mustBe(204, await registry.api("DELETE", "/v2/registry"));

    expect(await refresh(registry, "acme")).toBeUndefined();
    const again = await apply(registry, collection, wanted);
    expect({ ...again, created_at: state?.created_at }).toEqual(state);
  });

  test("tells whose name is taken why", async () => {
    await using registry = await startRegistry();
    await registry.addAccount("acme");

    const refused = await send(registry, "POST", collection, wanted);

    expect([refused.status, refused.json.message]).toEqual([409, "name already exists"]);
  });

  test("is destroyed, and then is not there", async () => {
    await using registry = await startRegistry();
    await apply(registry, collection, wanted);

    mustBe(204, await send(registry, "DELETE", "/v2/registries/acme"));

    expect(await refresh(registry, "acme")).toBeUndefined();
    expect((await send(registry, "GET", "/v2/registry")).status).toBe(404);
  });
});

test("Terraform's newer resource creates a second registry on a larger tier than it names, without drift", async () => {
  await using registry = await startRegistry();
  await apply(registry, "/v2/registries", { name: "first", subscription_tier_slug: "professional" });
  const second = await apply(registry, "/v2/registries", {
    name: "second",
    subscription_tier_slug: "professional",
    region: "syd1",
  });

  expect(second).toMatchObject({ name: "second", region: "syd1", subscription_tier_slug: "professional" });
  expect(await refresh(registry, "second")).toEqual(second);
  // The older resource's create is for an account's only one.
  const refused = await send(registry, "POST", "/v2/registry", {
    name: "third",
    subscription_tier_slug: "professional",
  });
  expect([refused.status, refused.json.message]).toEqual([422, "user already has a registry"]);
});

describe("Terraform's credentials", () => {
  test.each([
    ["of the longest life", `expiry_seconds=${LONGEST_LIFE_SECONDS}&read_write=false`, ["pull"]],
    ["that never expire", "expiry_seconds=0&read_write=false", ["pull"]],
    ["that may write", "expiry_seconds=3600&read_write=true", ["pull", "push"]],
  ])("%s are made, work, and end when they are destroyed", async (_, query, actions) => {
    await using registry = await startRegistry();
    await registry.createRegistry("acme");

    const secret = await createCredentials(registry, query);
    expect(await registry.grantsTo(secret)).toEqual(actions);

    // It logs out with what it has, and does not look at more than the status.
    const revoked = await registry.send("POST", "/v1/oauth/revoke", {
      headers: { authorization: `Bearer ${secret}`, "content-type": "application/x-www-form-urlencoded" },
      payload: new URLSearchParams({ token: secret }).toString(),
    });
    expect(revoked.status).toBe(200);
    expect((await registry.askForToken("repository:acme/app:pull", secret)).status).toBe(401);
    expect((await send(registry, "GET", "/v2/account", undefined, secret)).status).toBe(401);
  });

  test("of a registry that is gone are gone", async () => {
    await using registry = await startRegistry();
    await registry.createRegistry("acme");
    const secret = await createCredentials(registry, "expiry_seconds=3600&read_write=true");
    mustBe(204, await send(registry, "DELETE", "/v2/registries/acme"));

    expect((await send(registry, "GET", "/v2/registries/acme")).status).toBe(404);
    expect((await registry.askForToken("repository:acme/app:pull", secret)).status).toBe(401);
  });
});

describe("Terraform's data sources", () => {
  // Both send this, whatever name they are given.
  const PATH = "/v2/registries/";

  test("find the account's registry, and what they read beside it", async () => {
    await using registry = await startRegistry();
    const state = await apply(registry, "/v2/registry", {
      name: "acme",
      subscription_tier_slug: "basic",
      region: "fra1",
    });

    const { json } = mustBe(200, await send(registry, "GET", PATH));
    expect(json.registry).toMatchObject({ name: "acme", region: "fra1", created_at: state?.created_at });
    expect(json.registries).toHaveLength(1);
    const { subscription } = mustBe(200, await send(registry, "GET", "/v2/registries/subscription")).json;
    expect(subscription.tier.slug).toBe("basic");
  });

  test("find the oldest of several", async () => {
    await using registry = await startRegistry();
    for (const name of ["first", "second"]) {
      await apply(registry, "/v2/registries", { name, subscription_tier_slug: "professional" });
    }

    const { json } = mustBe(200, await send(registry, "GET", PATH));
    expect(json.registry.name).toBe("first");
  });

  test("find nothing where there is none", async () => {
    await using registry = await startRegistry();
    const answer = await send(registry, "GET", PATH);
    expect([answer.status, answer.json.id]).toEqual([404, "not_found"]);
  });
});

/** Creates a registry as a resource does, and returns what then is in its state. */
async function apply(registry: TestRegistry, collection: string, wanted: Wanted) {
  const created = await send(registry, "POST", collection, wanted);
  expect(mustBe(201, created).json.registry.name).toBe(wanted.name);
  return refresh(registry, wanted.name);
}

/** Reads what is in a resource's state; `undefined`: it is taken out of it. */
async function refresh(registry: TestRegistry, name: string) {
  const answer = await send(registry, "GET", `/v2/registries/${name}`);
  if (answer.status === 404) return undefined;
  const { subscription } = mustBe(200, await send(registry, "GET", "/v2/registries/subscription")).json;
  const found = mustBe(200, answer).json.registry;
  return {
    id: found.name,
    name: found.name,
    region: found.region,
    created_at: found.created_at,
    storage_usage_bytes: found.storage_usage_bytes,
    subscription_tier_slug: subscription.tier.slug,
  };
}

/** Makes credentials as the resource does, which takes exactly one colon in them. */
async function createCredentials(registry: TestRegistry, query: string): Promise<string> {
  mustBe(200, await send(registry, "GET", "/v2/registries/acme"));
  const answer = await send(registry, "GET", `/v2/registries/acme/docker-credentials?${query}`);
  const [{ auth }] = Object.values(mustBe(200, answer).json.auths) as [{ auth: string }];
  const parts = Buffer.from(auth, "base64").toString().split(":");
  expect(parts).toHaveLength(2);
  return parts[1] ?? "";
}

/** Sends a call as godo, the provider's library, does: what may change something says that it is JSON, body or not. */
async function send(
  registry: TestRegistry,
  method: Method,
  url: string,
  body?: object,
  token = OWNER_TOKEN,
): Promise<Answer> {
  return registry.send(method, url, {
    headers: {
      accept: "application/json",
      authorization: `Bearer ${token}`,
      ...(method === "GET" ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
}
