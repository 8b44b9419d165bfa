import { randomUUID } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { CompiledQuery, createQueryId, type RootOperationNode } from "kysely";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import {
  Database,
  DatabaseTooNewError,
  type Queries,
  transact,
  transactRelaxed,
} from "../src/metadata/database.ts";
import { listManifests } from "../src/metadata/manifests.ts";
import { openPostgres } from "../src/metadata/postgres.ts";
import { getRegistryUsage, insertRegistry, insertRegistryChanges } from "../src/metadata/registries.ts";
import { openSqlite } from "../src/metadata/sqlite.ts";
import { listTags } from "../src/metadata/tags.ts";
import { type AccountName, parseRegistryName } from "../src/model/name.ts";
import { REGIONS } from "../src/model/region.ts";
import { anImage } from "./support/images.ts";
import { freshDatabase } from "./support/postgres.ts";
import { type DatabaseName, describeOnBothDatabases, mustBe, startRegistry } from "./support/registry.ts";

const MEBIBYTE = 1024 * 1024;
const NOW = Date.UTC(2030, 0, 1);

/** Where a database lies that nobody has opened yet; it can be opened several times. */
async function aPlace(
  name: DatabaseName,
  whenOver: (work: () => void | Promise<void>) => void = onTestFinished,
): Promise<{ open(): Promise<Database> }> {
  if (name === "SQLite") {
    const path = join(aFolder(whenOver), "db.sqlite");
    return { open: async () => new Database(await openSqlite(path)) };
  }
  const { url, [Symbol.asyncDispose]: drop } = await freshDatabase();
  whenOver(drop);
  return { open: async () => new Database(await openPostgres(url)) };
}

function aFolder(whenOver: (work: () => void) => void = onTestFinished): string {
  const path = mkdtempSync(join(tmpdir(), "boxyard-database-"));
  whenOver(() => rmSync(path, { recursive: true }));
  return path;
}

function aRegistry(name: string) {
  return { uuid: randomUUID(), name: parseRegistryName(name), region: REGIONS[0], now: NOW };
}

/** A row of few columns, under any name. */
async function insertAccount(
  db: Queries,
  { uuid, name, now }: { uuid: string; name: string; now: number },
): Promise<number> {
  const { id } = await db
    .insertInto("account")
    .values({ uuid, name: name as AccountName, created_at: now })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}

async function accountNames(db: Database): Promise<string[]> {
  const rows = await db.selectFrom("account").select("name").orderBy("name").execute();
  return rows.map((row) => row.name);
}

