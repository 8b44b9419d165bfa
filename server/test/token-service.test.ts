import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Answer,
  describeOnBothDatabases,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

interface Granted {
  name: string;
  actions: string[];
}

/** What a JWT grants, as `acme/app:pull,push`. */
function grantsOf({ json }: Answer): string[] {
  const { access } = decodeJwt<{ access: Granted[] }>(json.token);
  return access.map(({ name, actions }) => `${name}:${actions.join(",")}`);
}

describeOnBothDatabases("the token service", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  function askAs(authorization: string | undefined, query = ""): Promise<Answer> {
    const headers = authorization === undefined ? {} : { authorization };
    return registry.send("GET", `/v2/registry/auth${query}`, { headers });
  }

  function basic(userAndPassword: string): string {
    return `Basic ${Buffer.from(userAndPassword).toString("base64")}`;
  }

  describe("answers", () => {
    test("with a token, under both of its names, and how long it lives", async () => {
      const { status, headers, json } = await registry.askForToken("repository:acme/app:pull,push");
      expect(status).toBe(200);
      const keys = ["access_token", "expires_in", "issued_at", "scope", "token", "token_type"];
      expect(Object.keys(json).sort()).toEqual(keys);
      expect(json.access_token).toBe(json.token);
      expect([json.token_type, json.scope]).toEqual(["Bearer", "repository:acme/app:pull,push"]);
      expect(headers["cache-control"]).toBe("no-store");
      expect(json.expires_in).toBe(900);
      expect(new Date(json.issued_at).toISOString()).toBe(json.issued_at);
      expect(headers["content-type"]).toMatch(/^application\/json/);
      const { alg, typ, kid } = decodeProtectedHeader(json.token);
      expect([alg, typ, typeof kid]).toEqual(["EdDSA", "JWT", "string"]);
      const { exp = 0, iat = 0, iss, aud } = decodeJwt(json.token);
      expect(exp - iat).toBe(900);
      expect([iss, aud]).toEqual(["boxyard", "boxyard"]);
    });

    test("with five minutes where nothing is to be written", async () => {
      for (const scope of ["repository:acme/app:pull", []]) {
        expect((await registry.askForToken(scope)).json.expires_in).toBe(300);
      }
    });

    test("with a token for nothing in particular where nothing is asked for: docker login", async () => {
      const answer = await registry.askForToken([]);
      expect(grantsOf(answer)).toEqual([]);
      expect((await registry.oci("GET", "/v2/", answer.json.token)).status).toBe(200);
    });

    test.each(["owner", "", "token", "ops@example.com", OWNER_TOKEN, "a user", "ü"])(
      "any user with the token as password: %j",
      async (user) => {
        expect((await askAs(basic(`${user}:${OWNER_TOKEN}`))).status).toBe(200);
      },
    );

    test.each([
      ["?account=owner&client_id=docker&offline_token=false&service=registry.docker.io"],
      ["?service=other&service=boxyard&nonsense"],
      ["?scope=repository%3Aacme%2Fapp%3Apull"],
    ])("whatever else is in the query: %s", async (query) => {
      const { status, json } = await askAs(basic(`owner:${OWNER_TOKEN}`), query);
      expect(status).toBe(200);
      expect(json).not.toHaveProperty("refresh_token");
    });

    test("for itself, whatever service is asked for (CVE-2026-123710)", async () => {
      const { json } = await askAs(basic(`owner:${OWNER_TOKEN}`), "?service=evil");
      expect(decodeJwt(json.token).aud).toBe("boxyard");
    });
  });

  describe("grants", () => {
    const cases: [string, string | string[], string[]][] = [
      ["pulling", "repository:acme/app:pull", ["acme/app:pull"]],
      ["pushing", "repository:acme/app:pull,push", ["acme/app:pull,push"]],
      ["everything by a star", "repository:acme/app:*", ["acme/app:pull,push,delete"]],
      [
        "several scopes of several parameters",
        ["repository:acme/a:pull", "repository:acme/b:push repository:acme/c:delete"],
        ["acme/a:pull", "acme/b:push", "acme/c:delete"],
      ],
      [
        "the same repository twice as one",
        ["repository:acme/a:pull", "repository:acme/a:push"],
        ["acme/a:pull,push"],
      ],
      ["repository(plugin) as a repository", "repository(plugin):acme/app:pull", ["acme/app:pull"]],
      ["what it knows of the actions", "repository:acme/app:pull,fly,PUSH,", ["acme/app:pull"]],
      ["nothing in a registry that is not there", "repository:nobody/app:pull,push", []],
      [
        "what it can of several",
        ["repository:nobody/app:pull", "repository:acme/app:pull"],
        ["acme/app:pull"],
      ],
      ["the catalog", "registry:catalog:*", ["catalog:*"]],
      [
        "the catalog beside repositories",
        "registry:catalog:* repository:acme/app:pull",
        ["acme/app:pull", "catalog:*"],
      ],
      ["nothing of the catalog but all", ["registry:catalog:pull", "registry:catalogue:*"], []],
      ["nothing of other types", ["Repository:acme/app:pull", "artifact:acme/app:pull"], []],
      ["nothing by a name with a star", "repository:acme/app:pull repository:acme/*:pull", ["acme/app:pull"]],
      ["nothing for what is malformed", ["", ":", "repository:acme/app", "x"], []],
      [
        "nothing for a host in the name",
        ["repository:localhost:5100/acme/app:pull", "repository:acme/a:pull"],
        ["acme/a:pull"],
      ],
    ];
    test.each(cases)("%s", async (_, scope, granted) => {
      const answer = await registry.askForToken(scope);
      expect(answer.status).toBe(200);
      expect(grantsOf(answer)).toEqual(granted);
    });

    test("a hundred scopes at most", async () => {
      const scopes = Array.from({ length: 150 }, (_, number) => `repository:acme/r${number}:pull`);
      expect(grantsOf(await registry.askForToken(scopes.join(" ")))).toHaveLength(100);
    });

    test.each<[string, string[]]>([
      ["registry:read", ["acme/app:pull"]],
      ["registry:update", ["acme/app:push"]],
      ["registry:delete", ["acme/app:delete"]],
      ["registry:create", []],
    ])("to %s what it stands for", async (scope, granted) => {
      const token = await registry.tokenWithScopes(scope as "registry:read");
      expect(grantsOf(await registry.askForToken("repository:acme/app:pull,push,delete", token))).toEqual(
        granted,
      );
    });
  });

  describe("refuses", () => {
    test.each([
      ["a wrong password", basic("owner:wrong")],
      ["the token as user", basic(`${OWNER_TOKEN}:`)],
      ["a token with something after it", basic(`owner:${OWNER_TOKEN} `)],
      ["no Base64", "Basic ???"],
      ["an empty password", basic("owner:")],
      ["nothing", "Basic "],
      ["Bearer", `Bearer ${OWNER_TOKEN}`],
      ["a password with a zero byte", basic("owner:\0")],
    ])("%s, in the words that clients know", async (_, authorization) => {
      const { status, headers, json } = await askAs(authorization, "?scope=repository:acme/app:pull");
      expect(status).toBe(401);
      expect(json).toEqual({
        id: "Unauthorized",
        message: "Unable to authenticate you",
        request_id: headers["x-request-id"],
      });
      expect(headers["www-authenticate"]).toBe('Basic realm="boxyard"');
    });

    test.each([
      "foo",
      "acme",
      "Acme/app",
      "acme/App",
      "acme/../app",
      "acme//app",
      "registry/app",
      "x".repeat(300),
    ])("the name %s, where nothing else is asked for", async (name) => {
      const { status, json } = await registry.askForToken(`repository:${name}:pull,push`);
      expect(status).toBe(400);
      // In the words of the data plane, which its clients show.
      const message = expect.stringContaining(JSON.stringify(name));
      expect(json).toEqual({ errors: [{ code: "NAME_INVALID", message }] });
    });
  });

  describe("gives no token that outlives its credential", () => {
    test.each([
      [60, "pull", 60],
      [60, "pull,push", 60],
      [600, "pull,push", 600],
      [600, "pull", 300],
      [86_400, "pull,push", 900],
    ])("of %i seconds: for %s it lives %i", async (lifeSeconds, actions, seconds) => {
      const credential = await registry.dockerCredential({ read_write: true, expiry_seconds: lifeSeconds });
      const { json } = await registry.askForToken(`repository:acme/app:${actions}`, credential);
      // A second of it may have passed, or be under way.
      expect(json.expires_in).toBeGreaterThanOrEqual(seconds - 2);
      expect(json.expires_in).toBeLessThanOrEqual(seconds);
      const { exp = 0 } = decodeJwt(json.token);
      expect(exp * 1000).toBeLessThanOrEqual(registry.backend.now() + seconds * 1000);
    });

    test("nor to one that has expired", async () => {
      const credential = await registry.dockerCredential({ read_write: true, expiry_seconds: 60 });
      const pull = await registry.tokenFor("acme/app", "pull", credential);
      registry.passSeconds(60);
      expect((await registry.askForToken("repository:acme/app:pull", credential)).status).toBe(401);
      expect((await registry.oci("GET", "/v2/acme/app/tags/list", pull)).status).toBe(401);
    });
  });
});

describe("a push token's life", () => {
  test("is as long as the server is told", async () => {
    await using registry = await startRegistry({ writeTokenLifeSeconds: 40 });
    await registry.createRegistry("acme");
    const answer = await registry.askForToken("repository:acme/app:pull,push");
    expect(answer.json.expires_in).toBe(40);
    registry.passSeconds(40);
    expect((await registry.oci("POST", "/v2/acme/app/blobs/uploads/", answer.json.token)).status).toBe(401);
  });
});
