import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Answer,
  aBlob,
  type Method,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const { digest } = aBlob("x");
const UPLOAD = "/v2/acme/app/blobs/uploads/3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const REALM = 'Bearer realm="https://registry.example.com/v2/registry/auth",service="boxyard"';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry({ publicUrl: new URL("https://registry.example.com") });
  await registry.createRegistry("acme");
});
afterAll(() => registry[Symbol.asyncDispose]());

describe("a data-plane request without a token", () => {
  const requests: [Method, string, string | undefined][] = [
    ["GET", "/v2/", undefined],
    ["HEAD", "/v2/", undefined],
    ["GET", "/v2", undefined],
    ["GET", `/v2/acme/app/blobs/${digest}`, "acme/app:pull"],
    ["HEAD", `/v2/acme/app/blobs/${digest}`, "acme/app:pull"],
    ["DELETE", `/v2/acme/app/blobs/${digest}`, "acme/app:delete"],
    ["POST", "/v2/acme/app/blobs/uploads/", "acme/app:pull,push"],
    ["POST", `/v2/acme/app/blobs/uploads/?digest=${digest}`, "acme/app:pull,push"],
    [
      "POST",
      `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/b`,
      "acme/app:pull,push repository:acme/b:pull",
    ],
    ["POST", `/v2/acme/app/blobs/uploads/?mount=${digest}`, "acme/app:pull,push"],
    ["POST", `/v2/acme/app/blobs/uploads/?from=acme/b`, "acme/app:pull,push"],
    ["POST", `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme%22,x=%22`, "acme/app:pull,push"],
    [
      "POST",
      `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/b%20registry:catalog:*`,
      "acme/app:pull,push",
    ],
    ["POST", `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/b&from=acme/c`, "acme/app:pull,push"],
    ["GET", UPLOAD, "acme/app:pull,push"],
    ["PATCH", UPLOAD, "acme/app:pull,push"],
    ["PUT", `${UPLOAD}?digest=${digest}`, "acme/app:pull,push"],
    ["DELETE", UPLOAD, "acme/app:pull,push"],
    ["GET", "/v2/acme/app/manifests/v1", "acme/app:pull"],
    ["HEAD", "/v2/acme/app/manifests/v1", "acme/app:pull"],
    ["PUT", "/v2/acme/app/manifests/v1", "acme/app:pull,push"],
    ["DELETE", "/v2/acme/app/manifests/v1", "acme/app:delete"],
    ["GET", "/v2/acme/app/tags/list?n=5", "acme/app:pull"],
    ["GET", "/v2/acme/web/api/v2/tags/list", "acme/web/api/v2:pull"],
    ["GET", "/v2/nobody/nothing/manifests/v1", "nobody/nothing:pull"],
    ["GET", "/v2/acme/app/_oci/ext/discover", "acme/app:pull"],
    ["GET", "/v2/_oci/ext/discover", undefined],
  ];
  test.each(requests)("%s %s is sent to the token service for %s", async (method, url, scope) => {
    const { status, headers, body } = await registry.send(method, url);
    expect(status).toBe(401);
    expect(headers["www-authenticate"]).toBe(
      scope === undefined ? REALM : `${REALM},scope="repository:${scope}"`,
    );
    expect(headers["docker-distribution-api-version"]).toBe("registry/2.0");
    const answered =
      method === "HEAD" ? "" : '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}';
    expect(body.toString()).toBe(answered);
  });

  test("for the catalog is sent to the token service for that", async () => {
    for (const method of ["GET", "HEAD"] as const) {
      const { status, headers } = await registry.send(method, "/v2/_catalog?n=5");
      expect([status, headers["www-authenticate"]]).toEqual([401, `${REALM},scope="registry:catalog:*"`]);
    }
  });

  test("is refused before its body is read", async () => {
    const body = "x".repeat(8 * 1024 * 1024);
    const headers = { "content-type": "application/octet-stream" };
    for (const [method, url] of [
      ["PUT", "/v2/acme/app/manifests/v1"],
      ["PATCH", UPLOAD],
    ] as const) {
      expect((await registry.send(method, url, { payload: body, headers })).status).toBe(401);
    }
  });
});

