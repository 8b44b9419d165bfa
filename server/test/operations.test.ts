import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TOKEN_SCOPES } from "../src/model/scope.ts";
import { anImage } from "./support/images.ts";
import { type Operation, operationsIn, shortPathsIn, UNNAMED_OPERATIONS } from "./support/operations.ts";
import { type Answer, mustBe, OWNER_TOKEN, startRegistry, type TestRegistry } from "./support/registry.ts";

// What holds of every operation, whatever it does.

const OPERATIONS = [...UNNAMED_OPERATIONS, ...operationsIn("acme")];
const NO_RUN = "7f3c2d5e-8a41-4b4f-9d0c-2a1b3c4d5e6f";
const ALL = [...OPERATIONS, ...shortPathsIn("acme")];

let registry: TestRegistry;
let readOnly: string;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.createRegistry("acme");
  await registry.push("acme/web/api", anImage(), "v1");
  readOnly = await registry.tokenWithScopes("registry:read");
});
afterAll(() => registry[Symbol.asyncDispose]());

function call(
  { method, path, body }: Operation,
  { token = OWNER_TOKEN, query = "", raw = body && JSON.stringify(body) }: Call = {},
): Promise<Answer> {
  return registry.send(method, path + query, {
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(raw === undefined ? {} : { payload: raw }),
  });
}

interface Call {
  token?: string;
  query?: string;
  raw?: string;
}

function expectRefusal(answer: Answer, status: number, id: string): void {
  expect([answer.status, answer.json]).toEqual([
    status,
    { id, message: expect.stringMatching(/./), request_id: answer.headers["x-request-id"] },
  ]);
}

/** What a deletion or a change would have touched. */
async function expectNothingChanged(): Promise<void> {
  const { json } = await registry.api("GET", "/v2/registries/acme/repositories/web%2Fapi/tags");
  expect(json.meta.total).toBe(1);
  const runs = await registry.api("GET", "/v2/registries/acme/garbage-collections");
  expect(runs.json.meta.total).toBe(0);
  const { registries } = (await registry.api("GET", "/v2/registries")).json;
  expect(registries).toHaveLength(1);
  expect(registries[0].subscription.tier.slug).toBe("professional");
}

test("there are 37 of them", () => {
  expect(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size).toBe(37);
});

