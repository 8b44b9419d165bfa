import { randomInt } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Database } from "../src/metadata/database.ts";
import { openPostgres } from "../src/metadata/postgres.ts";
import { openSqlite, openSqliteForReading } from "../src/metadata/sqlite.ts";
import { contentOf, noise } from "./support/images.ts";
import { freshDatabase } from "./support/postgres.ts";
import { Connection, Pusher, randomFrom } from "./support/pusher.ts";
import { expectCountersToBeRight } from "./support/recount.ts";
import { OWNER_TOKEN } from "./support/registry.ts";
import { BUNDLE, bundleIfStale, type RunningServer, serverProcesses } from "./support/server-process.ts";

/** Another run with the same moments and the same content: `KILL_SEED=… npm test`. */
const SEED = Number(process.env.KILL_SEED ?? randomInt(2 ** 31));
console.info(`KILL_SEED=${SEED}`);

const REPOSITORIES = ["acme/one", "acme/two", "acme/three/deep", "acme/four"];

const home = mkdtempSync(join(tmpdir(), "boxyard-kill-"));
const processes = serverProcesses(home, BUNDLE);
beforeAll(() => bundleIfStale());
afterAll(() => {
  processes.killAll();
  rmSync(home, { recursive: true });
});

test("15 kills while images are pushed lose nothing that was acknowledged, and leave nothing behind", async () => {
  const dataDir = join(home, "sqlite");
  const database = join(dataDir, "db.sqlite");
  await killOften({
    kills: 15,
    dataDir,
    environment: {},
    openForReading: async () => new Database(await openSqliteForReading(database)),
  });
  await using db = new Database(await openSqlite(database));
  await expectCountersToBeRight(db);
}, 120_000);

test("kills lose nothing with PostgreSQL for the rows either", async () => {
  await using postgres = await freshDatabase();
  await killOften({
    kills: 3,
    dataDir: join(home, "postgres"),
    environment: { BOXYARD_DB_URL: postgres.url },
    openForReading: async () => {
      await untilNobodyIsConnected(postgres.url);
      return new Database(await openPostgres(postgres.url));
    },
  });
  await using db = new Database(await openPostgres(postgres.url));
  await expectCountersToBeRight(db);
}, 120_000);

async function killOften({
  kills,
  dataDir,
  environment,
  openForReading,
}: {
  kills: number;
  dataDir: string;
  environment: NodeJS.ProcessEnv;
  openForReading: () => Promise<Database>;
}): Promise<void> {
  const random = randomFrom(SEED);
  const start = () => processes.start(dataDir, { ...environment, BOXYARD_OWNER_TOKEN: OWNER_TOKEN });
  const shared = [1_000, 60_000, 400_000].map((length) => contentOf(noise(`${SEED} ${length}`, length)));
  const pushers = REPOSITORIES.map(
    (repository, number) =>
      new Pusher({
        repository,
        others: REPOSITORIES.filter((other) => other !== repository),
        shared,
        random: randomFrom(SEED + number + 1),
      }),
  );

  let server = await start();
  const token = await tokenFor(server);
  for (let kill = 0; kill < kills; kill++) {
    const connection = new Connection(server.origin, token);
    let killed = false;
    const pushing = pushers.map((pusher) =>
      pusher.pushOn(connection).catch((error: unknown) => {
        // Nothing breaks before the server is killed.
        if (!killed || !isBrokenConnection(error)) throw error;
      }),
    );
    await Promise.race([delay(40 + random() * 260), ...pushing]);
    killed = true;
    await server.stop("SIGKILL");
    await Promise.all(pushing);
    await expectRowsAndFilesToAgree(openForReading, dataDir);

    server = await start();
    const restarted = new Connection(server.origin, token);
    await Promise.all(
      pushers.map(async (pusher) => {
        await pusher.look(restarted);
        await pusher.goOn(restarted);
      }),
    );
  }

  const connection = new Connection(server.origin, token);
  await Promise.all(pushers.map((pusher) => pusher.look(connection, { atAll: true })));
  await expectRepositoriesToBeListed(server, pushers);
  expect((await server.stop()).code).toBe(0);
  await expectRowsAndFilesToAgree(openForReading, dataDir);
}