describe("a data-plane request with a token that does not do", () => {
  async function ask(authorization: string, method: Method = "PUT"): Promise<Answer> {
    return registry.send(method, "/v2/acme/app/manifests/v1", { headers: { authorization } });
  }

  function expectChallenge(answer: Answer, rest: string): void {
    expect(answer.status).toBe(401);
    expect(answer.headers["www-authenticate"]).toBe(REALM + rest);
    expect(answer.json.errors[0].code).toBe("UNAUTHORIZED");
  }

  test("for another action is sent for more", async () => {
    const token = await registry.tokenFor("acme/app", "pull");
    const rest = ',scope="repository:acme/app:pull,push",error="insufficient_scope"';
    expectChallenge(await ask(`Bearer ${token}`), rest);
  });

  describe.each(["pull", "push", "delete", "pull,push", "pull,delete"])("that is for %s", (granted) => {
    test.each<[string, Method, (upload: string) => string]>([
      ["push", "POST", () => "/v2/acme/app/blobs/uploads/"],
      ["push", "POST", () => `/v2/acme/app/blobs/uploads/?digest=${digest}`],
      ["push", "PATCH", (upload) => upload],
      ["push", "PUT", (upload) => `${upload}?digest=${digest}`],
      ["push", "GET", (upload) => upload],
      ["push", "DELETE", (upload) => upload],
      ["push", "PUT", () => "/v2/acme/app/manifests/v1"],
      ["delete", "DELETE", () => "/v2/acme/app/manifests/v1"],
      ["delete", "DELETE", () => `/v2/acme/app/blobs/${digest}`],
      ["pull", "GET", () => `/v2/acme/app/blobs/${digest}`],
      ["pull", "GET", () => "/v2/acme/app/tags/list"],
      ["pull", "GET", () => `/v2/acme/app/referrers/${digest}`],
    ])("may %s or not, and nothing else: %s", async (action, method, urlOf) => {
      const pusher = await registry.tokenFor("acme/app", "push");
      const upload = await registry.startUpload("acme/app", pusher);
      const token = await registry.tokenFor("acme/app", granted);
      const headers = { "content-type": "application/octet-stream" };
      const answer = await registry.oci(method, urlOf(upload), token, { headers, body: "x" });
      if (granted.split(",").includes(action)) {
        expect(answer.status).not.toBe(401);
      } else {
        expect(answer.status).toBe(401);
        expect(answer.headers["www-authenticate"]).toContain(',error="insufficient_scope"');
        const { status, headers } = await registry.oci("GET", upload, pusher);
        expect([status, headers.range]).toEqual([204, "0-0"]);
      }
    });
  });

  test("for another action is sent for all that a mount needs", async () => {
    const token = await registry.tokenFor("acme/app", "pull");
    const answer = await registry.send("POST", `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/b`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const scope = "repository:acme/app:pull,push repository:acme/b:pull";
    expectChallenge(answer, `,scope="${scope}",error="insufficient_scope"`);
  });

  test("for the catalog is sent for more", async () => {
    const token = await registry.tokenFor("acme/app", "pull");
    const answer = await registry.oci("GET", "/v2/_catalog", token);
    expectChallenge(answer, ',scope="registry:catalog:*",error="insufficient_scope"');
  });

  test("for another repository is sent for more", async () => {
    const token = await registry.tokenFor("acme/ap", "pull,push");
    const rest = ',scope="repository:acme/app:pull,push",error="insufficient_scope"';
    expectChallenge(await ask(`Bearer ${token}`), rest);
  });

  test("because it has expired is sent for another", async () => {
    const token = await registry.tokenFor("acme/app", "pull,push");
    registry.passSeconds(901);
    const rest = ',scope="repository:acme/app:pull,push",error="invalid_token"';
    expectChallenge(await ask(`Bearer ${token}`), rest);
    const ping = await registry.send("GET", "/v2/", { headers: { authorization: `Bearer ${token}` } });
    expectChallenge(ping, ',error="invalid_token"');
  });

  test.each([
    ["no JWT", "Bearer x"],
    ["an API token", `Bearer ${OWNER_TOKEN}`],
    ["an empty one", "Bearer a.b.c"],
  ])("because it is %s is sent for another", async (_, authorization) => {
    const rest = ',scope="repository:acme/app:pull,push",error="invalid_token"';
    expectChallenge(await ask(authorization), rest);
  });

  test.each([
    ["Basic", `Basic ${Buffer.from(`any:${OWNER_TOKEN}`).toString("base64")}`],
    ["another scheme", "Digest x"],
    ["no scheme", OWNER_TOKEN],
    ["nothing after the scheme", "Bearer "],
    ["two words", "Bearer a b"],
  ])("because it is sent with %s is asked for one", async (_, authorization) => {
    expectChallenge(await ask(authorization), ',scope="repository:acme/app:pull,push"');
  });

  test("is not taken from the query", async () => {
    const token = await registry.tokenFor("acme/app", "pull");
    const answer = await registry.send("GET", `/v2/acme/app/tags/list?token=${token}&access_token=${token}`);
    expect(answer.status).toBe(401);
  });

  test("does, whatever case its scheme is in", async () => {
    const token = await registry.tokenFor("acme/app", "pull");
    for (const scheme of ["Bearer", "bearer", "BEARER"]) {
      expect(
        (await registry.send("GET", "/v2/", { headers: { authorization: `${scheme} ${token}` } })).status,
      ).toBe(200);
    }
  });
});

describe("a management call without a token that does", () => {
  const operations: [Method, string][] = [
    ["GET", "/v2/registry"],
    ["POST", "/v2/registry"],
    ["DELETE", "/v2/registry"],
    ["POST", "/v2/registry/validate-name"],
    ["GET", "/v2/registry/docker-credentials"],
    ["GET", "/v2/registry/acme/repositoriesV2"],
    ["GET", "/v2/registry/acme/repositories/app/tags"],
    ["DELETE", "/v2/registry/acme/repositories/app/tags/v1"],
    ["GET", "/v2/registry/acme/repositories/app/digests"],
    ["DELETE", `/v2/registry/acme/repositories/app/digests/${digest}`],
  ];

  test.each(operations)("is refused in the API's shape: %s %s", async (method, url) => {
    for (const authorization of [
      undefined,
      "Bearer nonsense",
      `Bearer ${OWNER_TOKEN}x`,
      `Basic ${OWNER_TOKEN}`,
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      const { status, headers: answered, json } = await registry.send(method, url, { headers });
      expect(status).toBe(401);
      expect(json).toEqual({
        id: "unauthorized",
        message: "Unable to authenticate you",
        request_id: answered["x-request-id"],
      });
      expect(answered["www-authenticate"]).toBe('Bearer realm="boxyard"');
      expect(answered).not.toHaveProperty("docker-distribution-api-version");
    }
  });

  test.each(operations)("is refused to a docker credential: %s %s", async (method, url) => {
    const credential = await registry.dockerCredential({ read_write: true });
    const { status, json } = await registry.api(method, url, { token: credential });
    expect(status).toBe(403);
    expect(json.id).toBe("forbidden");
  });

  test.each([
    ["GET", "/v2/registry", "registry:read"],
    ["POST", "/v2/registry", "registry:create"],
    ["DELETE", "/v2/registry", "registry:delete"],
    ["POST", "/v2/registry/validate-name", "registry:create"],
    ["GET", "/v2/registry/docker-credentials", "registry:read"],
    ["GET", "/v2/registry/acme/repositoriesV2", "registry:read"],
    ["GET", "/v2/registry/acme/repositories/app/tags", "registry:read"],
    ["DELETE", "/v2/registry/acme/repositories/app/tags/v1", "registry:delete"],
    ["GET", "/v2/registry/acme/repositories/app/digests", "registry:read"],
    ["DELETE", `/v2/registry/acme/repositories/app/digests/${digest}`, "registry:delete"],
  ] as const)("is refused without its scope: %s %s needs %s", async (method, url, scope) => {
    const all = ["registry:create", "registry:delete", "registry:read", "registry:update"] as const;
    const without = await registry.tokenWithScopes(...all.filter((one) => one !== scope));
    const { status, json, headers } = await registry.api(method, url, { token: without });
    expect(status).toBe(403);
    expect(json).toEqual({
      id: "forbidden",
      message: `you do not have access for the attempted action: the token lacks ${scope}`,
      request_id: headers["x-request-id"],
    });
  });

  test("for a writing docker credential is refused without registry:update", async () => {
    const reader = await registry.tokenWithScopes("registry:read");
    const url = "/v2/registry/docker-credentials";
    expect((await registry.api("GET", url, { token: reader })).status).toBe(200);
    expect((await registry.api("GET", `${url}?read_write=false`, { token: reader })).status).toBe(200);
    expect((await registry.api("GET", `${url}?read_write=true`, { token: reader })).status).toBe(403);
  });
});