describeOnBothDatabases("a database", (name) => {
  const resources = new AsyncDisposableStack();
  let db: Database;
  beforeAll(async () => {
    const place = await aPlace(name, (work) => resources.defer(work));
    db = resources.use(await place.open());
  });
  afterAll(() => resources.disposeAsync());

  test("keeps nothing of a transaction that throws, and the next one succeeds", async () => {
    const failing = transact(db, async (tx) => {
      await insertAccount(tx, { uuid: "1", name: "ada", now: NOW });
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    const refused = transact(db, async (tx) => {
      await insertAccount(tx, { uuid: "2", name: "bob", now: NOW });
      await insertAccount(tx, { uuid: "2", name: "bob's double", now: NOW });
    });
    await expect(refused).rejects.toThrow(/unique/i);

    expect(await accountNames(db)).toEqual([]);
    await transact(db, (tx) => insertAccount(tx, { uuid: "1", name: "eve", now: NOW }));
    expect(await accountNames(db)).toEqual(["eve"]);
  });

  test("shows nothing of a transaction before its end", async () => {
    let seen: string[] = [];

    await transact(db, async (tx) => {
      await insertAccount(tx, { uuid: "seen", name: "early", now: NOW });
      seen = await accountNames(db);
    });

    expect(seen).not.toContain("early");
    expect(await accountNames(db)).toContain("early");
  });

  test("does not try a transaction again that failed for another reason than its order", async () => {
    let attempts = 0;

    const failing = transact(db, async () => {
      attempts++;
      throw new Error("changed my mind");
    });

    await expect(failing).rejects.toThrow("changed my mind");
    expect(attempts).toBe(1);
  });

  test("has no reference that points nowhere", async () => {
    const insert = transact(db, (tx) => insertRegistry(tx, { ...aRegistry("nowhere"), accountId: 12345 }));

    await expect(insert).rejects.toThrow(/foreign key/i);
  });

  test("gives times, sizes and counts as numbers, however large", async () => {
    const terabytes = 5 * 1024 ** 4;

    const registry = await transact(db, async (tx) => {
      const accountId = await insertAccount(tx, { uuid: "numbers", name: "numbers", now: NOW });
      return insertRegistry(tx, { ...aRegistry("numbers"), accountId });
    });
    const id = registry?.id ?? 0;
    expect(registry).toMatchObject({ id: expect.any(Number), createdAt: NOW });
    for (const bytes of [terabytes, terabytes, -1]) {
      await transact(db, (tx) => insertRegistryChanges(tx, id, [{ bytes, repositories: 1 }]));
    }

    expect(await getRegistryUsage(db, id)).toMatchObject({
      storageUsageBytes: 2 * terabytes - 1,
      storageUsageUpdatedAt: NOW,
      repositoryCount: 3,
    });
    const count = await db
      .selectFrom("registry_change")
      .select((eb) => eb.fn.countAll<number>().as("rows"))
      .executeTakeFirstOrThrow();
    expect(count).toEqual({ rows: 3 });
  });

  test("is the same when it is opened again", async () => {
    const place = await aPlace(name);
    {
      await using db = await place.open();
      await transact(db, (tx) => insertAccount(tx, { uuid: "1", name: "ada", now: NOW }));
      // Nobody waits for this one.
      await transactRelaxed(db, (tx) => insertAccount(tx, { uuid: "2", name: "bob", now: NOW }));
    }
    await using db = await place.open();
    expect(await accountNames(db)).toEqual(["ada", "bob"]);
  });

  test("is refused when a newer version wrote it, and left as it is", async () => {
    const place = await aPlace(name);
    {
      await using db = await place.open();
      await transact(db, async (tx) => {
        await insertAccount(tx, { uuid: "1", name: "ada", now: NOW });
        await tx
          .withTables<{ kysely_migration: { name: string; timestamp: string } }>()
          .insertInto("kysely_migration")
          .values({ name: "9999-of-the-future", timestamp: new Date(NOW).toISOString() })
          .execute();
      });
    }

    for (let time = 0; time < 2; time++) {
      const opening = place.open();
      await expect(opening).rejects.toThrow(DatabaseTooNewError);
      await expect(opening).rejects.toThrow("9999-of-the-future");
    }
  });

  test("orders names by their bytes", async () => {
    await using registry = await startRegistry({ database: name });
    const names = ["B", "a", "_", "1", "A", "b", "Z", "z", "a.b", "a-b", "a_b", "aB", "ab", "10", "2"];
    const inOrder = ["1", "10", "2", "A", "B", "Z", "_", "a", "a-b", "a.b", "aB", "a_b", "ab", "b", "z"];
    const image = anImage();
    await registry.push("acme/app", image);
    const token = await registry.tokenFor("acme/app");
    for (const tag of names) mustBe(201, await registry.pushManifest("acme/app", image.manifest, tag, token));

    const listed: string[] = [];
    for (let last = ""; ; last = listed.at(-1) ?? "") {
      const page = await registry.oci("GET", `/v2/acme/app/tags/list?n=4&last=${last}`, token);
      if (page.json.tags.length === 0) break;
      listed.push(...page.json.tags);
    }

    expect(listed).toEqual(inOrder);
  });
});

describe("a database on PostgreSQL, where writers work side by side,", () => {
  test("lets transactions that locked each other out succeed, one after the other", async () => {
    await using db = await (await aPlace("PostgreSQL")).open();
    const ids = await transact(db, async (tx) => [
      await insertAccount(tx, { uuid: "1", name: "first ", now: NOW }),
      await insertAccount(tx, { uuid: "2", name: "second ", now: NOW }),
    ]);
    let attempts = 0;
    const bothHaveOne = Promise.withResolvers<void>();

    /** Adds a letter to two names: at first each of the two waits until the other has locked a row, too. */
    const addTo = (order: readonly number[], letter: string) =>
      transact(db, async (tx) => {
        attempts++;
        for (const id of order) {
          await tx
            .updateTable("account")
            .set((eb) => ({ name: eb(eb.ref("name"), "||", letter as AccountName) }))
            .where("id", "=", id)
            .execute();
          if (attempts === 2) bothHaveOne.resolve();
          await bothHaveOne.promise;
        }
      });
    await Promise.all([addTo(ids, "a"), addTo(ids.toReversed(), "b")]);

    expect(attempts).toBeGreaterThan(2);
    const [first, second] = (await accountNames(db)).map((text) => text.split(" ")[1]);
    expect(["ab", "ba"]).toContain(first);
    expect(second).toBe(first);
  });

  test("is set up once by servers that start at once", async () => {
    const place = await aPlace("PostgreSQL");

    const opened = await Promise.allSettled(Array.from({ length: 4 }, () => place.open()));

    for (const open of opened) if (open.status === "fulfilled") await open.value[Symbol.asyncDispose]();
    expect(opened.map((open) => open.status)).toEqual(Array(4).fill("fulfilled"));
  });
});

describe("a database on SQLite, where one writes at a time,", () => {
  test("refuses whoever writes outside a transaction", async () => {
    await using db = await (await aPlace("SQLite")).open();

    await expect(insertAccount(db, { uuid: "1", name: "ada", now: NOW })).rejects.toThrow(/readonly/);
  });

  test("has one transaction at a time, in the order in which they came", async () => {
    await using db = await (await aPlace("SQLite")).open();
    const events: string[] = [];

    await Promise.all(
      ["a", "b", "c"].map((letter) =>
        transact(db, async (tx) => {
          events.push(`${letter} begins`);
          await insertAccount(tx, { uuid: letter, name: letter, now: NOW });
          events.push(`${letter} ends`);
        }),
      ),
    );

    expect(events).toEqual(["a", "b", "c"].flatMap((letter) => [`${letter} begins`, `${letter} ends`]));
  });

  describe("copies its log into its file, and begins the log anew", () => {
    test("when writers pause", async () => {
      const log = await openWithLog();
      await log.grow(6 * MEBIBYTE);

      const begunAnew = async () => {
        log.passIntervals(30);
        await log.grow(1);
        return log.timesBegunAnew() > 0;
      };
      await vi.waitUntil(begunAnew, { timeout: 30_000, interval: 50 });

      expect(statSync(log.database).size).toBeGreaterThan(6 * MEBIBYTE);
      const { size } = statSync(log.path);
      await log.grow(4 * MEBIBYTE);
      expect(statSync(log.path).size).toBe(size);
    });

    test("although writers never pause, and gives back what it took of the disk", async () => {
      const log = await openWithLog();
      const sizes = [0];
      for (let grown = 0; grown < 256 && sizes.at(-1) === Math.max(...sizes); grown += 8) {
        log.passIntervals(1);
        await log.grow(8 * MEBIBYTE);
        sizes.push(statSync(log.path).size);
      }
      expect(sizes.at(-1)).toBeLessThan(Math.max(...sizes) / 2);
    });
  });
});

/** A database whose checkpoints are made when the test says so, and a look at its log. */
async function openWithLog() {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const database = join(aFolder(), "db.sqlite");
  const path = `${database}-wal`;
  const db = new Database(await openSqlite(database));
  onTestFinished(() => db[Symbol.asyncDispose]());
  const timesBegunAnewBefore = checkpointsIn(path);
  return {
    database,
    path,
    passIntervals: (count: number) => vi.advanceTimersByTime(count * 1000),
    timesBegunAnew: () => checkpointsIn(path) - timesBegunAnewBefore,
    /** Commits so many bytes, with a commit in every turn of the event loop. */
    async grow(bytes: number): Promise<void> {
      const payload = "x".repeat(64 * 1024);
      for (let written = 0; written < bytes; written += payload.length) {
        await transactRelaxed(db, (tx) =>
          tx.insertInto("job").values({ kind: "test", payload, run_after: NOW, created_at: NOW }).execute(),
        );
        await turn();
      }
    },
  };
}

/** How often a log was begun anew, by its header (sqlite.org/fileformat2.html, "WAL File Format"). */
function checkpointsIn(path: string): number {
  const header = Buffer.alloc(32);
  const file = openSync(path, "r");
  readSync(file, header, 0, header.length, 0);
  closeSync(file);
  return header.readUInt32BE(12);
}

test.each([
  ["tags", listTags],
  ["manifests", listManifests],
])("a page of %s is read through an index that is there, on SQLite", async (_, list) => {
  await using registry = await startRegistry();
  const { db } = registry.backend;
  const queries: RootOperationNode[] = [];
  const watched = db.withPlugin({
    transformQuery({ node }) {
      queries.push(node);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  await list(watched, 1, { offset: 0, limit: 20 });

  const [page] = queries.map((node) => db.getExecutor().compileQuery(node, createQueryId()));
  const explain = CompiledQuery.raw(`EXPLAIN QUERY PLAN ${page?.sql}`, [...(page?.parameters ?? [])]);
  const { rows } = await db.executeQuery<{ detail: string }>(explain);
  // One that it would make for this query has every row of the list.
  expect(rows.map(({ detail }) => detail).join("\n")).not.toContain("AUTOMATIC");
});
