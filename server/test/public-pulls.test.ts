import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  codeOf,
  describeOnBothDatabases,
  type Method,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const REGISTRY = "/api/v1/registries/acme/settings";
const REPOSITORY = "/api/v1/registries/acme/repositories/web%2Fapp/settings";

describeOnBothDatabases("what its owner made public", (database) => {
  const image = anImage();
  let registry: TestRegistry;
  let stranger: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    stranger = await registry.addAccount("stranger");
    for (const name of ["acme/web/app", "acme/other"]) await registry.push(name, image, "v1");
  });
  afterEach(async () => {
    for (const url of [REGISTRY, REPOSITORY]) await setPublic(url, false);
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function setPublic(url: string, isPublic: boolean | null): Promise<Answer> {
    return mustBe(200, await registry.api("PATCH", url, { body: { public: isPublic } }));
  }

  /** What anybody is granted who has no credential. */
  async function anonymous(...scopes: string[]): Promise<{ granted: string; token: string }> {
    const query = new URLSearchParams(scopes.map((scope) => ["scope", scope] as [string, string]));
    const { json } = mustBe(200, await registry.send("GET", `/v2/registry/auth?${query}`));
    return { granted: json.scope, token: json.token };
  }

  async function pull(repository: string, token: string): Promise<number> {
    return (await registry.oci("GET", `/v2/${repository}/manifests/v1`, token)).status;
  }

  test("is nothing, as it comes (CVE-2026-27771)", async () => {
    expect((await registry.api("GET", REGISTRY)).json.settings.public).toBe(false);
    expect((await registry.api("GET", REPOSITORY)).json).toEqual({
      settings: { description: null, public: false, sparse: null },
    });
    const { granted, token } = await anonymous("repository:acme/web/app:pull");
    expect(granted).toBe("");
    expect(await pull("acme/web/app", token)).toBe(401);
  });

  test("in a repository, anybody pulls from there and from nowhere else", async () => {
    expect((await setPublic(REPOSITORY, true)).json).toEqual({
      settings: { description: null, public: true, sparse: null },
    });
    const asked = ["repository:acme/web/app:*", "repository:acme/other:pull", "repository:acme/no:pull"];
    const { granted, token } = await anonymous(...asked, "registry:catalog:*");
    expect(granted).toBe("repository:acme/web/app:pull");
    expect(decodeJwt(token).sub).toBe("");
    const config = image.blobs[0]?.digest;
    for (const path of ["manifests/v1", `blobs/${config}`, "tags/list"]) {
      expect((await registry.oci("GET", `/v2/acme/web/app/${path}`, token)).status).toBe(200);
    }
    expect((await registry.oci("GET", "/v2/", token)).status).toBe(200);
    for (const name of ["acme/other", "acme/no", "nobody/app"]) expect(await pull(name, token)).toBe(401);
  });

  test("in a registry, anybody pulls from all of its repositories", async () => {
    await setPublic(REGISTRY, true);
    const { granted, token } = await anonymous("repository:acme/web/app:pull repository:acme/other:pull");
    expect(granted).toBe("repository:acme/web/app:pull repository:acme/other:pull");
    expect([await pull("acme/web/app", token), await pull("acme/other", token)]).toEqual([200, 200]);
    expect((await registry.api("GET", REPOSITORY)).json.settings.public).toBe(false);
  });

  const writes: [Method, string][] = [
    ["POST", "blobs/uploads/"],
    ["POST", `blobs/uploads/?mount=${image.blobs[0]?.digest}&from=acme/web/app`],
    ["PUT", "manifests/v2"],
    ["DELETE", "manifests/v1"],
    ["DELETE", `blobs/${image.blobs[0]?.digest}`],
    ["PATCH", "blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301"],
  ];
  test.each(writes)("is not written to by anybody: %s %s", async (method, path) => {
    await setPublic(REGISTRY, true);
    const { granted, token } = await anonymous("repository:acme/web/app:pull,push,delete,*");
    expect(granted).toBe("repository:acme/web/app:pull");
    const headers = { "content-type": "application/octet-stream" };
    const answer = await registry.oci(method, `/v2/acme/web/app/${path}`, token, { headers });
    expect([answer.status, codeOf(answer)]).toEqual([401, "UNAUTHORIZED"]);
    expect(answer.headers["www-authenticate"]).toContain('error="insufficient_scope"');
  });

  test("another account pulls too, and a token that may only push", async () => {
    await setPublic(REPOSITORY, true);
    const pusher = await registry.tokenWithScopes("registry:update");
    for (const [credential, granted] of [
      [stranger, "repository:acme/web/app:pull"],
      [pusher, "repository:acme/web/app:pull,push"],
    ] as const) {
      const { json } = await registry.askForToken("repository:acme/web/app:pull,push", credential);
      expect(json.scope).toBe(granted);
      expect(await pull("acme/web/app", json.token)).toBe(200);
    }
    const { json } = await registry.askForToken("repository:acme/other:pull", stranger);
    expect([json.scope, await pull("acme/other", json.token)]).toEqual(["", 401]);
  });

  test("is private again at once when its owner says so, whatever tokens are out", async () => {
    await setPublic(REPOSITORY, true);
    const tokens = [
      (await anonymous("repository:acme/web/app:pull")).token,
      await registry.tokenFor("acme/web/app", "pull", stranger),
    ];
    for (const token of tokens) expect(await pull("acme/web/app", token)).toBe(200);
    await setPublic(REPOSITORY, null);
    for (const token of tokens) expect(await pull("acme/web/app", token)).toBe(401);
  });

  test("is mounted by another account, as long as it is public", async () => {
    await setPublic(REPOSITORY, true);
    const scopes = ["repository:stranger/app:pull,push", "repository:acme/web/app:pull"];
    const { json } = await registry.askForToken(scopes, stranger);
    const mount = (number: number) => {
      const query = `mount=${image.blobs[number]?.digest}&from=acme/web/app`;
      return registry.oci("POST", `/v2/stranger/app/blobs/uploads/?${query}`, json.token);
    };
    expect((await mount(0)).status).toBe(201);
    await setPublic(REPOSITORY, false);
    expect((await mount(1)).status).toBe(202);
  });

  test("is looked for without saying what there is: unknown and private look alike", async () => {
    await setPublic(REPOSITORY, true);
    const names = ["acme/other", "acme/nowhere", "nobody/app"];
    const answers = await Promise.all(
      names.map(async (name) => {
        const { granted, token } = await anonymous(`repository:${name}:pull`);
        const { status, headers, json } = await registry.oci("GET", `/v2/${name}/manifests/v1`, token);
        const text = JSON.stringify([granted, status, headers["www-authenticate"], json.errors]);
        return text.replaceAll(name, "<name>");
      }),
    );
    expect(new Set(answers).size).toBe(1);
  });

  describe("is a setting that", () => {
    test.each([[1], ["true"], [{}], [[]]])("is not %j", async (value) => {
      for (const url of [REGISTRY, REPOSITORY]) {
        const answer = await registry.api("PATCH", url, { body: { public: value } });
        const message = "request payload validation failed: body/public must be either boolean or null";
        expect([answer.status, answer.json.message]).toEqual([422, message]);
      }
    });

    test("is left as it is beside one that is refused", async () => {
      const body = { public: true, garbage_collection: { schedule: { cron: "often" } } };
      expect((await registry.api("PATCH", REGISTRY, { body })).status).toBe(422);
      const { status, json } = await registry.api("PATCH", REPOSITORY, { body: { public: true, x: 1 } });
      expect([status, json.message]).toEqual([422, expect.stringContaining("body/x is not known here")]);
      for (const url of [REGISTRY, REPOSITORY]) {
        expect((await registry.api("GET", url)).json.settings.public).toBe(false);
      }
    });

    test("is left as it is where it is not named", async () => {
      await setPublic(REGISTRY, true);
      await setPublic(REPOSITORY, true);
      const body = { garbage_collection: { writes: null } };
      expect((await registry.api("PATCH", REGISTRY, { body })).json.settings.public).toBe(true);
      expect((await registry.api("PATCH", REPOSITORY, { body: {} })).json.settings.public).toBe(true);
    });

    test("needs the scopes of its registry, and a registry that is there", async () => {
      const reader = await registry.tokenWithScopes("registry:read");
      for (const url of [REGISTRY, REPOSITORY]) {
        expect((await registry.api("GET", url, { token: reader })).status).toBe(200);
        const options = { body: { public: true }, token: reader };
        expect((await registry.api("PATCH", url, options)).status).toBe(403);
        expect((await registry.api("PATCH", url, { ...options, token: stranger })).status).toBe(404);
        expect((await registry.api("GET", url, { token: stranger })).status).toBe(404);
      }
      const nowhere = "/api/v1/registries/nowhere/repositories/app/settings";
      expect((await registry.api("PATCH", nowhere, { body: { public: true } })).status).toBe(404);
    });

    test("does not outlive its repository", async () => {
      const url = "/api/v1/registries/acme/repositories/gone/settings";
      await registry.push("acme/gone", image, "v1");
      await setPublic(url, true);
      const { token } = await anonymous("repository:acme/gone:pull");
      mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/gone"));
      await registry.push("acme/gone", image, "v1");
      expect(await pull("acme/gone", token)).toBe(401);
      expect((await registry.api("GET", url)).json.settings.public).toBe(false);
    });
  });
});
