import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aBlob, type Method, OWNER_TOKEN, startRegistry, type TestRegistry } from "./support/registry.ts";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const { digest } = aBlob("x");

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.createRegistry("acme");
});
afterAll(() => registry[Symbol.asyncDispose]());

function send(method: Method, url: string, headers: Record<string, string> = {}, payload?: string | Buffer) {
  return registry.send(method, url, {
    headers: { authorization: `Bearer ${OWNER_TOKEN}`, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

const JSON_TYPE = { "content-type": "application/json" };

describe("a request without a body that says that it is JSON, as clients send it,", () => {
  test.each<[Method, string]>([
    ["DELETE", "/v2/registry/acme/repositories/app/tags/v1"],
    ["DELETE", `/v2/registry/acme/repositories/app/digests/${digest}`],
    ["GET", "/v2/registry/acme/repositoriesV2"],
  ])("is answered like one that says nothing: %s %s", async (method, url) => {
    const plain = await send(method, url);
    const typed = await send(method, url, JSON_TYPE);
    const empty = await send(method, url, { ...JSON_TYPE, "content-length": "0" });
    expect(plain.status).toBeLessThan(500);
    for (const answer of [typed, empty]) {
      expect(answer.status).toBe(plain.status);
      expect(answer.body.length).toBe(plain.body.length);
    }
  });

  test("deletes a registry", async () => {
    await using other = await startRegistry();
    await other.createRegistry("acme");
    const headers = { authorization: `Bearer ${OWNER_TOKEN}`, ...JSON_TYPE };
    expect((await other.send("DELETE", "/v2/registry", { headers })).status).toBe(204);
  });
});

describe("a body", () => {
  const bodies: [string, string, number, string][] = [
    ["that is no JSON", "{", 400, "bad_request"],
    ["that is a word", "name", 400, "bad_request"],
    ["with a comment", '{"name":"a"} // x', 400, "bad_request"],
    ["that sets a prototype", '{"name":"a","__proto__":{"admin":true}}', 400, "bad_request"],
    [
      "that sets a constructor's prototype",
      '{"name":"a","constructor":{"prototype":{}}}',
      400,
      "bad_request",
    ],
    ["that is nothing", "", 422, "unprocessable_entity"],
    ["that is null", "null", 422, "unprocessable_entity"],
    ["that is a list", "[]", 422, "unprocessable_entity"],
    ["that is a string", '"acme"', 422, "unprocessable_entity"],
    ["that is a number", "5", 422, "unprocessable_entity"],
    ["without what is needed", "{}", 422, "unprocessable_entity"],
    ["with a number for a name", '{"name":5}', 422, "unprocessable_entity"],
    ["with null for a name", '{"name":null}', 422, "unprocessable_entity"],
    ["with a list for a name", '{"name":["a"]}', 422, "unprocessable_entity"],
    ["with an object for a name", '{"name":{}}', 422, "unprocessable_entity"],
    ["with true for a name", '{"name":true}', 422, "unprocessable_entity"],
    ["with a zero byte in a name", '{"name":"a\\u0000"}', 422, "unprocessable_entity"],
  ];
  test.each(bodies)("%s is refused", async (_, body, status, id) => {
    for (const url of ["/v2/registry/validate-name", "/v2/registry"]) {
      const answer = await send("POST", url, JSON_TYPE, body);
      expect(answer.status).toBe(status);
      expect(answer.json).toEqual({
        id,
        message: expect.stringMatching(/./),
        request_id: answer.headers["x-request-id"],
      });
    }
  });

  test("is refused with what is wrong in it", async () => {
    const message = async (body: string) =>
      (await send("POST", "/v2/registry/validate-name", JSON_TYPE, body)).json.message;
    expect(await message("{")).toBe("error parsing request body");
    expect(await message('{"name":5}')).toBe("request payload validation failed: body/name must be string");
    expect(await message("{}")).toMatch(/^request payload validation failed: body .*name/);
  });

  test.each([
    ["region", '{"name":"x","region":5}'],
    ["subscription_tier_slug", '{"name":"x","subscription_tier_slug":{}}'],
  ])("with a wrong %s is refused", async (field, body) => {
    const answer = await send("POST", "/v2/registry", JSON_TYPE, body);
    expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
    expect(answer.json.message).toContain(`body/${field}`);
  });

  test("may say its character set, and have fields that nobody knows", async () => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    expect((await send("POST", "/v2/registry/validate-name", headers, '{"name":"free","x":1}')).status).toBe(
      204,
    );
  });

  test.each([
    ["text/plain", '{"name":"free"}', 422],
    ["application/xml", "<name/>", 415],
    ["application/x-www-form-urlencoded", "name=free", 415],
    ["nonsense", "x", 415],
  ])("that is %s is refused", async (type, body, status) => {
    const answer = await send("POST", "/v2/registry/validate-name", { "content-type": type }, body);
    expect(answer.status).toBe(status);
    expect(answer.json.id).toBe(status === 415 ? "unsupported_media_type" : "unprocessable_entity");
  });

  test.each([
    ["packed", { "content-encoding": "gzip" }, gzipSync('{"name":"free"}')],
    [
      "in UTF-16",
      { "content-type": "application/json; charset=utf-16le" },
      Buffer.from('{"name":"free"}', "utf16le"),
    ],
    [
      "in Latin-1",
      { "content-type": "application/json; charset=iso-8859-1" },
      Buffer.from('{"name":"\xe9"}', "latin1"),
    ],
    ["in no encoding", {}, Buffer.from('{"name":"\xff\xfe"}', "latin1")],
  ])("%s is refused", async (_, headers, body) => {
    const answer = await send("POST", "/v2/registry/validate-name", { ...JSON_TYPE, ...headers }, body);
    expect([400, 422]).toContain(answer.status);
    expect(answer.json.message).toMatch(/./);
  });

  test("of more than a MiB is refused", async () => {
    const body = JSON.stringify({ name: "x".repeat(1024 * 1024) });
    const answer = await send("POST", "/v2/registry/validate-name", JSON_TYPE, body);
    expect([answer.status, answer.json.id]).toEqual([413, "payload_too_large"]);
  });

  test("of as many brackets as fit is refused", async () => {
    const body = "[".repeat(500_000) + "]".repeat(500_000);
    const answer = await send("POST", "/v2/registry/validate-name", JSON_TYPE, body);
    expect([answer.status, answer.json.id]).toEqual([422, "unprocessable_entity"]);
  });
});

describe("an operation that there is not", () => {
  const operations: [Method, string][] = [
    ["PUT", "/v2/registry"],
    ["PATCH", "/v2/registry"],
    ["GET", "/v2/registry/validate-name"],
    ["POST", "/v2/registry/docker-credentials"],
    ["GET", "/v2/registry/acme"],
    ["GET", "/v2/registry/acme/nothing"],
    ["GET", "/v2/registry/acme/repositories/app"],
    ["POST", "/v2/registry/acme/repositories/app/tags"],
    ["GET", "/v2/registry/acme/repositories/a/b/tags"],
    ["GET", "/v2/registries/nothing/at/all"],
    ["GET", "/v2/account/nothing"],
    ["GET", "/v2/kubernetes/nothing"],
    ["GET", "/v1/nothing"],
    ["GET", "/"],
    ["GET", "/favicon.ico"],
    ["GET", "/v3/"],
  ];
  test.each(operations)("answers 404 in the API's shape: %s %s", async (method, url) => {
    for (const headers of [{}, { authorization: "" }]) {
      const answer = await send(method, url, headers);
      expect(answer.status).toBe(404);
      expect(answer.json).toEqual({
        id: "not_found",
        message: "The resource you requested could not be found.",
        request_id: answer.headers["x-request-id"],
      });
      expect(answer.headers).not.toHaveProperty("docker-distribution-api-version");
    }
  });

  test("answers a body that nobody reads", async () => {
    const answer = await send("POST", "/v2/registry/nothing", { "content-type": "application/xml" }, "<x/>");
    expect([answer.status, answer.json.id]).toEqual([404, "not_found"]);
  });
});

describe("every answer", () => {
  test.each<[Method, string]>([
    ["GET", "/v2/registry"],
    ["GET", "/v2/registry/acme/repositoriesV2"],
    ["DELETE", "/v2/registry/acme/repositories/app/tags/v1"],
    ["GET", "/v2/registry/nothing"],
    ["GET", "/v2/registry/%zz"],
    ["GET", "/v2/registry/auth"],
    ["GET", "/v2/"],
    ["GET", "/v2/acme/app/tags/list"],
    ["GET", "/v2/acme/app/manifests/%zz"],
    ["GET", "/v2/nothing"],
    ["GET", "/livez"],
    ["GET", "/readyz"],
    ["GET", "/nothing"],
  ])("names the request, each its own: %s %s", async (method, url) => {
    const ids = [];
    for (let time = 0; time < 2; time++) {
      const { headers } = await send(method, url, { "x-request-id": "mine", "request-id": "mine" });
      expect(headers["x-request-id"]).toMatch(UUID);
      ids.push(headers["x-request-id"]);
    }
    expect(new Set(ids).size).toBe(2);
  });
});