describe.each(ALL)("$method $path", (operation) => {
  const { method, path, scope } = operation;

  test("is for those who say who they are", async () => {
    for (const headers of [
      {},
      { authorization: "" },
      { authorization: "Bearer " },
      { authorization: `Basic ${OWNER_TOKEN}` },
    ]) {
      expectRefusal(await registry.send(method, path, { headers }), 401, "unauthorized");
    }
    for (const token of ["x", `${OWNER_TOKEN}x`, OWNER_TOKEN.toUpperCase()]) {
      expectRefusal(await call(operation, { token }), 401, "unauthorized");
    }
    await expectNothingChanged();
  });

  test(`needs a token with ${scope} (BIT-gitea-2025-68944)`, async () => {
    const others = TOKEN_SCOPES.filter((other) => other !== scope);
    const answer = await call(operation, { token: await registry.tokenWithScopes(...others) });
    expectRefusal(answer, 403, "forbidden");
    expect(answer.json.message).toContain(scope);
    await expectNothingChanged();
  });

  test("is not for a docker credential", async () => {
    const token = await registry.dockerCredential({ read_write: true });
    expectRefusal(await call(operation, { token }), 403, "forbidden");
    await expectNothingChanged();
  });

  test("ends with the token", async () => {
    const token = await registry.tokenWithScopes(...TOKEN_SCOPES);
    const payload = new URLSearchParams({ token }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    mustBe(200, await registry.send("POST", "/v1/oauth/revoke", { headers, payload }));
    expectRefusal(await call(operation, { token }), 401, "unauthorized");
    await expectNothingChanged();
  });
});

describe.each(ALL.filter(({ body }) => body !== undefined))("the body of $method $path", (operation) => {
  const wanted = operation.body as Record<string, unknown>;

  test.each([
    ["{", 400],
    ["name=x", 400],
    ['{"name":"a","__proto__":{}}', 400],
    ["[]", 422],
    ['"x"', 422],
    ["5", 422],
    ["true", 422],
  ])("is refused where it is %s", async (raw, status) => {
    const id = status === 400 ? "bad_request" : "unprocessable_entity";
    expectRefusal(await call(operation, { raw }), status, id);
    await expectNothingChanged();
  });

  test.each(Object.keys(wanted))("is refused with a %s of another type", async (field) => {
    const right = typeof wanted[field] === "boolean" ? "yes" : true;
    for (const value of [right, 5, 1.5, [], {}, ["acme"], "x".repeat(100_000), "\0"]) {
      const raw = JSON.stringify({ ...wanted, [field]: value });
      expectRefusal(await call(operation, { raw }), 422, "unprocessable_entity");
    }
    await expectNothingChanged();
  });
});

test.each(ALL.filter(({ body, path }) => body !== undefined && !path.includes("garbage-collection")))(
  "the body of $method $path is refused where nothing is in it",
  async (operation) => {
    for (const raw of ["", "null", "{}"]) {
      expectRefusal(await call(operation, { raw }), 422, "unprocessable_entity");
    }
    await expectNothingChanged();
  },
);

describe.each(OPERATIONS.filter(({ query }) => query !== undefined))("the query of $path", (operation) => {
  test("is taken with what nobody knows in it", async () => {
    const query = "?page_size=1&limit=x&__proto__=1&constructor=2&%00=%ff&=&&a=1&a=2";
    expect((await call(operation, { query })).status).toBe(200);
  });

  test.each(operation.query ?? [])("is refused with %s twice", async (name) => {
    const answer = await call(operation, { query: `?${name}=1&${name}=2` });
    expectRefusal(answer, 422, "unprocessable_entity");
    expect(answer.json.message).toContain(name);
  });
});

test.each(OPERATIONS.filter(({ method }) => method === "GET"))(
  "GET $path takes an empty body that says that it is JSON",
  async (operation) => {
    const { status } = await call(operation, { raw: "", token: readOnly });
    expect(status).toBe(operation.path.endsWith("garbage-collection") ? 404 : 200);
  },
);

test("a run of another account's registry is none in one's own", async () => {
  await using other = await startRegistry();
  await other.createRegistry("acme");
  const token = await other.addAccount("foreign");
  // Somebody may push, so that it waits.
  await other.tokenFor("foreign/app", "pull,push", token);
  const started = await other.api("POST", "/v2/registry/foreign/garbage-collection", { token });
  const { uuid } = mustBe(201, started).json.garbage_collection;
  for (const family of ["registry", "registries"]) {
    const url = `/v2/${family}/acme/garbage-collection/${uuid}`;
    const [answer, none] = [
      await other.api("PUT", url, { body: { cancel: true } }),
      await other.api("PUT", url.replace(uuid, NO_RUN), { body: { cancel: true } }),
    ];
    expect([answer.status, answer.json.message]).toEqual([404, none.json.message]);
  }
  mustBe(200, await other.api("GET", "/v2/registry/foreign/garbage-collection", { token }));
});

describe("an operation on another account's registry is one on none", () => {
  let owner: string;
  beforeAll(async () => {
    owner = await registry.addAccount("foreign");
  });

  test.each([...operationsIn("foreign"), ...shortPathsIn("foreign")])("$method $path", async (operation) => {
    const ask = (registryName: string) =>
      call({ ...operation, path: operation.path.replace("foreign", registryName) });

    const foreign = await ask("foreign");
    expectRefusal(foreign, 404, "not_found");
    expect(foreign.json.message).toBe("registry does not exist");
    for (const name of ["nowhere", "%00", "A", "a%2Fb", "x".repeat(64), "x".repeat(10_000), "%F0%9F%92%A9"]) {
      const answer = await ask(name);
      expect([name, answer.status]).toEqual([name, 404]);
      expect({ ...answer.json, request_id: "" }).toEqual({ ...foreign.json, request_id: "" });
    }
    mustBe(200, await registry.api("GET", "/v2/registries/foreign", { token: owner }));
  });
});
