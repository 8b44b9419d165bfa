import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reviewBlobs } from "../../src/gc/blobs.ts";
import { emptyHidden } from "../../src/gc/hidden.ts";
import { workOnRuns } from "../../src/gc/run.ts";
import { emptyTrash } from "../../src/gc/trash.ts";
import { purgeUploadSessions } from "../../src/gc/upload-sessions.ts";
import { type Finding, verify } from "../../src/gc/verify.ts";
import type { Told } from "../support/doomed.ts";
import { anImage } from "../support/images.ts";
import { copyOfDatabase, freshDatabase } from "../support/postgres.ts";
import { randomFrom } from "../support/pusher.ts";
import { RecordedDisk, recorder } from "../support/recorded-disk.ts";
import { mustBe, startRegistry, type TestRegistry } from "../support/registry.ts";
import { BUNDLE, bundleIfStale } from "../support/server-process.ts";

const LIFE = join(import.meta.dirname, "../support/doomed.ts");
const AT_ONCE = 2;
/** Every so many moments one is chosen, from another one on each time: `KILL_STRIDE=1` takes them all. */
const STRIDE = Number(process.env.KILL_STRIDE ?? 4);
const FIRST = 1 + randomInt(STRIDE);
console.info(`KILL_STRIDE=${STRIDE}, from moment ${FIRST}`);
const DAY_SECONDS = 25 * 60 * 60;

const home = fs.mkdtempSync(join(tmpdir(), "boxyard-kills-"));
beforeAll(() => bundleIfStale());
afterAll(() => fs.rmSync(home, { recursive: true }));

interface End {
  /** None where it came to its end before the moment. */
  signal: NodeJS.Signals | null;
  told: Told[];
}

/** What the process can be about: doomed.ts has them. */
const CHAPTERS = [
  "pushes of new content",
  "an index, mounts, a moved tag",
  "deletes, and uploads that come to nothing",
  "a collection",
  "a collection that pauses",
  "the end of a repository",
];

describe("a process that ends at each moment of", () => {
  it.each([...CHAPTERS.entries()])(
    "%d: %s, with kill -9 and with a power cut, on SQLite",
    async (chapter) => {
      const environmentOf = recorder(home);
      const folderBefore = join(home, `sqlite-${chapter}`);
      const before = await liveUntil(chapter, { dataDir: folderBefore });

      await dieAtEachMoment(folderBefore, async (folder, killAt) => {
        const [dataDir, log] = [join(folder, "data"), join(folder, "log")];
        fs.cpSync(folderBefore, dataDir, { recursive: true });
        const end = await live(chapter, killAt, { dataDir }, environmentOf(dataDir, log));
        if (end.signal === null) return end;
        const told = [...before, ...end.told];
        const disk = new RecordedDisk(dataDir, folderBefore, log);
        await expectToVerify({ dataDir });
        await expectNothingLost({ dataDir }, told);

        const random = randomFrom(killAt);
        for (const [name, survives] of [
          ["nothing that was not synced", () => false],
          ["some of it", () => random() < 0.5],
        ] as const) {
          const left = join(folder, name);
          disk.layOut(left, survives);
          await expectNothingLost({ dataDir: left }, told);
        }
        return end;
      });
    },
  );

  it.each([...CHAPTERS.entries()])("%d: %s, with kill -9, on PostgreSQL", async (chapter) => {
    const folderBefore = join(home, `postgres-${chapter}`);
    await using origin = await freshDatabase();
    const before = await liveUntil(chapter, { dataDir: folderBefore, dbUrl: origin.url });

    await dieAtEachMoment(folderBefore, async (folder, killAt) => {
      const dataDir = join(folder, "data");
      fs.cpSync(folderBefore, dataDir, { recursive: true });
      await using database = await copyOfDatabase(origin.url);
      const place = { dataDir, dbUrl: database.url };
      const end = await live(chapter, killAt, place);
      if (end.signal === null) return end;
      await expectToVerify(place);
      await expectNothingLost(place, [...before, ...end.told]);
      return end;
    });
  });
});

interface Place {
  dataDir: string;
  dbUrl?: string;
}

/** A registry that has lived through all chapters before this one. Returns what was told in them. */
async function liveUntil(chapter: number, place: Place): Promise<Told[]> {
  const registry = await startRegistry({ ...place, background: false });
  await registry.createRegistry("acme");
  await registry[Symbol.asyncDispose]();
  const told: Told[] = [];
  for (let earlier = 0; earlier < chapter; earlier++) told.push(...(await live(earlier, 0, place)).told);
  return told;
}

