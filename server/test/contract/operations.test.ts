import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { transact } from "../../src/metadata/database.ts";
import { TOKEN_SCOPES } from "../../src/model/scope.ts";
import { anImage } from "../support/images.ts";
import { NO_DIGEST } from "../support/operations.ts";
import { type Answer, mustBe, OWNER_TOKEN, startRegistry, type TestRegistry } from "../support/registry.ts";
import { ORACLE, type OracleOperation } from "./oracle.ts";

// Every operation of DigitalOcean's description, in every way that it says an operation may end.

const image = anImage();
const NO_UUID = "7f3c2d5e-8a41-4b4f-9d0c-2a1b3c4d5e6f";
/** What no client can cause: a registry is created without naming anything that may be missing. */
const NEVER = ["registries_create 404"];
/** Enough for what a test prepares, but for one that is about its end. */
const RATE_LIMITS = { perHour: 100, perMinute: 100 };

/** What is where the request is made, by the names of the description's parameters. */
type Places = Record<string, string>;

describe.each(ORACLE)("$id", (operation) => {
  test.each(operation.statuses.filter((status) => !NEVER.includes(`${operation.id} ${status}`)))(
    "answers %s as it is described",
    async (documented) => {
      await using registry = await startRegistry({ rateLimits: RATE_LIMITS });
      const answer = await cause(registry, operation, documented);

      if (documented === "default") expect(operation.statuses).not.toContain(String(answer.status));
      else expect(answer.status, answer.body.toString()).toBe(Number(documented));
      expect(operation.answerErrors(answer.status, answer.body)).toEqual([]);
      for (const name of operation.headersOf(answer.status)) {
        expect([name, answer.headers[name]]).toEqual([name, expect.stringMatching(/^\d+$/)]);
      }
      if (answer.status !== 204) {
        expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
      }
    },
  );

  test("takes a token that has the scopes that are described, and refuses one without", async () => {
    await using registry = await startRegistry();
    const places = await prepare(registry, operation);
    const others = TOKEN_SCOPES.filter((scope) => !operation.scopes.includes(scope));
    const refused = await send(registry, operation, places, {
      token: await registry.tokenWithScopes(...others),
    });
    expect(refused.status).toBe(403);

    const scopes = TOKEN_SCOPES.filter((scope) => operation.scopes.includes(scope));
    const answer = await send(registry, operation, places, {
      token: await registry.tokenWithScopes(...scopes),
    });
    expect(operation.statuses[0]).toBe(String(answer.status));
  });
});

test.each(ORACLE.filter(({ queryParameters }) => queryParameters.length > 0))(
  "$id takes every parameter that is described",
  async (operation) => {
    await using registry = await startRegistry();
    const places = await prepare(registry, operation);
    const query = operation.queryParameters
      .filter((name) => name !== "page_token")
      .map((name) => (name === "read_write" ? `${name}=true` : `${name}=1`));
    const answer = await send(registry, operation, places, { query: `?${query.join("&")}` });
    expect(answer.status).toBe(200);
    expect(operation.answerErrors(200, answer.body)).toEqual([]);
  },
);

test("all 37 operations are looked at", () => {
  expect(ORACLE).toHaveLength(37);
});

/** Brings about an answer of a documented status. */
async function cause(registry: TestRegistry, operation: OracleOperation, status: string): Promise<Answer> {
  const { id } = operation;
  switch (status) {
    case "400":
      return send(registry, operation, await prepare(registry, operation), { query: "?page_token=x" });
    case "401":
      return send(registry, operation, {}, { token: "nobody" });
    case "404":
      // The older family finds none where there is none; the rest is asked for what nobody has.
      if (id !== "registry_delete") await registry.createRegistry("acme");
      return send(registry, operation, { registry_name: "nowhere" });
    case "409":
      await registry.createRegistry("acme");
      return send(registry, operation, {}, { body: { name: "acme" } });
    case "412":
      await registry.createRegistry("acme");
      mustBe(201, await registry.api("POST", "/v2/registries", { body: { name: "second" } }));
      return send(registry, operation, {}, { body: { tier_slug: "starter" } });
    case "429": {
      const places = await prepare(registry, operation);
      for (let call = 0; call < RATE_LIMITS.perMinute; call++) await registry.api("GET", "/v2/account");
      return send(registry, operation, places);
    }
    case "500": {
      const places = await prepare(registry, operation);
      const { db } = registry.backend;
      await transact(db, (tx) => sql`ALTER TABLE api_token RENAME TO nowhere`.execute(tx));
      return send(registry, operation, places);
    }
    case "default":
      return send(registry, operation, {}, { token: await registry.tokenWithScopes("account:read") });
    default:
      return send(registry, operation, await prepare(registry, operation));
  }
}

/** Makes everything be there that the operation needs to succeed. */
async function prepare(registry: TestRegistry, { id }: OracleOperation): Promise<Places> {
  const places: Places = {
    registry_name: "acme",
    repository_name: "web/api",
    repository_tag: "v1",
    manifest_digest: image.manifest.digest,
    garbage_collection_uuid: NO_UUID,
  };
  if (id.endsWith("_create")) return places;
  await registry.createRegistry("acme");
  await registry.push("acme/web/api", image, "v1");
  // Pushing goes on, so a run waits.
  if (/(get|update|list)_garbageCollection/.test(id)) {
    const { json } = mustBe(201, await registry.api("POST", "/v2/registry/acme/garbage-collection"));
    places.garbage_collection_uuid = json.garbage_collection.uuid;
  }
  return places;
}

const BODIES: Record<string, object> = {
  create: { name: "acme", subscription_tier_slug: "basic", region: "fra1" },
  update_subscription: { tier_slug: "basic" },
  validate_name: { name: "free" },
  run_garbageCollection: { type: "untagged manifests and unreferenced blobs" },
  update_garbageCollection: { cancel: true },
};

/** Sends the operation's request as the published clients do. */
async function send(
  registry: TestRegistry,
  operation: OracleOperation,
  places: Places,
  { token = OWNER_TOKEN, query = "", body }: { token?: string; query?: string; body?: object } = {},
): Promise<Answer> {
  const { id, method, path } = operation;
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(places[name] ?? fallback(name)),
  );
  const sent = BODIES[id.slice(id.indexOf("_") + 1)];
  const payload = sent === undefined ? undefined : (body ?? sent);
  if (payload !== undefined) expect(operation.requestErrors(payload)).toEqual([]);
  return registry.api(method, url + query, { token, ...(payload === undefined ? {} : { body: payload }) });
}

/** For a place that a refused request names. */
function fallback(name: string): string {
  return (
    { registry_name: "acme", manifest_digest: NO_DIGEST, garbage_collection_uuid: NO_UUID }[name] ?? "none"
  );
}
