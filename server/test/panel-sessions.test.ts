import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Answer,
  describeOnBothDatabases,
  type Method,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const HOUR = 3600;

let registry: TestRegistry;
afterEach(() => registry[Symbol.asyncDispose]());

function signIn(body: object, headers: Record<string, string> = {}): Promise<Answer> {
  return registry.send("POST", "/api/v1/session", {
    headers: { "content-type": "application/json", ...headers },
    payload: JSON.stringify(body),
  });
}

/** The cookie of a new session. */
async function sessionOf(token = OWNER_TOKEN): Promise<string> {
  const { headers } = mustBe(201, await signIn({ token }));
  return String(headers["set-cookie"]).split(";", 1)[0] ?? "";
}

function ask(method: Method, url: string, cookie: string, headers: Record<string, string> = {}) {
  return registry.send(method, url, { headers: { cookie, ...headers } });
}

const PANEL = { "x-boxyard-request": "panel" };

describeOnBothDatabases("a session of the panel", (database) => {
  beforeEach(async () => {
    registry = await startRegistry({ database });
  });

  test("begins with a token, and says whose it is", async () => {
    const answer = await signIn({ token: OWNER_TOKEN });
    expect(answer.status).toBe(201);
    expect(String(answer.headers["set-cookie"])).toMatch(
      /^boxyard_session=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/,
    );
    const cookie = await sessionOf();
    const { status, json } = await ask("GET", "/api/v1/session", cookie);
    expect(status).toBe(200);
    expect(json.session).toEqual({
      account: { name: "owner", uuid: expect.any(String) },
      token: {
        id: expect.any(Number),
        name: "owner",
        kind: "owner",
        scopes: expect.arrayContaining(["registry:delete"]),
        expires_at: null,
      },
      expires_at: expect.stringMatching(/Z$/),
      is_owner: true,
      version: expect.stringMatching(/^\d/),
      registry_host: "localhost",
    });
    expect(answer.json.session.token).toEqual(json.session.token);
  });

  test("may do what its token may, and says what that lacks", async () => {
    const reader = await sessionOf(await registry.tokenWithScopes("registry:read"));
    expect((await ask("GET", "/v2/registries", reader)).status).toBe(200);
    const refused = await ask("DELETE", "/v2/registry", reader, PANEL);
    expect([refused.status, refused.json.message]).toEqual([403, expect.stringContaining("registry:delete")]);
  });

  test("ends when it is signed out of", async () => {
    const cookie = await sessionOf();
    const answer = await ask("DELETE", "/api/v1/session", cookie, PANEL);
    expect(answer.status).toBe(204);
    expect(String(answer.headers["set-cookie"])).toContain("Max-Age=0");
    expect((await ask("GET", "/api/v1/session", cookie)).status).toBe(401);
    expect((await ask("GET", "/v2/registries", cookie)).status).toBe(401);
  });

  test("ends with its token: revoked, expired or replaced", async () => {
    const made = await registry.api("POST", "/api/v1/tokens", {
      body: { name: "short", scopes: ["read"], expiry_seconds: HOUR },
    });
    const other = await sessionOf(await registry.tokenWithScopes("read"));
    const short = await sessionOf(made.json.token.secret);
    const owners = await sessionOf();
    const { json } = await ask("GET", "/api/v1/session", other);
    await registry.api("DELETE", `/api/v1/tokens/${json.session.token.id}`);
    expect((await ask("GET", "/api/v1/session", other)).status).toBe(401);

    registry.passSeconds(HOUR);
    expect((await ask("GET", "/api/v1/session", short)).status).toBe(401);

    await registry.replaceOwnerToken("another-token-of-the-owner-0123456789");
    expect((await ask("GET", "/api/v1/session", owners)).status).toBe(401);
  });

  test("ends after twelve hours without a request, and no earlier", async () => {
    const cookie = await sessionOf();
    for (let hours = 0; hours < 30; hours += 11) {
      registry.passSeconds(11 * HOUR);
      expect((await ask("GET", "/v2/registries", cookie)).status).toBe(200);
      const end = async () =>
        Date.parse((await ask("GET", "/api/v1/session", cookie)).json.session.expires_at);
      expect((await end()) - registry.backend.now()).toBeGreaterThan(11.9 * HOUR * 1000);
      // It is written beside the answer: when it has been, answers agree.
      await expect
        .poll(async () => {
          const before = await end();
          return (await end()) - before;
        })
        .toBe(0);
    }
    registry.passSeconds(12 * HOUR + 1);
    expect((await ask("GET", "/v2/registries", cookie)).status).toBe(401);
  });

  test("opens once by a setup link, as the owner", async () => {
    const made = await registry.api("POST", "/api/v1/setup-links");
    expect(made.json.setup_link.url).toMatch(/^http:\/\/localhost:80\/setup#[\w-]{43}$/);
    const [, code] = made.json.setup_link.url.split("#");
    const first = await signIn({ setup_code: code });
    expect([first.status, first.json.session.is_owner]).toEqual([201, true]);
    const second = await signIn({ setup_code: code });
    expect([second.status, second.json.message]).toEqual([
      401,
      expect.stringContaining("boxyard admin link"),
    ]);
  });

  test("does not open by a link that is half an hour old", async () => {
    const { json } = await registry.api("POST", "/api/v1/setup-links");
    registry.passSeconds(1800);
    expect((await signIn({ setup_code: json.setup_link.url.split("#")[1] })).status).toBe(401);
  });

  test("leaves no row behind when it has expired", async () => {
    await sessionOf();
    await registry.api("POST", "/api/v1/setup-links");
    registry.passSeconds(13 * HOUR);
    const rows = async () => [
      await registry.backend.db.selectFrom("panel_session").select("sha256").execute(),
      await registry.backend.db.selectFrom("setup_link").select("sha256").execute(),
    ];
    await expect.poll(rows).toEqual([[], []]);
  });
});

describe("a request with the panel's cookie", () => {
  beforeEach(async () => {
    registry = await startRegistry();
  });

  test("changes something only where it says that it is the panel's", async () => {
    const cookie = await sessionOf();
    const body = { headers: { cookie, "content-type": "application/json" }, payload: '{"name":"acme"}' };
    const refused = await registry.send("POST", "/v2/registry", body);
    expect([refused.status, refused.json.message]).toEqual([
      403,
      expect.stringContaining("x-boxyard-request"),
    ]);
    expect((await registry.api("GET", "/v2/registries")).json.registries).toEqual([]);
    const taken = await registry.send("POST", "/v2/registry", {
      ...body,
      headers: { ...body.headers, ...PANEL },
    });
    expect(taken.status).toBe(201);
  });

  test("is refused from a page of another origin, and taken from its own (CVE-2019-19025)", async () => {
    const cookie = await sessionOf();
    const from = (origin: string) => ask("DELETE", "/api/v1/session", cookie, { ...PANEL, origin });
    const refused = await from("https://evil.example");
    expect([refused.status, refused.json.id]).toEqual([403, "forbidden"]);
    expect((await from("null")).status).toBe(403);
    expect((await from("http://localhost")).status).toBe(204);
  });

  test("counts as the bearer token that it has too, if it has one", async () => {
    const cookie = await sessionOf();
    expect((await ask("GET", "/v2/registries", cookie, { authorization: "Bearer bxy_wrong" })).status).toBe(
      401,
    );
  });

  test("is let in among other cookies, and not with one that is none of ours", async () => {
    const cookie = await sessionOf();
    expect((await ask("GET", "/v2/registries", `theme=dark; ${cookie}; x=1`)).status).toBe(200);
    for (const wrong of ["boxyard_session=", "boxyard_session=../..", `x${cookie}`, "boxyard_session"]) {
      expect((await ask("GET", "/v2/registries", wrong)).status).toBe(401);
    }
  });

  test("says that the cookie is for TLS alone, where the server is found by TLS", async () => {
    await using secure = await startRegistry({ publicUrl: new URL("https://registry.example.com") });
    const answer = await secure.send("POST", "/api/v1/session", {
      headers: { "content-type": "application/json" },
      payload: JSON.stringify({ token: OWNER_TOKEN }),
    });
    expect(String(answer.headers["set-cookie"])).toMatch(/; Secure$/);
    expect(answer.json.session.registry_host).toBe("registry.example.com");
  });

  test("is not counted by the rate limit", async () => {
    await using limited = await startRegistry({ rateLimits: { perHour: 5, perMinute: 5 } });
    const begun = await limited.send("POST", "/api/v1/session", {
      headers: { "content-type": "application/json" },
      payload: JSON.stringify({ token: OWNER_TOKEN }),
    });
    const cookie = String(begun.headers["set-cookie"]).split(";", 1)[0] ?? "";
    for (let call = 0; call < 10; call++) {
      expect((await limited.send("GET", "/v2/registries", { headers: { cookie } })).status).toBe(200);
    }
    expect((await limited.api("GET", "/v2/registries")).headers["ratelimit-remaining"]).toBe("4");
  });
});

describe("signing in", () => {
  beforeEach(async () => {
    registry = await startRegistry();
  });

  test("is refused for what is no token, and for docker's credentials", async () => {
    await registry.createRegistry("acme");
    expect((await signIn({ token: "bxy_wrong" })).status).toBe(401);
    expect((await signIn({ setup_code: "wrong" })).status).toBe(401);
    expect((await signIn({ token: await registry.dockerCredential() })).status).toBe(403);
    expect((await ask("GET", "/api/v1/session", "")).status).toBe(401);
  });

  test.each([{}, { token: OWNER_TOKEN, setup_code: "x" }, { token: 5 }, { token: null }])(
    "takes one of the two ways, and not %j",
    async (body) => {
      expect((await signIn(body)).status).toBe(422);
    },
  );

  test("is refused from a page of another origin", async () => {
    expect((await signIn({ token: OWNER_TOKEN }, { origin: "https://evil.example" })).status).toBe(403);
  });

  test("is slowed down after ten failures, and taken again five minutes later", async () => {
    expect((await signIn({ token: OWNER_TOKEN })).status).toBe(201);
    for (let attempt = 0; attempt < 10; attempt++) {
      expect((await signIn({ token: `wrong-${attempt}` })).status).toBe(401);
    }
    const refused = await signIn({ token: OWNER_TOKEN });
    expect([refused.status, refused.json.id]).toEqual([429, "too_many_requests"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(290);
    registry.passSeconds(Number(refused.headers["retry-after"]));
    expect((await signIn({ token: OWNER_TOKEN })).status).toBe(201);
  });

  test("makes links for the owner alone", async () => {
    const token = await registry.tokenWithScopes("read", "write");
    expect((await registry.api("POST", "/api/v1/setup-links", { token })).status).toBe(403);
  });
});
