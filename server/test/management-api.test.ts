import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { getFirstAccountId } from "../src/metadata/accounts.ts";
import { transact } from "../src/metadata/database.ts";
import { hideRegistry, insertRegistry } from "../src/metadata/registries.ts";
import { parseRegistryName, RESERVED_REGISTRY_NAMES } from "../src/model/name.ts";
import { REGIONS } from "../src/model/region.ts";
import { imageOf, indexOf } from "./support/documents.ts";
import { anImage, anIndex } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  describeOnBothDatabases,
  type Method,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/);
const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

const TIERS = {
  starter: {
    name: "Starter",
    slug: "starter",
    included_repositories: 1,
    included_storage_bytes: 524_288_000,
    allow_storage_overage: false,
    included_bandwidth_bytes: 524_288_000,
    monthly_price_in_cents: 0,
  },
  basic: {
    name: "Basic",
    slug: "basic",
    included_repositories: 5,
    included_storage_bytes: 5_368_709_120,
    allow_storage_overage: true,
    included_bandwidth_bytes: 5_368_709_120,
    monthly_price_in_cents: 500,
    storage_overage_price_in_cents: 2,
  },
  professional: {
    name: "Professional",
    slug: "professional",
    included_repositories: 0,
    included_storage_bytes: 107_374_182_400,
    allow_storage_overage: true,
    included_bandwidth_bytes: 107_374_182_400,
    monthly_price_in_cents: 2000,
    storage_overage_price_in_cents: 2,
  },
};

function registryOf(name: string, region = "nyc3", tier: keyof typeof TIERS = "professional") {
  return {
    registry: {
      name,
      uuid: UUID,
      created_at: TIME,
      region,
      storage_usage_bytes: 0,
      storage_usage_bytes_updated_at: TIME,
      read_only: false,
      subscription: { tier: TIERS[tier], created_at: TIME, updated_at: TIME },
    },
  };
}

/** A refusal as a whole. */
function expectRefused(answer: Answer, status: number, id: string, message: unknown): void {
  expect(answer.status).toBe(status);
  expect(answer.json).toEqual({ id, message, request_id: answer.headers["x-request-id"] });
  expect(answer.headers["content-type"]).toMatch(/^application\/json/);
}

function expectNothing(answer: Answer): void {
  expect(answer.status).toBe(204);
  expect(answer.body).toHaveLength(0);
  expect(answer.headers["x-request-id"]).toEqual(UUID);
}