/** One process for each moment, until one comes to its end. */
async function dieAtEachMoment(
  name: string,
  liveAndLook: (folder: string, killAt: number) => Promise<End>,
): Promise<void> {
  let next = FIRST;
  let isOver = false;
  const lives = Array.from({ length: AT_ONCE }, async () => {
    while (!isOver) {
      const killAt = next;
      next += STRIDE;
      const folder = `${name}-${killAt}`;
      fs.mkdirSync(folder);
      try {
        const end = await liveAndLook(folder, killAt);
        if (end.signal === null) isOver = true;
      } catch (cause) {
        isOver = true;
        throw new Error(`killed at moment ${killAt}`, { cause });
      }
      fs.rmSync(folder, { recursive: true });
    }
  });
  await Promise.all(lives);
  // A chapter without moments would prove nothing.
  expect(next).toBeGreaterThan(FIRST + 2 * STRIDE);
}

async function live(
  chapter: number,
  killAt: number,
  { dataDir, dbUrl }: Place,
  environment: NodeJS.ProcessEnv = {},
): Promise<End> {
  const child = spawn(process.execPath, [LIFE], {
    env: {
      NODE_COMPILE_CACHE: join(home, "compile-cache"),
      CHAPTER: `${chapter}`,
      KILL_AT: `${killAt}`,
      DATA_DIR: dataDir,
      ...(dbUrl !== undefined && { DB_URL: dbUrl }),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`chapter ${chapter} ended with ${code}: ${stderr}`);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { signal, told: lines.map((line): Told => JSON.parse(line)) };
}

async function expectToVerify({ dataDir, dbUrl }: Place): Promise<void> {
  const child = spawn(process.execPath, [BUNDLE, "verify", "--full", "--data", dataDir], {
    env: { HOME: home, ...(dbUrl !== undefined && { BOXYARD_DB_URL: dbUrl }) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  expect(code, `${stdout}${stderr}`).toBe(0);
}

/** Starts again after the end, and looks at what is there; then goes on, and in the end leaves nothing behind. */
async function expectNothingLost(place: Place, told: readonly Told[]): Promise<void> {
  await using registry = await startRegistry({ ...place, background: false });
  const findings: Finding[] = [];
  await verify(registry.backend, {
    full: true,
    onFinding: (one) => findings.push(one),
    onProgress: () => {},
  });
  expect(findings).toEqual([]);
  await expectToHold(registry, told);

  // Another process takes a run over when the one that died has not been heard of, by a clock that went ahead.
  registry.passSeconds(DAY_SECONDS + 60);
  await untilIdle(registry, workOnRuns);
  const { json } = await registry.api("GET", "/v2/registry/acme/garbage-collections");
  for (const run of json.garbage_collections ?? []) expect(run.status).toBe("succeeded");
  await registry.push("acme/app", anImage({ seed: 99 }), "afterwards");
  await expectToHold(registry, told);

  mustBe(204, await registry.api("DELETE", "/v2/registry"));
  registry.passSeconds(2 * DAY_SECONDS);
  for (let round = 0; round < 3; round++) {
    await untilIdle(registry, (backend) => emptyHidden(backend, 100));
    await untilIdle(registry, (backend) => purgeUploadSessions(backend, 100));
    await untilIdle(registry, (backend) => reviewBlobs(backend, 100));
    registry.passSeconds(61);
    await untilIdle(registry, (backend) => emptyTrash(backend, 100));
  }
  expect(filesIn(join(place.dataDir, "blobs"))).toEqual([]);
}

async function untilIdle(
  { backend }: TestRegistry,
  work: (backend: TestRegistry["backend"]) => Promise<number>,
): Promise<void> {
  while ((await work(backend)) > 0);
}

/** Each path holds what was answered last; one that was being touched holds that, or what it was to hold. */
async function expectToHold(registry: TestRegistry, told: readonly Told[]): Promise<void> {
  const known = new Map<string, string | null>();
  for (const one of told) {
    if ("touches" in one) for (const path of one.touches) known.delete(path);
    if ("holds" in one) for (const [path, digest] of Object.entries(one.holds)) known.set(path, digest);
  }
  if (known.size === 0) return;
  const token = await registry.tokenFor("acme/app", "pull");
  const other = await registry.tokenFor("acme/web", "pull");
  for (const [path, digest] of known) {
    const answer = await registry.oci("GET", `/v2/${path}`, path.startsWith("acme/web") ? other : token);
    expect(answer.status, path).toBe(digest === null ? 404 : 200);
    if (digest !== null) expect(answer.headers["docker-content-digest"], path).toBe(digest);
  }
}

function filesIn(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
