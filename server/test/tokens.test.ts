import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { anImage } from "./support/images.ts";
import { freshDatabase } from "./support/postgres.ts";
import {
  type Answer,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const FIFTY_YEARS = 1_576_800_000;
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

interface Token {
  id: number;
  name: string;
  kind: string;
}

function create(registry: TestRegistry, body: object, token?: string): Promise<Answer> {
  return registry.api("POST", "/api/v1/tokens", { body, ...(token === undefined ? {} : { token }) });
}

async function list(registry: TestRegistry): Promise<Token[]> {
  return (await registry.api("GET", "/api/v1/tokens?per_page=200")).json.tokens;
}

describeOnBothDatabases("API tokens", (database) => {
  let registry: TestRegistry;
  let stranger: string;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
    stranger = await registry.addAccount("strangers");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("are shown once, and listed without their secret, newest first (CVE-2026-18255)", async () => {
    const made = mustBe(
      201,
      await create(registry, { name: "ci für alle", scopes: ["registry:read", "account:read"] }),
    );
    const { secret, ...token } = made.json.token;
    expect(secret).toMatch(/^bxy_[0-9A-Za-z]{60}$/);
    expect(token).toEqual({
      id: expect.any(Number),
      name: "ci für alle",
      kind: "personal",
      scopes: ["registry:read", "account:read"],
      registry_name: null,
      created_at: TIME,
      expires_at: null,
      last_used_at: null,
    });
    const answer = await registry.api("GET", "/api/v1/tokens");
    expect(answer.json.tokens[0]).toEqual(token);
    expect(answer.json.tokens.at(-1)).toMatchObject({ kind: "owner", name: "owner" });
    expect(answer.body.toString()).not.toContain(secret);
  });

  test("are listed in pages", async () => {
    for (const name of ["one", "two", "three"]) await create(registry, { name, scopes: ["read"] });
    const { json } = await registry.api("GET", "/api/v1/tokens?page=2&per_page=1");
    expect(json.tokens).toEqual([expect.objectContaining({ name: "two" })]);
    expect(json.meta.total).toBe((await list(registry)).length);
    expect(json.links.pages.next).toMatch(/^http:\/\/.*\/api\/v1\/tokens\?page=3&per_page=1$/);
  });

  test("say when they were last used, to the hour", async () => {
    const token = await registry.tokenWithScopes("account:read");
    const lastUse = async () => {
      const { json } = await registry.api("GET", "/api/v1/tokens?per_page=1", { token });
      return json.tokens[0].last_used_at ?? undefined;
    };
    const first = await vi.waitUntil(lastUse, { timeout: 30_000 });
    expect(first).toEqual(TIME);
    expect(await lastUse()).toBe(first);
    registry.passSeconds(3601);
    await vi.waitUntil(async () => (await lastUse()) > first, { timeout: 30_000 });
  });

  test.each<[string[], [number, number, number, number]]>([
    [["registry:read"], [200, 403, 403, 403]],
    [["registry:create"], [403, 422, 403, 403]],
    [["registry:delete"], [403, 403, 204, 403]],
    [["account:read"], [403, 403, 403, 200]],
    [["read"], [200, 403, 403, 200]],
    [["write"], [403, 422, 204, 403]],
    [
      ["read", "write"],
      [200, 422, 204, 200],
    ],
  ])("with %j do what their scopes say", async (scopes, expected) => {
    const token = await registry.tokenWithScopes(...(scopes as "read"[]));
    const answers = [
      await registry.api("GET", "/v2/registry", { token }),
      await registry.api("POST", "/v2/registry", { token, body: { name: "second" } }),
      await registry.api("DELETE", "/v2/registry/acme/repositories/app/tags/none", { token }),
      await registry.api("GET", "/api/v1/tokens", { token }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(expected);
  });

  test.each<[string[], string[]]>([
    [["registry:read"], ["pull"]],
    [["registry:update"], ["push"]],
    [["registry:delete"], ["delete"]],
    [["read"], ["pull"]],
    [
      ["read", "write"],
      ["pull", "push", "delete"],
    ],
  ])("with %j may %j on the data plane", async (scopes, actions) => {
    const token = await registry.tokenWithScopes(...(scopes as "read"[]));
    const jwt = await registry.tokenFor("acme/app", "pull,push,delete", token);
    const { access } = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());
    expect(access[0].actions).toEqual(actions);
  });

  test("never make one that may do more, or lives longer, than themselves", async () => {
    const scopes = ["account:read", "registry:create"];
    const made = mustBe(201, await create(registry, { name: "maker", scopes, expiry_seconds: 3600 }));
    const maker = made.json.token.secret;
    for (const [body, message] of [
      [{ scopes: ["registry:update"], expiry_seconds: 60 }, /it lacks registry:update/],
      [{ scopes: ["account:read", "read"], expiry_seconds: 60 }, /it lacks registry:read/],
      [{ scopes: ["read", "write"], expiry_seconds: 60 }, /it lacks registry:/],
      [{ scopes, expiry_seconds: 3601 }, /outlives it/],
      [{ scopes, expiry_seconds: 0 }, /outlives it/],
      [{ scopes }, /outlives it/],
    ] as const) {
      const before = (await list(registry)).length;
      const answer = await create(registry, { name: "more", ...body }, maker);
      expect([answer.status, answer.json.id]).toEqual([403, "forbidden"]);
      expect(answer.json.message).toMatch(message);
      expect(await list(registry)).toHaveLength(before);
    }
    mustBe(201, await create(registry, { name: "less", scopes, expiry_seconds: 3500 }, maker));
    for (const [have, url] of [
      [["registry:create"], "/api/v1/tokens"],
      [["account:read"], "/api/v1/tokens"],
      [["read", "write"], "/api/v1/accounts/strangers/tokens"],
    ] as const) {
      const token = await registry.tokenWithScopes(...have);
      const answer = await registry.api("POST", url, {
        token,
        body: { name: "other", scopes: ["account:read"] },
      });
      expect(answer.status).toBe(403);
    }
  });

  test("end when they were to, on both planes", async () => {
    const body = { name: "short", scopes: ["read", "write"], expiry_seconds: 60 };
    const { secret: token } = mustBe(201, await create(registry, body)).json.token;
    expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(200);
    const jwt = await registry.tokenFor("acme/app", "pull", token);
    registry.passSeconds(61);
    expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(401);
    expect((await registry.askForToken("repository:acme/app:pull", token)).status).toBe(401);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", jwt)).status).toBe(401);
    expect(await list(registry)).toContainEqual(expect.objectContaining({ name: "short" }));
  });

  test("that have expired are listed for a month, and docker's too, and then forgotten", async () => {
    await using other = await startRegistry({ database });
    await other.createRegistry("acme");
    const body = { name: "short-lived", scopes: ["registry:read"], expiry_seconds: 60 };
    mustBe(201, await other.api("POST", "/api/v1/tokens", { body }));
    await other.dockerCredential({ expiry_seconds: 60 });
    await other.dockerCredential();
    const kinds = async () =>
      (await other.api("GET", "/api/v1/tokens")).json.tokens.map(({ kind }: { kind: string }) => kind);
    const all = ["docker_credential", "docker_credential", "personal", "owner"];

    other.passSeconds(30 * 86_400);
    expect(await kinds()).toEqual(all);
    other.passSeconds(61);
    await expect.poll(kinds, { timeout: 10_000 }).toEqual(["docker_credential", "owner"]);
  });

  test("that are revoked open nothing, an upload that they began included (CVE-2025-23208)", async () => {
    const { id, secret } = mustBe(201, await create(registry, { name: "gone", scopes: ["read", "write"] }))
      .json.token;
    const jwt = await registry.tokenFor("acme/app", "pull,push", secret);
    const upload = await registry.startUpload("acme/app", jwt);
    mustBe(204, await registry.api("DELETE", `/api/v1/tokens/${id}`));
    expect((await registry.api("GET", "/v2/registry", { token: secret })).status).toBe(401);
    expect((await registry.askForToken("repository:acme/app:pull", secret)).status).toBe(401);
    expect((await registry.oci("GET", "/v2/acme/app/manifests/v1", jwt)).status).toBe(401);
    expect((await registry.oci("PATCH", upload, jwt, { body: "more" })).status).toBe(401);
    expect((await registry.oci("POST", "/v2/acme/app/blobs/uploads/", jwt)).status).toBe(401);
    expect((await list(registry)).map((token) => token.id)).not.toContain(id);
    expect((await registry.api("DELETE", `/api/v1/tokens/${id}`)).status).toBe(404);
  });

  test("are revoked by those alone that may do as much", async () => {
    const strong = mustBe(201, await create(registry, { name: "strong", scopes: ["read", "write"] })).json
      .token;
    const weak = await registry.tokenWithScopes("account:read", "registry:delete");
    const path = `/api/v1/tokens/${strong.id}`;
    expect((await registry.api("DELETE", path, { token: weak })).status).toBe(403);
    expect((await registry.api("DELETE", path, { token: stranger })).status).toBe(404);
    for (const scopes of [["read"], ["account:read"], ["write"]] as const) {
      const token = await registry.tokenWithScopes(...scopes);
      expect((await registry.api("DELETE", path, { token })).status).toBe(403);
    }
    expect((await registry.api("GET", "/v2/registry", { token: strong.secret })).status).toBe(200);
    mustBe(204, await registry.api("DELETE", path, { token: strong.secret }));
    expect((await registry.api("GET", "/v2/registry", { token: strong.secret })).status).toBe(401);
  });

  test("of the owner are replaced, and not revoked", async () => {
    const owner = (await list(registry)).find(({ kind }) => kind === "owner");
    const answer = await registry.api("DELETE", `/api/v1/tokens/${owner?.id}`);
    expect([answer.status, answer.json.message]).toEqual([403, expect.stringMatching(/BOXYARD_OWNER_TOKEN/)]);
    expect((await registry.api("GET", "/v2/registry")).status).toBe(200);
  });

  test.each<[object | undefined, RegExp]>([
    [undefined, /body/],
    [{ scopes: ["read"] }, /name/],
    [{ name: 5, scopes: ["read"] }, /name/],
    [{ name: "", scopes: ["read"] }, /1 to 100 characters/],
    [{ name: " x", scopes: ["read"] }, /1 to 100 characters/],
    [{ name: "a\u001b[2Jb", scopes: ["read"] }, /1 to 100 characters/],
    [{ name: "a\u202eb", scopes: ["read"] }, /1 to 100 characters/],
    [{ name: "x".repeat(101), scopes: ["read"] }, /1 to 100 characters/],
    [{ name: "x" }, /scopes/],
    [{ name: "x", scopes: [] }, /scopes/],
    [{ name: "x", scopes: "read" }, /scopes/],
    [{ name: "x", scopes: [null] }, /scopes/],
    [{ name: "x", scopes: ["admin"] }, /must be one of account:read/],
    [{ name: "x", scopes: ["registry:read registry:update"] }, /must be one of account:read/],
    [{ name: "x", scopes: ["read"], expiry_seconds: -1 }, /expiry_seconds/],
    [{ name: "x", scopes: ["read"], expiry_seconds: 1.5 }, /expiry_seconds/],
    [{ name: "x", scopes: ["read"], expiry_seconds: FIFTY_YEARS + 1 }, /expiry_seconds/],
    [{ name: "x", scopes: ["read"], expiry_seconds: "60" }, /expiry_seconds/],
  ])("are not made of %j", async (body, message) => {
    const before = (await list(registry)).length;
    const answer = await registry.api("POST", "/api/v1/tokens", body === undefined ? {} : { body });
    expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
    expect(answer.json.message).toMatch(message);
    expect(await list(registry)).toHaveLength(before);
  });

  test.each(["0", "-1", "1.5", "x", "%00", "999999999", `${"9".repeat(30)}`])(
    "have none with the id %s",
    async (id) => {
      const answer = await registry.api("DELETE", `/api/v1/tokens/${id}`);
      expect([answer.status, answer.json.id]).toEqual([404, "not_found"]);
    },
  );

  test("of docker are listed under their registry, with what they may do and until when", async () => {
    registry.passSeconds(1);
    const before = registry.backend.now();
    const reader = await registry.dockerCredential();
    const writer = await registry.dockerCredential({ read_write: true, expiry_seconds: 600 });
    const [second, first] = await list(registry);
    expect(first).toMatchObject({
      kind: "docker_credential",
      name: expect.stringMatching(/^container-registry-acme-\d+$/),
      scopes: ["registry:read"],
      registry_name: "acme",
      expires_at: null,
    });
    const { name, created_at: created, expires_at: expires } = second as unknown as Record<string, string>;
    expect(second).toMatchObject({ scopes: ["registry:read", "registry:update", "registry:delete"] });
    expect(name).toMatch(/^container-registry-acme-\d+$/);
    expect(Number(name?.split("-").at(-1))).toBeGreaterThanOrEqual(before);
    expect(Date.parse(expires ?? "") - Date.parse(created ?? "")).toBe(600_000);

    mustBe(204, await registry.api("DELETE", `/api/v1/tokens/${first?.id}`));
    expect((await registry.askForToken("repository:acme/app:pull", reader)).status).toBe(401);
    expect((await registry.askForToken("repository:acme/app:pull", writer)).status).toBe(200);
    registry.passSeconds(601);
    expect((await registry.askForToken("repository:acme/app:pull", writer)).status).toBe(401);
    // They are for docker alone.
    for (const [method, url] of [
      ["GET", "/api/v1/tokens"],
      ["DELETE", `/api/v1/tokens/${second?.id}`],
    ] as const) {
      const token = await registry.dockerCredential({ read_write: true });
      expect((await registry.api(method, url, { token })).status).toBe(403);
    }
  });
});

describeOnBothDatabases("accounts", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("are made and listed by the owner, each name once", async () => {
    const made = mustBe(201, await registry.api("POST", "/api/v1/accounts", { body: { name: "team-1" } }));
    const account = { uuid: expect.stringMatching(/^[0-9a-f-]{36}$/), name: "team-1", created_at: TIME };
    expect(made.json).toEqual({ account });
    const [again, other] = await Promise.all([
      registry.api("POST", "/api/v1/accounts", { body: { name: "team-2" } }),
      registry.api("POST", "/api/v1/accounts", { body: { name: "team-2" } }),
    ]);
    expect([again.status, other.status].sort()).toEqual([201, 409]);
    const { json } = await registry.api("GET", "/api/v1/accounts");
    expect(json.accounts.map(({ name }: { name: string }) => name)).toEqual(["owner", "team-1", "team-2"]);
    expect(json.meta.total).toBe(3);
    const page = await registry.api("GET", "/api/v1/accounts?per_page=1&page=2");
    expect(page.json.accounts).toEqual([account]);
    expect(page.json.links.pages.last).toMatch(/\/api\/v1\/accounts\?page=3&per_page=1$/);
  });

  test.each([
    undefined,
    {},
    { name: 5 },
    { name: "" },
    { name: "Team" },
    { name: "-x" },
    { name: "x".repeat(64) },
  ])("are not made of %j", async (body) => {
    const answer = await registry.api("POST", "/api/v1/accounts", body === undefined ? {} : { body });
    expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
  });

  test("have registries, a subscription and tokens of their own", async () => {
    const one = await registry.addAccount("alpha");
    const other = await registry.addAccount("beta");
    for (const [token, name] of [
      [one, "alpha"],
      [other, "beta"],
    ] as const) {
      const { json } = await registry.api("GET", "/v2/registry", { token });
      expect(json.registry).toMatchObject({ name, subscription: { tier: { slug: "professional" } } });
      const tokens = await registry.api("GET", "/api/v1/tokens", { token });
      expect(tokens.json.meta.total).toBe(1);
    }
    const lists = [
      await registry.api("GET", "/v2/registry/beta/repositoriesV2", { token: one }),
      await registry.api("GET", "/v2/registry/beta/repositoriesV2"),
    ];
    expect(lists.map(({ status }) => status)).toEqual([404, 404]);
    const jwt = await registry.askForToken("repository:beta/app:pull,push", one);
    const payload = JSON.parse(Buffer.from(jwt.json.token.split(".")[1], "base64url").toString());
    expect(payload.access).toEqual([]);
  });

  test("are for the owner's token alone, and their tokens too", async () => {
    const token = await registry.tokenWithScopes("read", "write");
    const calls = [
      await registry.api("GET", "/api/v1/accounts", { token }),
      await registry.api("POST", "/api/v1/accounts", { token, body: { name: "mine" } }),
      await registry.api("GET", "/api/v1/accounts/owner/tokens", { token }),
      await registry.api("POST", "/api/v1/accounts/owner/tokens", {
        token,
        body: { name: "x", scopes: ["read"] },
      }),
    ];
    expect(calls.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    expect((await registry.send("GET", "/api/v1/accounts")).status).toBe(401);
    const unknown = await registry.api("GET", "/api/v1/accounts/nobody/tokens");
    expect([unknown.status, unknown.json.message]).toEqual([404, "there is no account nobody"]);
  });

  test("have their tokens revoked by the owner", async () => {
    const token = await registry.addAccount("gamma");
    const { json } = await registry.api("GET", "/api/v1/accounts/gamma/tokens");
    mustBe(204, await registry.api("DELETE", `/api/v1/tokens/${json.tokens[0].id}`));
    expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(401);
  });
});

describe("two servers on one database", () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let one: TestRegistry;
  let other: TestRegistry;
  beforeAll(async () => {
    database = await freshDatabase();
    const store = new MemoryBlobStore();
    const options = { dbUrl: database.url, openStore: () => store };
    one = await startRegistry(options);
    other = await startRegistry(options);
    await one.createRegistry("acme");
    await one.push("acme/app", anImage(), "v1");
  });
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  test("know of a token that was made or revoked by one of them at once, on both planes", async () => {
    const made = mustBe(201, await create(one, { name: "ci", scopes: ["read", "write"] }));
    const { id, secret: token } = made.json.token;
    const jwt = await other.tokenFor("acme/app", "pull,push", token);
    const upload = await other.startUpload("acme/app", jwt);
    const statuses = async () => [
      (await other.api("GET", "/v2/registry", { token })).status,
      (await other.askForToken("repository:acme/app:pull", token)).status,
      (await other.oci("GET", "/v2/acme/app/manifests/v1", jwt)).status,
      (await other.oci("PATCH", upload, jwt, { body: "more" })).status,
    ];
    expect(await statuses()).toEqual([200, 200, 200, 202]);
    mustBe(204, await one.api("DELETE", `/api/v1/tokens/${id}`, { token: OWNER_TOKEN }));
    expect(await statuses()).toEqual([401, 401, 401, 401]);
  });
});