/** What `fetch` throws where the server is gone. What a test expects in vain is no such error. */
function isBrokenConnection(error: unknown): boolean {
  return error instanceof TypeError;
}

/** Every repository with images is listed, with as many tags and manifests as its pusher knows of, and no other. */
async function expectRepositoriesToBeListed(
  { origin }: RunningServer,
  pushers: readonly Pusher[],
): Promise<void> {
  const response = await fetch(`${origin}/v2/registry/acme/repositoriesV2?per_page=100`, {
    headers: { authorization: `Bearer ${OWNER_TOKEN}` },
  });
  const { repositories } = (await response.json()) as {
    repositories: { name: string; tag_count: number; manifest_count: number }[];
  };
  expect(
    repositories.map(({ name, tag_count, manifest_count }) => ({
      name: `acme/${name}`,
      tags: tag_count,
      manifests: manifest_count,
    })),
  ).toEqual(
    pushers
      .map(({ repository, counts }) => ({ name: repository, ...counts }))
      .filter(({ manifests }) => manifests > 0)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  );
}

/** Every file is named by one row, and every row's bytes are there, as many as it says. */
async function expectRowsAndFilesToAgree(
  openForReading: () => Promise<Database>,
  dataDir: string,
): Promise<void> {
  await using db = await openForReading();
  const blobs = await db
    .selectFrom("blob")
    .select(["region", "storage_key", "size_bytes as length"])
    .execute();
  const sessions = await db
    .selectFrom("upload_session")
    .select(["region", "storage_key", "length"])
    .execute();
  const trash = await db.selectFrom("trash").select(["region", "storage_key"]).execute();

  const pathOf = ({ region, storage_key }: { region: string; storage_key: string }) =>
    join(region, storage_key.slice(0, 2), storage_key);
  const lengths = lengthsBelow(join(dataDir, "blobs"));
  const named = [...blobs, ...sessions, ...trash].map(pathOf);
  expect(named.length, "keys are named by one row each").toBe(new Set(named).size);
  expect([...lengths.keys()].filter((path) => !named.includes(path))).toEqual([]);
  for (const blob of blobs) expect(lengths.get(pathOf(blob)), "the bytes of a blob").toBe(blob.length);
  for (const session of sessions) {
    expect(lengths.get(pathOf(session)) ?? 0, "the bytes of an upload").toBeGreaterThanOrEqual(
      session.length,
    );
  }
}

/** The files below a folder, with their lengths. */
function lengthsBelow(folder: string): Map<string, number> {
  // A server may be killed before its first upload.
  if (!existsSync(folder)) return new Map();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((file) => [relative(folder, file), statSync(file).size]));
}

/** PostgreSQL may still be at work for a server that was killed. */
async function untilNobodyIsConnected(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await vi.waitUntil(
      async () => {
        const { rows } = await client.query(
          "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        return rows[0].count === 0;
      },
      { timeout: 30_000 },
    );
  } finally {
    await client.end();
  }
}

/** Creates the registry, and gets a token for every repository. */
async function tokenFor({ origin }: RunningServer): Promise<string> {
  const created = await fetch(`${origin}/v2/registry`, {
    method: "POST",
    headers: { authorization: `Bearer ${OWNER_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "acme", subscription_tier_slug: "professional" }),
  });
  expect(created.status).toBe(201);
  const url = new URL(`${origin}/v2/registry/auth?service=boxyard`);
  for (const repository of REPOSITORIES) {
    url.searchParams.append("scope", `repository:${repository}:pull,push,delete`);
  }
  const credentials = Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64");
  const answer = await fetch(url, { headers: { authorization: `Basic ${credentials}` } });
  return ((await answer.json()) as { token: string }).token;
}
