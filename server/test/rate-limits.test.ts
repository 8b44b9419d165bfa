import { afterEach, describe, expect, test } from "vitest";
import {
  type Answer,
  type Method,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from "./support/registry.ts";

let registry: TestRegistry;
afterEach(() => registry[Symbol.asyncDispose]());

async function start(perHour: number, perMinute: number, options: TestRegistryOptions = {}): Promise<void> {
  registry = await startRegistry({ ...options, rateLimits: { perHour, perMinute } });
}

function ask(token = OWNER_TOKEN): Promise<Answer> {
  return registry.api("GET", "/v2/registry/options", { token });
}

function budgetOf({ headers }: Answer): [limit: string | undefined, remaining: string | undefined] {
  return [headers["ratelimit-limit"], headers["ratelimit-remaining"]].map(String) as [string, string];
}

describe("an answer of the management API says what is left", () => {
  test("of the hour, and when the oldest call is forgotten", async () => {
    await start(5000, 250);
    const before = Math.floor(registry.backend.now() / 1000);
    const first = await ask();
    expect(budgetOf(first)).toEqual(["5000", "4999"]);
    const reset = Number(first.headers["ratelimit-reset"]);
    expect(reset).toBeGreaterThanOrEqual(before + 3600);
    expect(reset).toBeLessThanOrEqual(before + 3600 + 60);

    registry.passSeconds(1800);
    const second = await ask();
    expect(budgetOf(second)).toEqual(["5000", "4998"]);
    expect(second.headers["ratelimit-reset"]).toBe(first.headers["ratelimit-reset"]);
    registry.passSeconds(1801);
    expect(budgetOf(await ask())).toEqual(["5000", "4998"]);
  });

  test.each<[Method, string, number, string]>([
    ["POST", "/v2/registries", 422, "4999"],
    ["GET", "/v2/registries/nothing", 404, "4999"],
    ["DELETE", "/v2/registry", 404, "4999"],
    ["GET", "/v2/account", 200, "4999"],
    ["GET", "/v1/oauth/token/info", 200, "4999"],
    ["GET", "/v2/registry/nothing/at/all", 404, "5000"],
    ["GET", "/v2/account/nothing", 404, "5000"],
  ])("also where it refuses: %s %s", async (method, url, status, remaining) => {
    await start(5000, 250);
    const answer = await registry.api(method, url);
    expect([answer.status, ...budgetOf(answer)]).toEqual([status, "5000", remaining]);
    expect(answer.headers["ratelimit-reset"]).toMatch(/^\d+$/);
  });

  test("also where nothing is in it, and to those who may not", async () => {
    await start(5000, 250);
    await registry.createRegistry("acme");
    expect(budgetOf(await registry.api("DELETE", "/v2/registry"))).toEqual(["5000", "4998"]);
    expect(budgetOf(await ask("nobody"))).toEqual(["5000", "5000"]);
    expect(budgetOf(await ask(await registry.tokenWithScopes("account:read")))).toEqual(["5000", "4999"]);
  });

  test("and says nothing where nothing is limited", async () => {
    registry = await startRegistry();
    for (const answer of [await ask(), await ask("nobody")]) {
      expect(Object.keys(answer.headers).filter((name) => name.startsWith("ratelimit"))).toEqual([]);
    }
  });
});

describe("a token that has called too often", () => {
  function expectTooMany(answer: Answer): void {
    expect([answer.status, answer.json]).toEqual([
      429,
      {
        id: "too_many_requests",
        message: "API rate limit exceeded.",
        request_id: answer.headers["x-request-id"],
      },
    ]);
    expect(answer.headers["ratelimit-remaining"]).toBe("0");
  }

  test("in a minute is told how long to wait, and then may", async () => {
    await start(5000, 3);
    for (let call = 0; call < 3; call++) expect((await ask()).status).toBe(200);
    registry.passSeconds(31);
    const refused = await ask();
    expectTooMany(refused);
    expect(refused.headers["ratelimit-limit"]).toBe("5000");
    const seconds = Number(refused.headers["retry-after"]);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(29);
    registry.passSeconds(seconds);
    const answer = await ask();
    // What was refused was not counted.
    expect([answer.status, ...budgetOf(answer)]).toEqual([200, "5000", "4996"]);
  });

  test("in an hour is let in again as its calls are forgotten, one by one", async () => {
    await start(3, 250);
    for (let call = 0; call < 3; call++) {
      expect(budgetOf(await ask())).toEqual(["3", String(2 - call)]);
      registry.passSeconds(600);
    }
    const refused = await ask();
    expectTooMany(refused);
    expect(refused.headers).not.toHaveProperty("retry-after");
    registry.passSeconds(
      Number(refused.headers["ratelimit-reset"]) - Math.floor(registry.backend.now() / 1000),
    );
    expect((await ask()).status).toBe(200);
    expectTooMany(await ask());
    registry.passSeconds(600);
    expect((await ask()).status).toBe(200);
  });

  test("changes nothing, and is in no other's way", async () => {
    // The owner makes the other token with the first of two calls.
    await start(5000, 2);
    const other = await registry.tokenWithScopes("registry:read");
    expect((await ask()).status).toBe(200);
    expectTooMany(await registry.api("POST", "/v2/registry", { body: { name: "acme" } }));
    expect(budgetOf(await ask(other))).toEqual(["5000", "4999"]);
    registry.passSeconds(61);
    expect((await registry.api("GET", "/v2/registry")).status).toBe(404);
  });

  test("pushes, pulls and fetches tokens for that as before, and is measured as before", async () => {
    await start(5000, 2);
    await registry.createRegistry("acme");
    const token = await registry.tokenFor("acme/app");
    await ask();
    expectTooMany(await ask());
    for (let call = 0; call < 5; call++) {
      expect((await registry.askForToken("repository:acme/app:pull,push")).status).toBe(200);
      const answer = await registry.oci("POST", "/v2/acme/app/blobs/uploads/", token);
      expect(answer.status).toBe(202);
      expect(answer.headers).not.toHaveProperty("ratelimit-limit");
      expect((await registry.api("GET", "/metrics")).status).toBe(200);
    }
  });

  test("is counted over thousands of calls", async () => {
    await start(2500, 5000);
    for (let call = 0; call < 2500; call++) await ask();
    expectTooMany(await ask());
    registry.passSeconds(3601);
    for (let call = 1; call <= 1500; call++) await ask();
    expect(budgetOf(await ask())).toEqual(["2500", "999"]);
  });
});