describeOnBothDatabases("the registry of an account", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.addAccount("taken");
  });
  beforeEach(async () => {
    await registry.api("DELETE", "/v2/registry");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function create(body: object): Promise<Answer> {
    return registry.api("POST", "/v2/registry", { body });
  }

  test("is not there at first", async () => {
    const message = "The resource you requested could not be found.";
    expectRefused(await registry.api("GET", "/v2/registry"), 404, "not_found", message);
    expectRefused(await registry.api("DELETE", "/v2/registry"), 404, "not_found", message);
    expectRefused(
      await registry.api("GET", "/v2/registry/docker-credentials"),
      404,
      "not_found",
      "registry not configured for user",
    );
  });

  test("is created, looked at and deleted", async () => {
    const created = await create({ name: "acme", subscription_tier_slug: "basic", region: "fra1" });
    expect(created.status).toBe(201);
    // The subscription stays when the registry goes: it is the account's.
    const expected = registryOf("acme", "fra1", created.json.registry.subscription.tier.slug);
    expect(created.json).toEqual(expected);

    const found = await registry.api("GET", "/v2/registry");
    expect(found.status).toBe(200);
    expect(found.json).toEqual(created.json);

    expectNothing(await registry.api("DELETE", "/v2/registry"));
    expect((await registry.api("GET", "/v2/registry")).status).toBe(404);
  });

  test("may have the name of one that was deleted, and nothing of what was in it", async () => {
    mustBe(201, await create({ name: "again" }));
    await registry.push("again/app", anImage(), "v1");
    mustBe(204, await registry.api("DELETE", "/v2/registry"));
    mustBe(201, await create({ name: "again" }));
    const { json } = await registry.api("GET", "/v2/registry/again/repositoriesV2");
    expect(json).toEqual({ repositories: [], links: {}, meta: { total: 0 } });
    expect((await registry.api("GET", "/v2/registry")).json.registry.storage_usage_bytes).toBe(0);
  });

  test.each(REGIONS)("may be in %s", async (region) => {
    expect((await create({ name: "acme", region })).json.registry.region).toBe(region);
  });

  test.each([
    ["no region", {}],
    ["an empty region", { region: "" }],
    ["null for a region", { region: null }],
    ["fields that nobody knows", { tags: ["a"], type: "x" }],
    ["an empty tier", { subscription_tier_slug: "" }],
    ["null for a tier", { subscription_tier_slug: null }],
  ])("may be created with %s", async (_, rest) => {
    const answer = await create({ name: "acme", ...rest });
    expect(answer.status).toBe(201);
    expect(answer.json.registry.region).toBe("nyc3");
  });

  test.each([
    ["the name of another account's", { name: "taken" }, 409, "conflict", "name already exists"],
    ["a malformed name", { name: "Acme" }, 422, "unprocessable_entity", /lower-case letters/],
    ["an empty name", { name: "" }, 422, "unprocessable_entity", /1 to 63/],
    ["a long name", { name: "x".repeat(64) }, 422, "unprocessable_entity", /1 to 63/],
    ["a reserved name", { name: "registries" }, 422, "unprocessable_entity", /reserved/],
    ["a name with a slash", { name: "a/b" }, 422, "unprocessable_entity", /lower-case/],
    [
      "an unknown region",
      { name: "acme", region: "moon1" },
      422,
      "unprocessable_entity",
      /body\/region must be one of nyc3, sfo3/,
    ],
    [
      "an unknown tier",
      { name: "acme", subscription_tier_slug: "free" },
      422,
      "unprocessable_entity",
      /body\/subscription_tier_slug must be one of starter, basic, professional/,
    ],
  ])("is refused with %s", async (_, body, status, id, message) => {
    expectRefused(
      await create(body),
      status,
      id,
      typeof message === "string" ? message : expect.stringMatching(message),
    );
    expect((await registry.api("GET", "/v2/registry")).status).toBe(404);
  });

  test("is one: a second is refused", async () => {
    mustBe(201, await create({ name: "acme" }));
    const message = "user already has a registry";
    expectRefused(await create({ name: "other" }), 422, "unprocessable_entity", message);
    expectRefused(await create({ name: "acme" }), 422, "unprocessable_entity", message);
  });

  test("has to be named where there are several", async () => {
    mustBe(201, await create({ name: "acme" }));
    const { db, now } = registry.backend;
    const accountId = await getFirstAccountId(db);
    const wanted = { uuid: randomUUID(), accountId, name: parseRegistryName("second"), region: REGIONS[0] };
    const second = await transact(db, (tx) => insertRegistry(tx, { ...wanted, now: now() }));
    const message =
      "This API is not supported if you have created multiple registries. Please use ‘/v2/registries/{registry_name}’ instead. Refer to https://docs.digitalocean.com/reference/api/digitalocean/#tag/Container-Registry for more info.";
    expectRefused(await registry.api("GET", "/v2/registry"), 412, "precondition_failed", message);
    expectRefused(await registry.api("DELETE", "/v2/registry"), 412, "precondition_failed", message);
    for (const name of ["acme", "second"]) {
      expect((await registry.api("GET", `/v2/registry/${name}/repositoriesV2`)).status).toBe(200);
    }
    await transact(db, (tx) => hideRegistry(tx, second?.id ?? 0, now()));
  });

  test("counts each blob once, whichever repository has it", async () => {
    mustBe(201, await create({ name: "acme" }));
    const image = anImage({ layers: 2 });
    for (const repository of ["acme/a", "acme/b"]) await registry.push(repository, image, "v1");
    const bytes = image.blobs.reduce((sum, blob) => sum + blob.content.length, 0);
    const { json } = await registry.api("GET", "/v2/registry");
    expect(json.registry.storage_usage_bytes).toBe(bytes);
  });
});

describe("the subscription of an account", () => {
  test.each(["starter", "basic", "professional"] as const)(
    "comes with the first registry: %s",
    async (slug) => {
      await using registry = await startRegistry();
      const body = { name: "acme", subscription_tier_slug: slug };
      expect((await registry.api("POST", "/v2/registry", { body })).json).toEqual(
        registryOf("acme", "nyc3", slug),
      );
      // The account keeps it, until a registry that is its first again names another.
      mustBe(204, await registry.api("DELETE", "/v2/registry"));
      expect((await registry.api("POST", "/v2/registry", { body: { name: "next" } })).json).toEqual(
        registryOf("next", "nyc3", slug),
      );
      mustBe(204, await registry.api("DELETE", "/v2/registry"));
      const other = slug === "basic" ? "starter" : "basic";
      const last = { name: "last", subscription_tier_slug: other };
      expect((await registry.api("POST", "/v2/registry", { body: last })).json).toEqual(
        registryOf("last", "nyc3", other),
      );
    },
  );
});

