import { describe, expect, test } from "vitest";
import { anImage } from "../../server/test/support/images.ts";
import { OWNER_TOKEN } from "../../server/test/support/registry.ts";
import { ApiError, createClient, pages, waitForGarbageCollection } from "../src/index.ts";
import { serve } from "./support/served.ts";

// What holds for every method.

const ACME = { registry_name: "acme" };
const IMMEDIATELY = { "retry-after": "0" };

/** A fetch that fails with these answers first, and then is the real one; and the methods that it was called with. */
function failing(...answers: Response[]): { fetch: typeof fetch; methods: unknown[] } {
  const methods: unknown[] = [];
  return {
    methods,
    async fetch(input, init) {
      methods.push(init?.method);
      return answers.shift() ?? fetch(input, init);
    },
  };
}

function unavailable(status = 503, headers: Record<string, string> = IMMEDIATELY): Response {
  return new Response('{"id":"server_error","message":"not now"}', { status, headers });
}

describe("an error", () => {
  test("has the answer's status, id, message and request, and what may still be called", async () => {
    await using served = await serve({ rateLimits: { perHour: 9, perMinute: 5 } });
    const failure = served.client.registries.get({ registry_name: "nowhere" });
    await expect(failure).rejects.toBeInstanceOf(ApiError);
    await expect(failure).rejects.toMatchObject({
      status: 404,
      id: "not_found",
      message: "registry does not exist",
      requestId: expect.stringMatching(/^[\da-f-]{36}$/),
      rateLimit: { limit: 9, remaining: 8, reset: expect.any(Date) },
    });
  });

  test.each([
    [502, "<h1>Bad Gateway</h1>"],
    [200, "<h1>Please log in</h1>"],
  ])("says that an answer of %s is not the API's", async (status, text) => {
    const client = createClient({ fetch: async () => new Response(text, { status }), retries: 0 });
    await expect(client.account.get()).rejects.toMatchObject({ name: "ApiError", status, id: "unreadable" });
  });
});

describe("a call that fails", () => {
  test.each([500, 503, 429])("with %s is made again", async (status) => {
    const { fetch, methods } = failing(unavailable(status), unavailable(status));
    await using served = await serve({}, { fetch });
    expect((await served.client.registries.list()).registries).toEqual([]);
    expect(methods).toEqual(["GET", "GET", "GET"]);
  });

  test("is made again without being told when, at a time of its own", async () => {
    const { fetch, methods } = failing(unavailable(500, {}));
    await using served = await serve({}, { fetch });
    await served.client.account.get();
    expect(methods).toHaveLength(2);
  });

  test("is made again at a date too", async () => {
    const { fetch, methods } = failing(unavailable(503, { "retry-after": new Date().toUTCString() }));
    await using served = await serve({}, { fetch });
    await served.client.account.get();
    expect(methods).toHaveLength(2);
  });

  test("is given up after as many attempts as it may have", async () => {
    const { fetch, methods } = failing(unavailable(), unavailable(), unavailable());
    const client = createClient({ fetch, retries: 5 });
    await expect(client.account.get({ retries: 2 })).rejects.toMatchObject({
      status: 503,
      id: "server_error",
    });
    expect(methods).toHaveLength(3);
  });

  test("is not made again where that could do it twice", async () => {
    const { fetch, methods } = failing(unavailable(), unavailable());
    const client = createClient({ fetch });
    await expect(client.registries.create({ name: "acme" })).rejects.toMatchObject({ status: 503 });
    await expect(client.boxyard.updateRegistrySettings(ACME)).rejects.toMatchObject({ status: 503 });
    expect(methods).toEqual(["POST", "PATCH"]);
  });

  test("is not made again where the client is at fault, or would wait for long", async () => {
    const { fetch, methods } = failing(unavailable(422), unavailable(429, { "retry-after": "3000" }));
    const client = createClient({ fetch });
    await expect(client.account.get()).rejects.toMatchObject({ status: 422 });
    await expect(client.account.get()).rejects.toMatchObject({ status: 429 });
    expect(methods).toHaveLength(2);
  });
});

