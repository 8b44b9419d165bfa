import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentOf } from "./support/documents.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const manifest = documentOf({}, "application/vnd.example+json");
/** In the order of their bytes: a hyphen comes before a slash. */
const PATHS = ["acme-b/x", "acme/app-extra", "acme/app", "acme/a_b", "acme/app/web", "acme/zz", "b/a"].sort();

describeOnBothDatabases("the catalog", (database) => {
  let registry: TestRegistry;
  let token: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    for (const name of ["acme-b", "b", "empty"]) await registry.addRegistry(name);
    await registry.addAccount("elsewhere");
    for (const path of PATHS.toReversed()) mustBe(201, await registry.pushManifest(path, manifest, "v1"));
    // Blobs alone make no repository.
    mustBe(201, await registry.pushBlob("acme/blobs", aBlob()));
    token = (await registry.askForToken("registry:catalog:*")).json.token;
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function list(query = "", credential = token): Promise<Answer> {
    return registry.oci("GET", `/v2/_catalog${query}`, credential);
  }

  test("has every repository of the account's registries once, in the order of their bytes", async () => {
    const { status, headers, json } = await list();
    expect([status, json]).toEqual([200, { repositories: PATHS }]);
    expect(headers).not.toHaveProperty("link");
    expect(headers["docker-distribution-api-version"]).toBe("registry/2.0");
    expect((await registry.oci("HEAD", "/v2/_catalog", token)).status).toBe(200);
  });

  test.each([1, 2, 3, 6, 7, 8])("has every one once in pages of %i", async (n) => {
    const seen: string[] = [];
    let url: string | undefined = `/v2/_catalog?n=${n}`;
    while (url !== undefined) {
      const { json, headers } = await registry.oci("GET", url, token);
      seen.push(...json.repositories);
      url = /^<([^>]+)>; rel="next"$/.exec(headers.link ?? "")?.[1];
      expect(json.repositories).toHaveLength(url === undefined ? json.repositories.length : n);
    }
    expect(seen).toEqual(PATHS);
  });

  test.each([
    "",
    "acme",
    "acme-",
    "acme-b/x",
    "acme-c",
    "acme.",
    "acme/",
    "acme/app",
    "acme/app-",
    "acme0",
    "b",
    "b/a",
    "c",
    "ä",
    "\uD800",
    "acme/\0",
  ])("goes on after %j as bytes have it", async (last) => {
    const { json } = await list(`?last=${encodeURIComponent(last.toWellFormed())}`);
    const after = last.split("\0", 1)[0] ?? "";
    expect(json.repositories).toEqual(PATHS.filter((path) => path > after));
  });

  test("of none is empty, and has no next page", async () => {
    const { json, headers } = await list("?n=0");
    expect(json).toEqual({ repositories: [] });
    expect(headers).not.toHaveProperty("link");
  });

  test.each(["-1", "abc", "1.5", ""])("is refused in pages of %j", async (n) => {
    const answer = await list(`?n=${n}`);
    expect([answer.status, codeOf(answer)]).toEqual([400, "UNSUPPORTED"]);
  });

  describe("shows no more than the credential opens:", () => {
    async function pathsFor(credential: string): Promise<string[]> {
      const { json } = await registry.askForToken("registry:catalog:*", credential);
      return mustBe(200, await list("", json.token)).json.repositories;
    }

    test("to a docker credential its registry", async () => {
      await using other = await startRegistry({ database });
      await other.createRegistry("acme");
      mustBe(201, await other.pushManifest("acme/app", manifest, "v1"));
      const credential = await other.dockerCredential();
      await other.addRegistry("second");
      mustBe(201, await other.pushManifest("second/app", manifest, "v1"));
      const { json } = await other.askForToken("registry:catalog:*", credential);
      const answer = mustBe(200, await other.oci("GET", "/v2/_catalog", json.token));
      expect(answer.json.repositories).toEqual(["acme/app"]);
    });

    test("to another account its own, what is public included", async () => {
      const stranger = await registry.addAccount("stranger");
      const settings = "/api/v1/registries/acme/settings";
      mustBe(200, await registry.api("PATCH", settings, { body: { public: true } }));
      expect(await pathsFor(stranger)).toEqual([]);
    });

    test("nothing without registry:read, nor without a credential", async () => {
      const pusher = await registry.tokenWithScopes("registry:update");
      for (const answer of [
        await registry.askForToken("registry:catalog:*", pusher),
        await registry.send("GET", "/v2/registry/auth?scope=registry:catalog:*"),
      ]) {
        expect(answer.json.scope).toBe("");
        expect((await list("", answer.json.token)).status).toBe(401);
      }
    });
  });

  test("opens to an API token as the password", async () => {
    const headers = { authorization: `Basic ${Buffer.from(`any:${OWNER_TOKEN}`).toString("base64")}` };
    const { status, json } = await registry.send("GET", "/v2/_catalog", { headers });
    expect([status, json]).toEqual([200, { repositories: PATHS }]);
  });

  test("is among the extensions that are announced", async () => {
    const all = mustBe(200, await registry.oci("GET", "/v2/_oci/ext/discover", token)).json.extensions;
    expect(all.map(({ name }: { name: string }) => name)).toEqual(["_catalog", "_oci"]);
    for (const extension of all) {
      expect(Object.keys(extension)).toEqual(["name", "url", "description", "endpoints"]);
      for (const endpoint of extension.endpoints) {
        expect((await registry.oci("GET", `/v2/${endpoint}`, token)).status).toBe(200);
      }
    }
    const pull = await registry.tokenFor("acme/app/web", "pull");
    const own = mustBe(200, await registry.oci("GET", "/v2/acme/app/web/_oci/ext/discover", pull)).json;
    expect(own.extensions).toEqual([expect.objectContaining({ name: "_oci" })]);
  });
});