describeOnBothDatabases("a name", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.addAccount("taken");
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function validate(body: object): Promise<Answer> {
    return registry.api("POST", "/v2/registry/validate-name", { body });
  }

  test.each(["free", "a", "x".repeat(63), "a-b"])("is free: %s", async (name) => {
    expectNothing(await validate({ name }));
  });

  test.each(["acme", "taken"])("is taken, by whoever it is: %s", async (name) => {
    expectRefused(await validate({ name }), 409, "conflict", "name already exists");
  });

  test.each(["", "Acme", "a_b", "-a", "a-", "a/b", "x".repeat(64), ...RESERVED_REGISTRY_NAMES])(
    "is none that a registry can have: %j",
    async (name) => {
      expectRefused(await validate({ name }), 422, "unprocessable_entity", expect.stringContaining("name"));
    },
  );
});

describeOnBothDatabases("what is in a registry", (database) => {
  const image = anImage({ layers: 2 });
  const index = anIndex([anImage({ seed: 2 }), anImage({ seed: 3 })]);
  let registry: TestRegistry;
  let foreigner: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    foreigner = await registry.addAccount("foreign");
    await registry.createRegistry("acme");
    await registry.push("acme/web/api", image, "v1");
    registry.passSeconds(1);
    mustBe(201, await registry.pushManifest("acme/web/api", image.manifest, "latest"));
    registry.passSeconds(1);
    await registry.push("acme/multi", index, "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const compressed = image.blobs.reduce((sum, blob) => sum + blob.content.length, 0);
  const manifest = {
    digest: image.manifest.digest,
    registry_name: "acme",
    repository: "web/api",
    compressed_size_bytes: compressed,
    size_bytes: expect.any(Number),
    updated_at: TIME,
    tags: ["latest", "v1"],
    blobs: image.blobs.map((blob) => ({ digest: blob.digest, compressed_size_bytes: blob.content.length })),
  };

  test("is listed by repository, in the order of their names", async () => {
    const { status, json } = await registry.api("GET", "/v2/registry/acme/repositoriesV2");
    expect(status).toBe(200);
    expect(json).toEqual({
      repositories: [
        {
          registry_name: "acme",
          name: "multi",
          latest_manifest: expect.objectContaining({
            digest: index.manifest.digest,
            tags: ["v1"],
            blobs: [],
          }),
          tag_count: 1,
          manifest_count: 3,
        },
        {
          registry_name: "acme",
          name: "web/api",
          latest_manifest: manifest,
          tag_count: 2,
          manifest_count: 1,
        },
      ],
      links: {},
      meta: { total: 2 },
    });
  });

  test("is listed by tag, newest first", async () => {
    const { status, json } = await registry.api("GET", "/v2/registry/acme/repositories/web%2Fapi/tags");
    expect(status).toBe(200);
    const tag = (name: string) => ({
      registry_name: "acme",
      repository: "web/api",
      tag: name,
      manifest_digest: image.manifest.digest,
      compressed_size_bytes: compressed,
      size_bytes: expect.any(Number),
      updated_at: TIME,
    });
    expect(json).toEqual({ tags: [tag("latest"), tag("v1")], links: {}, meta: { total: 2 } });
  });

  test("is listed by manifest, with its tags and blobs", async () => {
    const { status, json } = await registry.api("GET", "/v2/registry/acme/repositories/web%2Fapi/digests");
    expect(status).toBe(200);
    expect(json).toEqual({ manifests: [manifest], links: {}, meta: { total: 1 } });
  });

  test("is listed with the manifests of an index, which has their sizes and no tags of theirs", async () => {
    const { json } = await registry.api("GET", "/v2/registry/acme/repositories/multi/digests");
    const listed = new Map<string, { compressed_size_bytes: number; tags: string[] }>(
      json.manifests.map((one: { digest: string }) => [one.digest, one]),
    );
    const sizes = index.images.map(({ blobs }) => blobs.reduce((sum, blob) => sum + blob.content.length, 0));
    expect(json.meta.total).toBe(3);
    expect(listed.get(index.manifest.digest)).toMatchObject({
      compressed_size_bytes: (sizes[0] ?? 0) + (sizes[1] ?? 0),
      tags: ["v1"],
    });
    for (const [number, child] of index.images.entries()) {
      expect(listed.get(child.manifest.digest)).toMatchObject({
        compressed_size_bytes: sizes[number],
        tags: [],
      });
    }
  });

  test.each(["repositories/web%2Fapi", "repositories/web%2fapi", "repositories/%77eb%2Fapi"])(
    "is found with its name escaped: %s",
    async (path) => {
      expect((await registry.api("GET", `/v2/registry/acme/${path}/tags`)).json.meta.total).toBe(2);
    },
  );

  describe("that is deleted", () => {
    test("by tag leaves the manifest, and is deleted again without a word", async () => {
      await registry.push("acme/del/tag", image, "v1");
      const url = "/v2/registry/acme/repositories/del%2Ftag/tags/v1";
      for (let time = 0; time < 2; time++) expectNothing(await registry.api("DELETE", url));
      const { json } = await registry.api("GET", "/v2/registry/acme/repositories/del%2Ftag/digests");
      expect(json.manifests).toEqual([
        expect.objectContaining({ digest: image.manifest.digest, tags: [], repository: "del/tag" }),
      ]);
      const tags = await registry.api("GET", "/v2/registry/acme/repositories/del%2Ftag/tags");
      expect(tags.json).toEqual({ tags: [], links: {}, meta: { total: 0 } });
    });

    test("by tag in a repository that is not there is deleted without a word", async () => {
      expectNothing(await registry.api("DELETE", "/v2/registry/acme/repositories/nowhere/tags/v1"));
    });

    test.each([(digest: string) => digest, (digest: string) => digest.replace(":", "%3A")])(
      "by digest takes its tags along, the colon escaped or not",
      async (written) => {
        const gone = imageOf(aBlob("config"), []);
        mustBe(201, await registry.pushBlob("acme/del/digest", aBlob("config")));
        for (const tag of ["a", "b"]) mustBe(201, await registry.pushManifest("acme/del/digest", gone, tag));
        const stays = indexOf([], { annotations: { it: "stays" } });
        mustBe(201, await registry.pushManifest("acme/del/digest", stays, "c"));

        const base = "/v2/registry/acme/repositories/del%2Fdigest";
        expectNothing(await registry.api("DELETE", `${base}/digests/${written(gone.digest)}`));
        const { json } = await registry.api("GET", `${base}/tags`);
        expect(json.tags.map(({ tag }: { tag: string }) => tag)).toEqual(["c"]);
        expectRefused(
          await registry.api("DELETE", `${base}/digests/${written(gone.digest)}`),
          404,
          "not_found",
          `the repository has no manifest ${gone.digest}`,
        );
      },
    );

    test("to the last manifest takes the repository along", async () => {
      await registry.push("acme/del-all", image, "v1");
      const base = "/v2/registry/acme/repositories/del-all";
      expectNothing(await registry.api("DELETE", `${base}/digests/${image.manifest.digest}`));
      expectRefused(await registry.api("GET", `${base}/tags`), 404, "not_found", "repository not found");
      expectRefused(await registry.api("GET", `${base}/digests`), 404, "not_found", "repository not found");
    });
  });

  describe("is refused", () => {
    const digest = image.manifest.digest;
    const inRegistry: [Method, string][] = [
      ["GET", "repositoriesV2"],
      ["GET", "repositories/web%2Fapi/tags"],
      ["DELETE", "repositories/web%2Fapi/tags/v1"],
      ["GET", "repositories/web%2Fapi/digests"],
      ["DELETE", `repositories/web%2Fapi/digests/${digest}`],
    ];
    test.each(inRegistry)(
      "%s …/%s of another account's registry, as of one that is not there",
      async (method, path) => {
        for (const [name, token] of [
          ["acme", foreigner],
          ["nowhere", foreigner],
          ["nowhere", undefined],
          ["Not-A-Name", undefined],
          ["registries", undefined],
          ["a%2Fb", undefined],
          ["%2e%2e%2f", undefined],
          ["%00", undefined],
        ] as const) {
          const options = token === undefined ? {} : { token };
          const answer = await registry.api(method, `/v2/registry/${name}/${path}`, options);
          expectRefused(answer, 404, "not_found", "registry does not exist");
        }
        const { json } = await registry.api("GET", "/v2/registry/acme/repositories/web%2Fapi/tags");
        expect(json.meta.total).toBe(2);
      },
    );

    test.each(["nowhere", "App", "a%2F%2Fb", "..%2Fapi", "%00", "web%252Fapi", "%c3%a4"])(
      "in the repository %s, which is not there",
      async (repository) => {
        for (const list of ["tags", "digests"]) {
          const answer = await registry.api("GET", `/v2/registry/acme/repositories/${repository}/${list}`);
          expectRefused(answer, 404, "not_found", "repository not found");
        }
      },
    );

    test.each([
      ["tags/.x", /a tag has 1 to 128/],
      ["tags/a%2Fb", /a tag has 1 to 128/],
      [`tags/${"x".repeat(129)}`, /a tag has 1 to 128/],
      ["tags/%00", /a tag has 1 to 128/],
      ["digests/latest", /a digest is/],
      ["digests/sha256:abc", /sha256 digest has 64/],
      [`digests/md5:${"0".repeat(32)}`, /not supported/],
    ])("to be deleted by a malformed name: %s", async (path, message) => {
      const answer = await registry.api("DELETE", `/v2/registry/acme/repositories/web%2Fapi/${path}`);
      expectRefused(answer, 422, "unprocessable_entity", expect.stringMatching(message));
    });
  });
});
