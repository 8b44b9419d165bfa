import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TOKEN_SCOPES } from "../src/model/scope.ts";
import {
  type Answer,
  describeOnBothDatabases,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases("what clients ask when they log in and out", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function revoke(payload: string, headers: Record<string, string> = {}): Promise<Answer> {
    return registry.send("POST", "/v1/oauth/revoke", {
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      payload,
    });
  }

  test("is whose the token is", async () => {
    const { status, json } = await registry.api("GET", "/v2/account");
    expect(status).toBe(200);
    expect(json).toEqual({
      account: {
        droplet_limit: 0,
        floating_ip_limit: 0,
        email: "",
        name: "owner",
        uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        email_verified: false,
        status: "active",
        status_message: "",
        team: { uuid: json.account.uuid, name: "owner" },
      },
    });
    const other = await registry.api("GET", "/v2/account", { token: await registry.addAccount("other") });
    expect(other.json.account.name).toBe("other");
    expect(other.json.account.uuid).not.toBe(json.account.uuid);
  });

  test("is whose the token is, of a token that may know", async () => {
    expect((await registry.api("GET", "/v2/account", { token: "nobody" })).status).toBe(401);
    const token = await registry.tokenWithScopes("registry:read");
    expect((await registry.api("GET", "/v2/account", { token })).status).toBe(403);
  });

  test("is what the token is", async () => {
    const before = Math.floor(registry.backend.now() / 1000);
    const token = await registry.tokenWithScopes("registry:read", "registry:create");
    const { status, json } = await registry.api("GET", "/v1/oauth/token/info", { token });
    expect(status).toBe(200);
    expect(json).toEqual({
      resource_owner_id: expect.any(Number),
      scopes: ["registry:read", "registry:create"],
      expires_in_seconds: null,
      created_at: expect.any(Number),
    });
    expect(json.created_at).toBeGreaterThanOrEqual(before);
    const owner = (await registry.api("GET", "/v1/oauth/token/info")).json;
    expect(owner.resource_owner_id).toBe(json.resource_owner_id);
    expect(owner.scopes).toEqual([...TOKEN_SCOPES]);
    expect((await registry.api("GET", "/v1/oauth/token/info", { token: "nobody" })).status).toBe(401);
  });

  describe("is that a token ends", () => {
    test("and it does, for both planes", async () => {
      const personal = await registry.tokenWithScopes(...TOKEN_SCOPES);
      const docker = await registry.dockerCredential({ read_write: true });
      for (const token of [personal, docker]) {
        const jwt = await registry.tokenFor("acme/app", "pull,push", token);
        const answer = await revoke(`token=${token}`, { authorization: `Bearer ${token}` });
        expect([answer.status, answer.json]).toEqual([200, {}]);
        expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(401);
        expect((await registry.askForToken("repository:acme/app:pull", token)).status).toBe(401);
        expect((await registry.oci("POST", "/v2/acme/app/blobs/uploads/", jwt)).status).toBe(401);
        expect((await revoke(`token=${token}`)).status).toBe(200);
      }
    });

    test("named in JSON as well as in a form", async () => {
      const token = await registry.tokenWithScopes("registry:read");
      const answer = await registry.send("POST", "/v1/oauth/revoke", {
        headers: { "content-type": "application/json" },
        payload: JSON.stringify({ token }),
      });
      expect([answer.status, answer.json]).toEqual([200, {}]);
      expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(401);
      const wrong = await registry.send("POST", "/v1/oauth/revoke", {
        headers: { "content-type": "application/json" },
        payload: JSON.stringify({ token: 5 }),
      });
      expect([wrong.status, wrong.json.id]).toEqual([422, "unprocessable_entity"]);
    });

    // Who logs out where they were never logged in has none to send.
    test.each([
      "token=",
      "token=unknown",
      "",
      "other=1",
      "token=%ff",
      "token=a&token=b",
      "&&&=",
      `token=${"x".repeat(1000)}`,
    ])("though there is none: %j", async (payload) => {
      for (const authorization of ["Bearer ", "Bearer unknown", "Basic x"]) {
        expect((await revoke(payload, { authorization })).status).toBe(200);
      }
    });

    test("but not the owner's", async () => {
      const answer = await revoke(`token=${OWNER_TOKEN}`);
      expect([answer.status, answer.json.id]).toEqual([403, "forbidden"]);
      expect(answer.json.message).toContain("BOXYARD_OWNER_TOKEN");
      expect((await registry.api("GET", "/v2/registry")).status).toBe(200);
    });

    test("and a token that is not named stays, whoever asks", async () => {
      const token = await registry.tokenWithScopes("registry:read");
      await revoke("", { authorization: `Bearer ${token}` });
      expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(200);
    });

    test("not from another form of body, and not from one that has no end", async () => {
      expect((await revoke("<token/>", { "content-type": "application/xml" })).status).toBe(415);
      expect((await revoke("{", { "content-type": "application/json" })).status).toBe(400);
      expect((await revoke(`token=${"x".repeat(20_000)}`)).status).toBe(413);
    });
  });
});
