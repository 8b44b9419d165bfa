import fc from "fast-check";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FUZZ_RUNS } from "./support/fuzz.ts";
import { anImage } from "./support/images.ts";
import { expectRowsAndBytesToAgree } from "./support/recount.ts";
import {
  type Answer,
  describeOnBothDatabases,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases("the token service's OAuth2 form", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function post(form: Record<string, string> | [string, string][] | string): Promise<Answer> {
    return registry.send("POST", "/v2/registry/auth", {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload: typeof form === "string" ? form : new URLSearchParams(form).toString(),
    });
  }

  const CLIENT = { service: "boxyard", client_id: "containerd-client" };

  function logIn(fields: Record<string, string> = {}, password = OWNER_TOKEN): Promise<Answer> {
    return post({ grant_type: "password", username: "any", password, ...CLIENT, ...fields });
  }

  function refresh(refreshToken: string, scope = ""): Promise<Answer> {
    return post({ grant_type: "refresh_token", refresh_token: refreshToken, scope, ...CLIENT });
  }

  async function pulls(token: string): Promise<boolean> {
    return (await registry.oci("GET", "/v2/acme/app/manifests/v1", token)).status === 200;
  }

  test("takes a token as the password, and answers in OAuth2's words", async () => {
    const { status, headers, json } = await logIn({ scope: "repository:acme/app:pull" });
    expect(status).toBe(200);
    expect(json).toEqual({
      token: json.access_token,
      access_token: expect.any(String),
      token_type: "Bearer",
      scope: "repository:acme/app:pull",
      expires_in: 300,
      issued_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(headers["cache-control"]).toBe("no-store");
    expect(await pulls(json.access_token)).toBe(true);
  });

  test("grants each of several scopes, in one field or in several, or leaves it out", async () => {
    const one = await logIn({
      scope: "repository:acme/app:pull,push,fly repository:nobody/app:pull registry:catalog:*",
    });
    expect(one.json.scope).toBe("repository:acme/app:pull,push registry:catalog:*");
    const fields = Object.entries({ grant_type: "password", password: OWNER_TOKEN }) as [string, string][];
    const several = await post([
      ...fields,
      ["scope", "repository:acme/a:pull"],
      ["scope", "repository:acme/b:delete x"],
    ]);
    expect(several.json.scope).toBe("repository:acme/a:pull repository:acme/b:delete");
    expect((await logIn()).json.scope).toBe("");
  });

  describe("gives a refresh token", () => {
    test("to who asks to be offline, and to nobody else", async () => {
      expect((await logIn()).json).not.toHaveProperty("refresh_token");
      expect((await logIn({ access_type: "online" })).json).not.toHaveProperty("refresh_token");
      const { refresh_token: token } = (await logIn({ access_type: "offline" })).json;
      expect(token).toMatch(/^bxr_[\w-]{43}$/);
      expect((await logIn({ access_type: "offline" })).json.refresh_token).toBe(token);
    });

    test("that the other form gives too, as docker login asks for it", async () => {
      const authorization = `Basic ${Buffer.from(`any:${OWNER_TOKEN}`).toString("base64")}`;
      const url = "/v2/registry/auth?service=boxyard&client_id=docker&offline_token=true";
      const { json } = mustBe(200, await registry.send("GET", url, { headers: { authorization } }));
      expect(json.refresh_token).toBe((await logIn({ access_type: "offline" })).json.refresh_token);
    });

    test("that fetches tokens for what the credential may, again and again", async () => {
      const reader = await registry.dockerCredential();
      const { refresh_token: token } = (await logIn({ access_type: "offline" }, reader)).json;
      for (let time = 0; time < 2; time++) {
        const { json } = mustBe(200, await refresh(token, "repository:acme/app:pull,push"));
        expect([json.scope, json.refresh_token]).toEqual(["repository:acme/app:pull", token]);
        expect(await pulls(json.access_token)).toBe(true);
      }
    });

    test("that is good for nothing else", async () => {
      const { refresh_token: token } = (await logIn({ access_type: "offline" })).json;
      expect((await registry.api("GET", "/v2/registry", { token })).status).toBe(401);
      expect((await registry.askForToken("repository:acme/app:pull", token)).status).toBe(401);
      expect((await logIn({}, token)).status).toBe(401);
      expect((await registry.oci("GET", "/v2/", token)).status).toBe(401);
    });

    test("that tells nothing of the token behind it to who reads the database", async () => {
      const { refresh_token: token } = (await logIn({ access_type: "offline" })).json;
      const rows = await registry.backend.db.selectFrom("api_token").selectAll().execute();
      expect(JSON.stringify(rows)).not.toContain(token);
    });

    test("that is ended by whoever has it, for good, and leaves what it was made from", async () => {
      const credential = await registry.dockerCredential();
      const { refresh_token: token } = (await logIn({ access_type: "offline" }, credential)).json;
      const payload = new URLSearchParams({ token }).toString();
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      for (let time = 0; time < 2; time++) {
        mustBe(200, await registry.send("POST", "/v1/oauth/revoke", { headers, payload }));
        expect((await refresh(token)).status).toBe(401);
      }
      const { refresh_token: next } = (await logIn({ access_type: "offline" }, credential)).json;
      expect(next).not.toBe(token);
      expect((await logIn({ access_type: "offline" }, credential)).json.refresh_token).toBe(next);
      mustBe(200, await refresh(next));
      expect((await refresh(token)).status).toBe(401);
    });

    test("that dies with its credential: by its time", async () => {
      const credential = await registry.dockerCredential({ expiry_seconds: 100 });
      const { refresh_token: token } = (await logIn({ access_type: "offline" }, credential)).json;
      mustBe(200, await refresh(token));
      registry.passSeconds(100);
      const { status, json } = await refresh(token);
      expect([status, json.error]).toEqual([401, "invalid_grant"]);
    });

    test("that dies with its credential: when it is replaced", async () => {
      const another = "another-owner-token-0123456789abcdef";
      const { refresh_token: token } = (await logIn({ access_type: "offline" })).json;
      await registry.replaceOwnerToken(another);
      expect((await refresh(token)).status).toBe(401);
      await registry.replaceOwnerToken(OWNER_TOKEN);
    });
  });

  describe("refuses, in OAuth2's words,", () => {
    test.each<[string, string, number, string]>([
      ["a form without a grant type", "username=a&password=b", 400, "invalid_request"],
      ["an empty form", "", 400, "invalid_request"],
      ["a grant type that is not offered", "grant_type=authorization_code", 400, "unsupported_grant_type"],
      ["two grant types", "grant_type=password&grant_type=password&password=x", 400, "invalid_request"],
      ["a password that is missing", "grant_type=password&username=a", 400, "invalid_request"],
      ["a wrong password", "grant_type=password&username=a&password=b", 401, "invalid_grant"],
      ["a password with a zero byte", "grant_type=password&password=%00", 401, "invalid_grant"],
      ["a refresh token that is missing", "grant_type=refresh_token", 400, "invalid_request"],
      ["a wrong refresh token", "grant_type=refresh_token&refresh_token=bxr_x", 401, "invalid_grant"],
      [
        "the password as a refresh token",
        `grant_type=refresh_token&refresh_token=${OWNER_TOKEN}`,
        401,
        "invalid_grant",
      ],
      [
        "a name that no repository can have",
        `grant_type=password&password=${OWNER_TOKEN}&scope=repository:foo:pull`,
        400,
        "invalid_scope",
      ],
      ["a form of more than 64 KiB", `grant_type=${"x".repeat(70_000)}`, 413, "invalid_request"],
    ])("%s", async (_, form, status, error) => {
      const answer = await post(form);
      expect([answer.status, answer.json.error]).toEqual([status, error]);
      // The characters that RFC 6749 leaves for it.
      expect(answer.json.error_description).toMatch(/^[ !#-[\]-~]+$/);
      expect(Object.keys(answer.json)).toEqual(["error", "error_description"]);
      expect(answer.headers["www-authenticate"]).toBe(status === 401 ? 'Basic realm="boxyard"' : undefined);
    });

    test.each(["application/json", "text/plain", "multipart/form-data; boundary=x"])("%s", async (type) => {
      const payload = JSON.stringify({ grant_type: "password", password: OWNER_TOKEN });
      const headers = { "content-type": type };
      const answer = await registry.send("POST", "/v2/registry/auth", { headers, payload });
      expect([answer.status, answer.json.error]).toEqual([415, "invalid_request"]);
    });

    test("a first push to a name that is taken", async () => {
      const other = await startRegistry({ database });
      try {
        await other.addAccount("taken");
        const answer = await other.send("POST", "/v2/registry/auth", {
          headers: { "content-type": "application/x-www-form-urlencoded" },
          payload: `grant_type=password&password=${OWNER_TOKEN}&scope=repository:taken/app:push`,
        });
        expect([answer.status, answer.json.error]).toEqual([403, "access_denied"]);
      } finally {
        await other[Symbol.asyncDispose]();
      }
    });
  });

  test("says nothing but 200, 400, 401, 413 or 415, whatever it is sent, and never widens", async () => {
    const word = fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constantFrom("password", "*", ""));
    const scope = fc.oneof(
      word,
      fc
        .tuple(
          fc.constantFrom("repository", "registry", "repository(plugin)", "x"),
          fc.constantFrom("acme/app", "acme/*", "catalog", "elsewhere/app", "acme//app", "host:1/acme/app"),
          fc.subarray(["pull", "push", "*", "", "PULL"]),
        )
        .map(([type, name, actions]) => `${type}:${name}:${actions.join(",")}`),
    );
    const reader = await registry.dockerCredential();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("password", "refresh_token", "code"),
        fc.constantFrom(reader, "wrong", ""),
        fc.array(scope, { maxLength: 4 }),
        fc.array(fc.tuple(word, word), { maxLength: 3 }),
        async (grantType, password, scopes, others) => {
          const fields: [string, string][] = [
            ["grant_type", grantType],
            ["password", password],
            ...scopes.map((one): [string, string] => ["scope", one]),
            ...others,
          ];
          const { status, json } = await post(fields);
          expect([200, 400, 401, 413, 415]).toContain(status);
          if (status !== 200) return;
          const { access } = decodeJwt<{ access: { name: string; actions: string[] }[] }>(json.access_token);
          for (const { name, actions } of access) {
            expect([
              ["acme/app", "pull"],
              ["catalog", "*"],
            ]).toContainEqual([name, actions.join()]);
          }
        },
      ),
      { numRuns: FUZZ_RUNS },
    );
    await expectRowsAndBytesToAgree(registry.backend);
  });
});
