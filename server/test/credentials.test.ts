import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  type Method,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const CHUNK = { "content-type": "application/octet-stream" };

function actionsOf({ json }: Answer): string[] {
  return decodeJwt<{ access: { actions: string[] }[] }>(json.token).access.flatMap(({ actions }) => actions);
}

describeOnBothDatabases("a credential", (database) => {
  const image = anImage();
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/app", image, "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const config = image.blobs[0]?.digest ?? "";
  const writes: [string, Method, string][] = [
    ["push a manifest", "PUT", "manifests/v2"],
    ["begin an upload", "POST", "blobs/uploads/"],
    ["push a blob at once", "POST", `blobs/uploads/?digest=${aBlob("x").digest}`],
    ["mount into it", "POST", `blobs/uploads/?mount=${config}&from=acme/app`],
    ["delete a tag", "DELETE", "manifests/v1"],
    ["delete a manifest", "DELETE", `manifests/${image.manifest.digest}`],
    ["delete a blob", "DELETE", `blobs/${config}`],
  ];

  describe("that only reads", () => {
    test("is granted pulling, whatever it asks for", async () => {
      const reader = await registry.dockerCredential();
      for (const asked of ["pull", "pull,push", "pull,push,delete", "*"]) {
        const answer = await registry.askForToken(`repository:acme/app:${asked}`, reader);
        expect(answer.status).toBe(200);
        expect(actionsOf(answer)).toEqual(["pull"]);
        expect(answer.json.expires_in).toBe(300);
      }
      expect(actionsOf(await registry.askForToken("repository:acme/app:push", reader))).toEqual([]);
    });

    test("pulls and lists", async () => {
      const reader = await registry.dockerCredential({ read_write: false });
      const token = await registry.tokenFor("acme/app", "pull", reader);
      for (const path of ["manifests/v1", `blobs/${config}`, "tags/list"]) {
        expect((await registry.oci("GET", `/v2/acme/app/${path}`, token)).status).toBe(200);
      }
    });

    test.each(writes)("cannot %s (BIT-gitea-2025-68944)", async (_, method, path) => {
      const reader = await registry.dockerCredential();
      const token = await registry.tokenFor("acme/app", "pull,push,delete", reader);
      const answer = await registry.oci(method, `/v2/acme/app/${path}`, token, { headers: CHUNK });
      expect([answer.status, codeOf(answer)]).toEqual([401, "UNAUTHORIZED"]);
      expect(answer.headers["www-authenticate"]).toContain('error="insufficient_scope"');
      const after = await registry.oci("GET", "/v2/acme/app/tags/list", token);
      expect(after.json.tags).toEqual(["v1"]);
    });

    test("cannot go on with an upload, nor end it, nor see it", async () => {
      const location = await registry.startUpload(
        "acme/app",
        await registry.tokenFor("acme/app", "pull,push"),
      );
      const token = await registry.tokenFor("acme/app", "pull,push", await registry.dockerCredential());
      for (const method of ["GET", "PATCH", "DELETE"] as const) {
        const options = method === "PATCH" ? { headers: CHUNK, body: "x" } : {};
        expect((await registry.oci(method, location, token, options)).status).toBe(401);
      }
    });
  });

  test("that reads and writes pushes, pulls and deletes", async () => {
    const writer = await registry.dockerCredential({ read_write: true });
    const token = await registry.tokenFor("acme/written", "pull,push,delete", writer);
    const next = anImage({ seed: 7 });
    for (const blob of next.blobs) mustBe(201, await registry.pushBlob("acme/written", blob, token));
    mustBe(201, await registry.pushManifest("acme/written", next.manifest, "v1", token));
    expect((await registry.oci("GET", "/v2/acme/written/manifests/v1", token)).status).toBe(200);
    expect((await registry.oci("DELETE", "/v2/acme/written/manifests/v1", token)).status).toBe(202);
  });

  test("of one registry opens no other, and cannot tell which there are (CVE-2020-13794)", async () => {
    await registry.addAccount("elsewhere");
    for (const credential of [await registry.dockerCredential({ read_write: true }), OWNER_TOKEN]) {
      for (const name of ["elsewhere/app", "nowhere/app"]) {
        const answer = await registry.askForToken(`repository:${name}:pull,push`, credential);
        expect(answer.status).toBe(200);
        expect(actionsOf(answer)).toEqual([]);
        const refused = await registry.oci("GET", `/v2/${name}/manifests/v1`, answer.json.token);
        expect(refused.status).toBe(401);
        expect(refused.json.errors[0].message).toBe(`the token does not allow pull in ${name}`);
      }
    }
  });

  test("of a repository's token opens none whose name begins alike", async () => {
    const token = await registry.tokenFor("acme/app");
    for (const name of ["acme/apple", "acme/ap", "acme/app/x", "acme/app-x"]) {
      expect((await registry.oci("GET", `/v2/${name}/tags/list`, token)).status).toBe(401);
      expect((await registry.oci("POST", `/v2/${name}/blobs/uploads/`, token)).status).toBe(401);
    }
  });

  test("for deleting does not push, nor the other way round", async () => {
    const deleting = await registry.tokenFor("acme/app", "delete");
    expect((await registry.oci("PUT", "/v2/acme/app/manifests/v2", deleting, { body: "{}" })).status).toBe(
      401,
    );
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", deleting)).status).toBe(401);
    const pushing = await registry.tokenFor("acme/app", "push");
    expect((await registry.oci("DELETE", "/v2/acme/app/manifests/v1", pushing)).status).toBe(401);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", pushing)).status).toBe(401);
  });
});

