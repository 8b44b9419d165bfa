import { afterEach, describe, expect, test } from "vitest";
import { DOCUMENTED_TIERS, type TierSlug, type Tiers } from "../src/model/tier.ts";
import { imageOf } from "./support/documents.ts";
import { anImage, contentOf, noise } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "./support/registry.ts";

const image = anImage();
const bytes = image.blobs.reduce((sum, blob) => sum + blob.content.length, 0);
const WAYS_OUT = /delete some, change to a larger tier, or run the server with BOXYARD_LIMITS=none$/;

/** As documented, but for what fits into a test. */
function tiersWith(slug: TierSlug, change: Partial<Tiers[TierSlug]>): Tiers {
  return { ...DOCUMENTED_TIERS, [slug]: { ...DOCUMENTED_TIERS[slug], ...change } };
}

describeOnBothDatabases("a subscription", (database) => {
  let registry: TestRegistry;
  afterEach(() => registry[Symbol.asyncDispose]());

  async function start(tier: TierSlug, options: TestRegistryOptions = {}): Promise<void> {
    registry = await startRegistry({ ...options, database });
    const body = { name: "acme", subscription_tier_slug: tier };
    mustBe(201, await registry.api("POST", "/v2/registry", { body }));
  }

  function change(tier_slug: string, family = "registry"): Promise<Answer> {
    return registry.api("POST", `/v2/${family}/subscription`, { body: { tier_slug } });
  }

  async function offers(): Promise<Record<string, [boolean, string[]?]>> {
    const { json } = await registry.api("GET", "/v2/registries/options");
    return Object.fromEntries(
      json.options.subscription_tiers.map(
        (tier: { slug: string; eligible: boolean; eligibility_reasons?: string[] }) => [
          tier.slug,
          tier.eligibility_reasons === undefined
            ? [tier.eligible]
            : [tier.eligible, tier.eligibility_reasons],
        ],
      ),
    );
  }

  describe.each(["registry", "registries"])("below /v2/%s", (family) => {
    test("is there as soon as a registry is, and stays", async () => {
      registry = await startRegistry({ database });
      const url = `/v2/${family}/subscription`;
      for (const answer of [await registry.api("GET", url), await change("basic", family)]) {
        expect([answer.status, answer.json.id]).toEqual([404, "not_found"]);
      }

      const body = { name: "acme", subscription_tier_slug: "basic" };
      const created = mustBe(201, await registry.api("POST", "/v2/registry", { body }));
      const { json } = mustBe(200, await registry.api("GET", url));
      expect(json.subscription).toEqual(created.json.registry.subscription);
      expect(json.subscription.tier).toMatchObject({ slug: "basic", included_repositories: 5 });
      mustBe(204, await registry.api("DELETE", "/v2/registry"));
      expect((await registry.api("GET", url)).json).toEqual(json);
    });

    test("moves to another tier, up and down, and says when", async () => {
      await start("basic");
      const before = (await registry.api("GET", `/v2/${family}/subscription`)).json.subscription;
      for (const slug of ["professional", "starter", "basic"]) {
        registry.passSeconds(1);
        const { json } = mustBe(200, await change(slug, family));
        expect(json.subscription).toMatchObject({ tier: { slug }, created_at: before.created_at });
        expect(Date.parse(json.subscription.updated_at)).toBeGreaterThan(Date.parse(before.updated_at));
        expect((await registry.api("GET", `/v2/${family}/subscription`)).json).toEqual(json);
      }
    });

    test("stays where the tier is not named, or not known", async () => {
      await start("basic");
      for (const body of [
        {},
        { tier_slug: null },
        { tier_slug: "" },
        { tier_slug: "free" },
        { tier_slug: 1 },
      ]) {
        const answer = await registry.api("POST", `/v2/${family}/subscription`, { body });
        expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
        expect(answer.json.message).toContain("tier_slug");
      }
      expect((await registry.api("GET", `/v2/${family}/subscription`)).json.subscription.tier.slug).toBe(
        "basic",
      );
    });

    test("has three tiers to choose from, and the regions", async () => {
      await start("starter");
      const { options } = (await registry.api("GET", `/v2/${family}/options`)).json;
      expect(options.available_regions).toEqual([
        "nyc3",
        "sfo3",
        "ams3",
        "sgp1",
        "fra1",
        "sfo2",
        "blr1",
        "syd1",
      ]);
      expect(options.subscription_tiers).toEqual([
        {
          name: "Starter",
          slug: "starter",
          included_repositories: 1,
          included_storage_bytes: 524_288_000,
          allow_storage_overage: false,
          included_bandwidth_bytes: 524_288_000,
          monthly_price_in_cents: 0,
          eligible: true,
        },
        expect.objectContaining({ slug: "basic", storage_overage_price_in_cents: 2, eligible: true }),
        expect.objectContaining({ slug: "professional", included_repositories: 0, eligible: true }),
      ]);
    });
  });

  test("does not move to a tier with too few repositories", async () => {
    await start("professional");
    for (const name of ["a", "b"]) await registry.push(`acme/${name}`, image, "v1");
    expect(await offers()).toEqual({
      starter: [false, ["OverRepositoryLimit"]],
      basic: [true],
      professional: [true],
    });
    const answer = await change("starter");
    expect([answer.status, answer.json.id]).toEqual([412, "precondition_failed"]);
    expect(answer.json.message).toMatch(
      /^registry is not eligible for tier because: \[OverRepositoryLimit\] \(the account has 1 registries, 2 repositories and \d+ bytes, starter allows 1 registries, 1 repositories, 524288000 bytes\)/,
    );
    expect(answer.json.message).toMatch(WAYS_OUT);
    expect((await registry.api("GET", "/v2/registry")).json.registry.subscription.tier.slug).toBe(
      "professional",
    );

    mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/b"));
    mustBe(200, await change("starter"));
  });

  test("does not move to a tier with too little storage", async () => {
    await start("professional", { tiers: tiersWith("starter", { includedStorageBytes: bytes - 1 }) });
    await registry.push("acme/a", image, "v1");
    expect((await offers()).starter).toEqual([false, ["OverStorageLimit"]]);
    expect((await change("starter")).json.message).toContain("because: [OverStorageLimit] ");
    await registry.push("acme/b", image, "v1");
    expect((await offers()).starter).toEqual([false, ["OverRepositoryLimit", "OverStorageLimit"]]);
    expect((await change("starter")).json.message).toContain(
      "because: [OverRepositoryLimit OverStorageLimit] ",
    );
  });

  test("does not move to a tier with too few registries, whose reason the options leave out", async () => {
    await start("professional");
    mustBe(201, await registry.api("POST", "/v2/registries", { body: { name: "second" } }));
    expect(await offers()).toEqual({ starter: [false], basic: [false], professional: [true] });
    for (const family of ["registry", "registries"]) {
      const answer = await change("basic", family);
      expect(answer.status).toBe(412);
      expect(answer.json.message).toContain(
        "registry is not eligible for tier because: [OverRegistryLimit] ",
      );
    }
  });

  test("allows as many registries as its tier includes", async () => {
    await start("basic");
    const create = (name: string) => registry.api("POST", "/v2/registries", { body: { name } });
    const refused = await create("second");
    expect([refused.status, refused.json.id]).toEqual([412, "precondition_failed"]);
    expect(refused.json.message).toContain("registry is not eligible for tier because: [OverRegistryLimit] ");
    mustBe(200, await change("professional"));
    for (let number = 2; number <= 10; number++) mustBe(201, await create(`acme-${number}`));
    expect((await create("eleventh")).status).toBe(412);
    mustBe(204, await registry.api("DELETE", "/v2/registries/acme-2"));
    const answers = await Promise.all(["x", "y", "z"].map(create));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412, 412]);
  });

  test("allows as many repositories as its tier includes, whoever asks to push another", async () => {
    await start("starter");
    await registry.push("acme/app", image, "v1");
    const credential = await registry.dockerCredential({ read_write: true });
    for (const secret of [undefined, credential]) {
      const answer = await registry.askForToken("repository:acme/other:pull,push", secret);
      expect(answer.status).toBe(403);
      expect(answer.json).toEqual({ errors: [{ code: "DENIED", message: expect.any(String) }] });
      expect(answer.json.errors[0].message).toMatch(/^registry contains 1 repositories, limit is 1 /);
      expect(answer.json.errors[0].message).toMatch(WAYS_OUT);
    }
    const form = await registry.send("POST", "/v2/registry/auth", {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload: `grant_type=password&client_id=buildx&username=any&password=${credential}&service=boxyard&scope=${encodeURIComponent("repository:acme/other:pull,push")}`,
    });
    expect([form.status, form.json.error]).toEqual([403, "access_denied"]);
    expect(form.json.error_description).toMatch(/^registry contains 1 repositories, limit is 1 /);
    // Pulling makes nothing, and what is there goes on.
    await registry.tokenFor("acme/other", "pull");
    await registry.push("acme/app", anImage({ seed: 5 }), "v2");
    mustBe(204, await registry.api("DELETE", "/v2/registry/acme/repositories/app/tags/v1"));
    expect((await registry.askForToken("repository:acme/other:push")).status).toBe(403);

    mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/app"));
    await registry.push("acme/other", image, "v1");
  });

  test("counts the repositories of one request together, and of all its registries", async () => {
    await start("basic", { tiers: tiersWith("basic", { includedRegistries: 2, includedRepositories: 2 }) });
    mustBe(201, await registry.api("POST", "/v2/registries", { body: { name: "second" } }));
    const scopes = ["acme/a", "acme/b", "second/c"].map((name) => `repository:${name}:push`);
    expect((await registry.askForToken(scopes.slice(0, 2))).status).toBe(200);
    expect((await registry.askForToken(scopes)).json.errors[0].message).toContain(
      "contains 0 repositories, limit is 2",
    );
    await registry.push("acme/a", image, "v1");
    await registry.push("second/a", image, "v1");
    const refused = await registry.askForToken("repository:acme/c:push");
    expect(refused.json.errors[0].message).toContain("contains 2 repositories, limit is 2");
  });

  test("holds against a token from when there was room", async () => {
    await start("starter");
    const early = await registry.tokenFor("acme/late", "pull,push");
    await registry.push("acme/app", image, "v1");
    for (const blob of image.blobs) mustBe(201, await registry.pushBlob("acme/late", blob, early));
    const answer = await registry.pushManifest("acme/late", image.manifest, "v1", early);
    expect([answer.status, codeOf(answer)]).toEqual([403, "DENIED"]);
    expect(answer.json.errors[0].message).toMatch(/^registry contains 1 repositories, limit is 1 /);
    const { json } = await registry.api("GET", "/v2/registry/acme/repositoriesV2");
    expect(json.meta.total).toBe(1);
  });

  test("has an end to its storage where its tier sells no more", async () => {
    await start("starter", { tiers: tiersWith("starter", { includedStorageBytes: bytes }) });
    await registry.push("acme/app", image, "v1");
    // At the limit, not over it.
    mustBe(201, await registry.pushManifest("acme/app", image.manifest, "v2"));

    const second = anImage({ seed: 2 });
    for (const blob of second.blobs) mustBe(201, await registry.pushBlob("acme/app", blob));
    const answer = await registry.pushManifest("acme/app", second.manifest, "v3");
    expect([answer.status, codeOf(answer)]).toEqual([403, "DENIED"]);
    expect(answer.json.errors[0].message).toMatch(
      new RegExp(`^registry storage limit exceeded: \\d+ bytes are used, limit is ${bytes} `),
    );
    expect(answer.json.errors[0].message).toMatch(WAYS_OUT);
    // What is stored already may be tagged, and pulled.
    mustBe(201, await registry.pushManifest("acme/app", image.manifest, "v4"));
    const token = await registry.tokenFor("acme/app", "pull");
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v3", token)).status).toBe(404);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v4", token)).status).toBe(200);

    mustBe(200, await change("basic"));
    mustBe(201, await registry.pushManifest("acme/app", second.manifest, "v3"));
  });

  test("is crossed by blobs, which are taken whole, and holds against their manifest: quota crossed mid-stream", async () => {
    await start("starter", { tiers: tiersWith("starter", { includedStorageBytes: bytes }) });
    const token = await registry.tokenFor("acme/app", "pull,push");
    const layer = contentOf(noise("over the quota", 3 * bytes));
    const location = await registry.startUpload("acme/app", token);
    for (let from = 0; from < layer.content.length; from += bytes) {
      const headers = { "content-type": "application/octet-stream" };
      const body = layer.content.subarray(from, from + bytes);
      mustBe(202, await registry.oci("PATCH", location, token, { headers, body }));
    }
    mustBe(201, await registry.oci("PUT", `${location}?digest=${layer.digest}`, token));
    const config = aBlob("{}");
    mustBe(201, await registry.pushBlob("acme/app", config, token));

    const answer = await registry.pushManifest("acme/app", imageOf(config, [layer]), "v1", token);
    expect([answer.status, codeOf(answer)]).toEqual([403, "DENIED"]);
    expect(answer.json.errors[0].message).toMatch(/^registry storage limit exceeded/);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", token)).status).toBe(404);
  });

  test("limits nothing where the server is told so", async () => {
    await start("starter", { limits: "none", tiers: tiersWith("starter", { includedStorageBytes: 1 }) });
    mustBe(201, await registry.api("POST", "/v2/registries", { body: { name: "second" } }));
    for (const name of ["acme/a", "acme/b", "second/c"]) await registry.push(name, image, "v1");
    expect(await offers()).toEqual({ starter: [true], basic: [true], professional: [true] });
    for (const slug of ["professional", "basic", "starter"]) mustBe(200, await change(slug));
    mustBe(201, await registry.pushBlob("acme/b", aBlob()));
  });
});
