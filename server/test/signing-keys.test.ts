import { randomUUID } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { listSigningKeys } from "../src/metadata/signing-keys.ts";
import { MemoryBlobStore } from "../src/storage/memory.ts";
import { anImage } from "./support/images.ts";
import { freshDatabase } from "./support/postgres.ts";
import { describeOnBothDatabases, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

const DAY_SECONDS = 24 * 60 * 60;

/** Rotates the keys and returns the new one's id. */
async function rotate(registry: TestRegistry): Promise<string> {
  return mustBe(201, await registry.api("POST", "/api/v1/signing-keys")).json.signing_key.id;
}

async function pull(registry: TestRegistry, token: string): Promise<number> {
  return (await registry.oci("GET", "/v2/acme/app/manifests/v1", token)).status;
}

function keyOf(token: string): string | undefined {
  return decodeProtectedHeader(token).kid;
}

/** A token like another one, under the name of a key that nobody has. */
async function forged(token: string): Promise<string> {
  const { privateKey } = await generateKeyPair("EdDSA");
  return new SignJWT(decodeJwt(token))
    .setProtectedHeader({ alg: "EdDSA", kid: randomUUID() })
    .sign(privateKey);
}

describeOnBothDatabases("the keys that sign tokens", (database) => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    await registry.push("acme/app", anImage(), "v1");
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("are rotated by command: what they signed before opens what it says until it expires", async () => {
    const before = await registry.tokenFor("acme/app", "pull");
    const id = await rotate(registry);
    const after = await registry.tokenFor("acme/app", "pull");
    expect(keyOf(before)).not.toBe(id);
    expect(keyOf(after)).toBe(id);
    for (const token of [before, after]) expect(await pull(registry, token)).toBe(200);
    registry.passSeconds(301);
    for (const token of [before, after]) expect(await pull(registry, token)).toBe(401);
  });

  test("are rotated while requests go on, and none of these fails", async () => {
    let rotating = true;
    const asking = Array.from({ length: 4 }, async () => {
      const seen: number[] = [];
      while (rotating) seen.push(await pull(registry, await registry.tokenFor("acme/app", "pull")));
      return seen;
    });
    for (let time = 0; time < 3; time++) await rotate(registry);
    rotating = false;
    const statuses = (await Promise.all(asking)).flat();
    expect(statuses.length).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  test("are rotated while an upload goes on, whose token has expired meanwhile", async () => {
    const token = await registry.tokenFor("acme/app", "pull,push");
    const location = await registry.startUpload("acme/app", token);
    await rotate(registry);
    registry.passSeconds(DAY_SECONDS - 3600);
    await rotate(registry);
    const headers = { "content-type": "application/octet-stream" };
    mustBe(202, await registry.oci("PATCH", location, token, { headers, body: "x" }));
  });

  test("are rotated by themselves after thirty days, and go a day after that", async () => {
    const first = keyOf(await registry.tokenFor("acme/app"));
    registry.passSeconds(30 * DAY_SECONDS - 7200);
    const before = await registry.tokenFor("acme/app", "pull,push");
    expect(keyOf(before)).toBe(first);
    registry.passSeconds(600);
    // Whatever was rotated above is as old: one of these two finds its key too old to sign with.
    registry.passSeconds(7200);
    const after = await registry.tokenFor("acme/app");
    expect(keyOf(after)).not.toBe(first);
    expect(await pull(registry, after)).toBe(200);
    registry.passSeconds(2 * DAY_SECONDS);
    await rotate(registry);
    const left = await listSigningKeys(registry.backend.db);
    expect(left.map(({ id }) => id)).not.toContain(first);
  });

  test("are rotated by the owner alone", async () => {
    const others = [
      await registry.tokenWithScopes("registry:read", "registry:update"),
      await registry.dockerCredential({ read_write: true }),
    ];
    for (const token of others) {
      expect((await registry.api("POST", "/api/v1/signing-keys", { token })).status).toBe(403);
    }
    expect((await registry.send("POST", "/api/v1/signing-keys")).status).toBe(401);
  });
});

describe("two servers on one database", () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let one: TestRegistry;
  let other: TestRegistry;
  beforeAll(async () => {
    database = await freshDatabase();
    const store = new MemoryBlobStore();
    const options = { dbUrl: database.url, openStore: () => store };
    one = await startRegistry(options);
    other = await startRegistry(options);
    await one.createRegistry("acme");
    await one.push("acme/app", anImage(), "v1");
  });
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  test("verify each other's tokens", async () => {
    expect(await pull(other, await one.tokenFor("acme/app", "pull"))).toBe(200);
    expect(await pull(one, await other.tokenFor("acme/app", "pull"))).toBe(200);
  });

  test("take each other's new key at once, and sign with it within a minute", async () => {
    const before = await other.tokenFor("acme/app", "pull,push");
    const id = await rotate(one);
    other.passSeconds(60);
    expect(keyOf(await other.tokenFor("acme/app", "pull"))).toBe(id);
    const next = await rotate(one);
    const token = await one.tokenFor("acme/app", "pull");
    expect(keyOf(token)).toBe(next);
    expect(await pull(other, token)).toBe(200);
    for (const server of [one, other]) expect(await pull(server, before)).toBe(200);
  });

  test("rotate their keys in turns while both are asked, and no request fails", async () => {
    let rotating = true;
    const ask = async (signing: TestRegistry, verifying: TestRegistry) => {
      const seen = new Set<number>();
      while (rotating) seen.add(await pull(verifying, await signing.tokenFor("acme/app", "pull")));
      return [...seen];
    };
    const asking = [ask(one, one), ask(one, other), ask(other, one), ask(other, other)];
    for (const server of [one, other, one]) await rotate(server);
    rotating = false;
    expect(await Promise.all(asking)).toEqual([[200], [200], [200], [200]]);
  });

  test("take a new key among tokens that name keys which nobody has", async () => {
    const sample = await one.tokenFor("acme/app", "pull");
    const forgeries = await Promise.all(Array.from({ length: 50 }, () => forged(sample)));
    await rotate(one);
    const token = await one.tokenFor("acme/app", "pull");
    const [status, ...others] = await Promise.all([token, ...forgeries].map((each) => pull(other, each)));
    expect(status).toBe(200);
    expect(new Set(others)).toEqual(new Set([401]));
  });

  test("ask the database for keys one at a time, however many tokens name keys which nobody has", async () => {
    const sample = await one.tokenFor("acme/app", "pull");
    const forgeries = await Promise.all(Array.from({ length: 50 }, () => forged(sample)));
    const locking = new pg.Client(database.url);
    // Within its transaction it would see the others as they were at first.
    const watching = new pg.Client(database.url);
    await Promise.all([locking.connect(), watching.connect()]);
    const asking = async () => {
      const { rows } = await watching.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%from \"signing_key\"%'",
      );
      return rows.length;
    };
    try {
      await locking.query("BEGIN; LOCK TABLE signing_key IN ACCESS EXCLUSIVE MODE");
      const answers = forgeries.map((token) => pull(other, token));
      await vi.waitFor(async () => expect(await asking()).toBe(1), { timeout: 30_000 });
      answers.push(...forgeries.map((token) => pull(other, token)));
      // A request that asks for no key goes through meanwhile, and those after it have had their turn too.
      expect(await pull(other, sample)).toBe(200);
      expect(await asking()).toBe(1);
      await locking.query("COMMIT");
      expect(new Set(await Promise.all(answers))).toEqual(new Set([401]));
    } finally {
      await Promise.all([locking.end(), watching.end()]);
    }
  });
});