describeOnBothDatabases("a credential that has ended", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function expectNoWrites(token: string): Promise<void> {
    for (const [method, path] of [
      ["POST", "blobs/uploads/"],
      ["PUT", "manifests/v2"],
      ["DELETE", "manifests/v1"],
    ] as const) {
      const answer = await registry.oci(method, `/v2/acme/app/${path}`, token, { headers: CHUNK });
      expect([answer.status, codeOf(answer)]).toEqual([401, "UNAUTHORIZED"]);
      expect(answer.headers["www-authenticate"]).toContain('error="invalid_token"');
    }
  }

  test("with its registry opens no later registry of that name", async () => {
    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
    const credential = await registry.dockerCredential({ read_write: true });
    const theirs = await registry.tokenFor("acme/app", "pull,push,delete", credential);
    const owners = await registry.tokenFor("acme/app");
    mustBe(204, await registry.api("DELETE", "/v2/registry"));

    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", owners)).status).toBe(404);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", theirs)).status).toBe(401);
    expect((await registry.askForToken("repository:acme/app:pull", credential)).status).toBe(401);

    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
    const pull = await registry.oci("GET", "/v2/acme/app/manifests/v1", owners);
    expect([pull.status, codeOf(pull)]).toEqual([404, "NAME_UNKNOWN"]);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", theirs)).status).toBe(401);
    const push = await registry.oci("POST", "/v2/acme/app/blobs/uploads/", owners);
    expect([push.status, codeOf(push)]).toEqual([404, "NAME_UNKNOWN"]);
    await expectNoWrites(theirs);
    expect((await registry.askForToken("repository:acme/app:pull", credential)).status).toBe(401);
  });

  test("by its time writes no more with the tokens that it has", async () => {
    const credential = await registry.dockerCredential({ read_write: true, expiry_seconds: 100 });
    const token = await registry.tokenFor("acme/app", "pull,push,delete", credential);
    registry.passSeconds(101);
    await expectNoWrites(token);
  });

  test("because the owner has another token is good for nothing", async () => {
    const token = await registry.tokenFor("acme/app");
    const another = "another-owner-token-0123456789abcdef";
    await registry.replaceOwnerToken(another);
    await expectNoWrites(token);
    const pull = await registry.oci("GET", "/v2/acme/app/manifests/v1", token);
    expect([pull.status, pull.headers["www-authenticate"]]).toEqual([
      401,
      expect.stringContaining("invalid_token"),
    ]);
    expect((await registry.askForToken([], OWNER_TOKEN)).status).toBe(401);
    expect((await registry.api("GET", "/v2/registry")).status).toBe(401);
    expect((await registry.api("GET", "/v2/registry", { token: another })).status).toBe(200);
    expect((await registry.askForToken("repository:acme/app:pull", another)).status).toBe(200);
  });
});

describeOnBothDatabases("a first push, to an account without a registry,", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.addAccount("taken");
  });
  afterEach(async () => {
    await registry.api("DELETE", "/v2/registry");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("makes the registry when its token is granted, once", async () => {
    const answer = await registry.askForToken("repository:demo/web/app:pull,push");
    expect(actionsOf(answer)).toEqual(["pull", "push"]);
    const { json } = await registry.api("GET", "/v2/registry");
    expect(json.registry).toMatchObject({ name: "demo", subscription: { tier: { slug: "professional" } } });
    const second = await registry.askForToken("repository:other/app:pull,push");
    expect(second.status).toBe(200);
    expect(actionsOf(second)).toEqual([]);
  });

  test.each(["pull", "delete", "pull,delete"])("makes none to %s", async (actions) => {
    const answer = await registry.askForToken(`repository:demo/app:${actions}`);
    expect(answer.status).toBe(200);
    expect(actionsOf(answer)).toEqual([]);
    expect((await registry.api("GET", "/v2/registry")).status).toBe(404);
  });

  test("is refused for a name that no registry can have", async () => {
    const names = [
      "auth/app",
      "options/app",
      "kubernetes/app",
      "v2_x/app",
      "-x/app",
      "x-/app",
      `${"x".repeat(64)}/a`,
      "Demo/app",
    ];
    for (const name of names) {
      const answer = await registry.askForToken(`repository:${name}:pull,push`);
      expect([name, answer.status, codeOf(answer)]).toEqual([name, 400, "NAME_INVALID"]);
    }
    expect((await registry.api("GET", "/v2/registry")).status).toBe(404);
  });

  test("is refused for another account's name, in words that docker shows", async () => {
    const answer = await registry.askForToken("repository:taken/app:pull,push");
    expect(answer.status).toBe(403);
    expect(answer.json).toEqual({
      errors: [{ code: "DENIED", message: "the registry name taken is taken: push under another one" }],
    });
    expect(actionsOf(await registry.askForToken("repository:taken/app:pull"))).toEqual([]);
  });

  test("makes none for anybody but the owner", async () => {
    const personal = await registry.tokenWithScopes("registry:create", "registry:read", "registry:update");
    await registry.createRegistry("acme");
    const docker = await registry.dockerCredential({ read_write: true });
    for (const credential of [personal, docker]) {
      expect(actionsOf(await registry.askForToken("repository:demo/app:pull,push", credential))).toEqual([]);
    }
    mustBe(204, await registry.api("DELETE", "/v2/registry"));
    expect(actionsOf(await registry.askForToken("repository:demo/app:pull,push", personal))).toEqual([]);
    expect((await registry.askForToken("repository:demo/app:pull,push", docker)).status).toBe(401);
    expect((await registry.api("GET", "/v2/registry")).status).toBe(404);
  });
});