describe("a call ends", () => {
  const never: typeof fetch = (_input, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });

  test("when it takes too long", async () => {
    const client = createClient({ fetch: never, timeout: 60_000 });
    await expect(client.account.get({ timeout: 1 })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("when its signal says so", async () => {
    const client = createClient({ fetch: never });
    const controller = new AbortController();
    const call = client.account.get({ signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });

  test("when its signal says so between two attempts", async () => {
    const controller = new AbortController();
    const client = createClient({
      async fetch() {
        setTimeout(() => controller.abort());
        return unavailable(503, { "retry-after": "30" });
      },
    });
    await expect(client.account.get({ signal: controller.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

describe("a request", () => {
  test("has the token that a function gives for each attempt", async () => {
    const { fetch } = failing(unavailable());
    const tokens = ["ended", OWNER_TOKEN];
    await using served = await serve({}, { fetch, token: async () => tokens.shift() ?? "" });
    expect((await served.client.account.get()).account.status).toBe("active");
    expect(tokens).toEqual([]);
  });

  test("goes to DigitalOcean where nothing else is said, and below a path where it is", async () => {
    const urls: string[] = [];
    const noted: typeof fetch = async (input) => {
      urls.push(String(input));
      return new Response("{}");
    };
    await createClient({ fetch: noted }).account.get();
    await createClient({ fetch: noted, baseUrl: new URL("http://localhost/boxyard/") }).account.get();
    expect(urls).toEqual(["https://api.digitalocean.com/v2/account", "http://localhost/boxyard/v2/account"]);
  });

  test.each(["", ".", ".."])("is not made for a registry called %j", async (registry_name) => {
    const { fetch, methods } = failing();
    const client = createClient({ fetch });
    await expect(client.registries.delete({ registry_name })).rejects.toThrow(TypeError);
    expect(methods).toEqual([]);
  });
});

describe("a list", () => {
  test("is turned page by page, by token where there is one", async () => {
    const urls: URL[] = [];
    await using served = await serve(
      {},
      {
        fetch(input, init) {
          urls.push(new URL(String(input)));
          return fetch(input, init);
        },
      },
    );
    const { registry, client } = served;
    await registry.createRegistry("acme");
    const image = anImage();
    for (const name of ["a", "b", "c/d"]) await registry.push(`acme/${name}`, image, "v1");
    for (const tag of ["v2", "v3"]) await registry.push("acme/c/d", image, tag);

    const names: string[][] = [];
    for await (const { repositories } of pages(client.registries.listRepositoriesV2, {
      ...ACME,
      per_page: 2,
    })) {
      names.push(repositories.map(({ name }) => name));
    }
    expect(names).toEqual([["a", "b"], ["c/d"]]);
    expect(urls[1]?.searchParams.get("page_token")).not.toBeNull();

    const tags: number[] = [];
    const repository = { ...ACME, repository_name: "c/d" };
    for await (const page of pages(client.registry.listRepositoryTags, { ...repository, per_page: 2 })) {
      tags.push(page.tags.length);
    }
    expect(tags).toEqual([2, 1]);
    expect(urls.every(({ origin }) => origin === served.origin)).toBe(true);
  });
});

describe("a garbage collection", () => {
  test("is waited for, and returned as it ended", async () => {
    await using served = await serve();
    const { registry, client } = served;
    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
    const { garbage_collection: run } = await client.registries.runGarbageCollection({
      ...ACME,
      writes: "continue",
    });
    const ended = await waitForGarbageCollection(client, run, { interval: 20 });
    expect(ended).toMatchObject({ uuid: run.uuid, status: "succeeded" });
    const unknown = { ...run, uuid: crypto.randomUUID() };
    await expect(waitForGarbageCollection(client, unknown)).rejects.toThrow(RangeError);
  });

  test("goes on when nobody waits for it any longer", async () => {
    await using served = await serve({ background: false });
    const { registry, client } = served;
    await registry.createRegistry("acme");
    const { garbage_collection: run } = await client.registries.runGarbageCollection(ACME);
    const waiting = waitForGarbageCollection(client, run, { signal: AbortSignal.timeout(50) });
    await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
    expect((await client.registries.getGarbageCollection(ACME)).garbage_collection.uuid).toBe(run.uuid);
  });
});
