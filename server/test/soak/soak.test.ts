/**
 * Docker-like clients push images of shared layers, tag, index, mount and delete, while collections of all types run back
 * to back and leases last seconds. Nobody's push fails, and in the end there is what a model says that is independent of
 * the server, to the byte.
 *
 *     npm run test:soak                       for 10 minutes
 *     SOAK_SECONDS=3600 npm run test:soak     for an hour
 *     SOAK_LEASE_SECONDS=30 npm run test:soak where pushes are slow
 *     SOAK_SEED=… npm run test:soak           with the content and the choices of another run
 */
import { randomInt } from "node:crypto";
import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { BUNDLE, bundleIfStale, serverProcesses } from "../support/server-process.ts";
import { type Client, RefusedByRun, TokenEnded } from "./client.ts";
import { keptBlobs, type RepositoryModel } from "./model.ts";
import { pullWhole, type SoakPusher } from "./soak-pusher.ts";
import {
  BOTH,
  collect,
  collectWhile,
  REGISTRY,
  SETTLING,
  type SoakedServer,
  startSoakedServer,
} from "./soaked-server.ts";
import type { Tally } from "./tally.ts";

const SECONDS = Number(process.env.SOAK_SECONDS ?? 600);
/** A push may rely on what it was told for half a lease: where it takes longer, leases have to be longer. */
const LEASE_SECONDS = Number(process.env.SOAK_LEASE_SECONDS ?? Math.min(20, Math.ceil(SECONDS / 2)));
const SEED = Number(process.env.SOAK_SEED ?? randomInt(2 ** 31));
/** Beside the soak itself: waiting for leases and trash, pulling and hashing all there is. */
const TIMEOUT_MS = (SECONDS + 600) * 1000;
/** How long a pusher rests that a run has refused. */
const REST_MS = 500;

const home = mkdtempSync(join(tmpdir(), "boxyard-soak-"));
const processes = serverProcesses(home, BUNDLE);
const options = { home, processes, leaseSeconds: LEASE_SECONDS, seed: SEED };
const failed: string[] = [];
beforeAll(() => {
  bundleIfStale();
  console.info(`SOAK_SEED=${SEED}`);
});
afterAll(() => {
  processes.killAll();
  if (failed.length === 0) rmSync(home, { recursive: true });
  else console.info(`the data and the logs of what failed (${failed.join("; ")}) are in ${home}`);
});

test.concurrent("collections beside pushes break none of them, lose nothing and leave nothing", {
  timeout: TIMEOUT_MS,
}, async ({ onTestFailed, task }) => {
  onTestFailed(() => void failed.push(task.name));
  const soaked = await startSoakedServer({
    ...options,
    writes: "continue",
    pusherCount: 16,
    writeTokenSeconds: 5,
  });
  const { tally } = soaked;
  await soak(soaked, ({ pusher }) => pusher.step());
  console.info(`${task.name}, for ${SECONDS} s:\n${tally}`);

  expect(tally.get("unreferenced blobs found by HEAD")).toBeGreaterThan(0);
  expect(tally.get("bytes freed")).toBeGreaterThan(0);
  await expectTheModelsContent(soaked);
});

test.concurrent("collections that pause pushes break none that they do not refuse", {
  timeout: TIMEOUT_MS,
}, async ({ onTestFailed, task }) => {
  onTestFailed(() => void failed.push(task.name));
  const soaked = await startSoakedServer({
    ...options,
    writes: "pause",
    pusherCount: 4,
    writeTokenSeconds: 3,
  });
  const { tally, pushers } = soaked;
  await soak(
    soaked,
    ({ pusher, client }) => stepUnlessRefused(pusher, client, tally),
    async () => {
      const wanted = tally.get("pushes") + 2 * pushers.length;
      await vi.waitUntil(() => tally.get("pushes") >= wanted, SETTLING);
    },
  );
  console.info(`${task.name}, for ${SECONDS} s:\n${tally}`);

  expect(tally.get("refused by a run")).toBeGreaterThan(0);
  expect(tally.get("bytes freed")).toBeGreaterThan(0);
  await expectTheModelsContent(soaked);
});

/** Collects for as long as the soak lasts, and pushes until the last collection has ended, or until anything fails. */
async function soak(
  soaked: SoakedServer,
  step: (pusher: SoakedServer["pushers"][number]) => Promise<void>,
  betweenCollections?: () => Promise<void>,
): Promise<void> {
  const end = performance.now() + SECONDS * 1000;
  let isOver = false;
  const collecting = collectWhile(() => !isOver && performance.now() < end, soaked, betweenCollections);
  // Pushers stop last: when nobody pushes, leases are over, and the last one would be on its own.
  const pushing = soaked.pushers.map(async (pusher) => {
    while (!isOver) await step(pusher);
  });
  try {
    await Promise.race([collecting, ...pushing]);
  } finally {
    isOver = true;
  }
  await Promise.all(pushing);
}

/**
 * A step with a token of its own. A run waits for one that was issued before it. One that was issued meanwhile pulls and
 * promises nothing: who finds that the run is over then, begins again.
 */
async function stepUnlessRefused(pusher: SoakPusher, client: Client, tally: Tally): Promise<void> {
  client.renews = false;
  client.forgetToken();
  try {
    await pusher.step();
  } catch (error) {
    if (error instanceof RefusedByRun) tally.add("refused by a run");
    else if (error instanceof TokenEnded) tally.add("begun again after a run");
    else throw error;
    await delay(REST_MS);
  }
}

/** Nobody pushes any more: after a last collection there is what the model says, in rows and in bytes, and no more. */
async function expectTheModelsContent(soaked: SoakedServer): Promise<void> {
  const { owner, repositories, dataDir, logFile } = soaked;
  await untilNothingWaits(owner);
  const { blobs_deleted, freed_bytes } = await vi.waitUntil(async () => {
    const preview = await previewOf(owner);
    return Object.values(preview.held).some(Boolean) ? undefined : preview;
  }, SETTLING);
  const last = await collect(soaked, BOTH);
  expect(last, "what the preview said").toMatchObject({ status: "succeeded", blobs_deleted, freed_bytes });
  await untilNothingWaits(owner);
  expect(await previewOf(owner), "what is left to collect").toMatchObject({
    manifests_deleted: 0,
    blobs_deleted: 0,
  });

  const blobs = keptBlobs(repositories);
  const bytes = blobs.reduce((sum, { content }) => sum + content.length, 0);
  expect(await usageOf(owner), "the registry's usage").toBe(bytes);
  expect(bytesBelow(join(dataDir, "blobs")), "the bytes on disk").toBe(bytes);
  for (const repository of repositories) await expectRepository(owner, repository);

  expect(await soaked.stop(), "how the server ends").toMatchObject({ code: 0, stderr: "" });
  expect(await failuresIn(logFile), "failures in the server's log").toEqual([]);
  const verified = await processes.run(["verify", "--full"], { BOXYARD_DATA: dataDir }).exit;
  expect([verified.code, verified.stdout]).toEqual([0, "✓ rows and bytes agree\n"]);
  const manifests = repositories.reduce((sum, repository) => sum + repository.kept().size, 0);
  console.info(
    `${soaked.writes}: ${manifests} manifests, ${blobs.length} blobs and ${bytes} bytes are left, as the model says`,
  );
}

/** The tags and manifests of a repository are the model's, and everything can be pulled. */
async function expectRepository(owner: Client, repository: RepositoryModel): Promise<void> {
  const kept = repository.kept();
  const tags = await list(owner, repository, "tags", "tags");
  expect(
    tags.map(({ tag, manifest_digest }) => [tag, manifest_digest]).sort(),
    `the tags of ${repository.name}`,
  ).toEqual([...repository.tags].sort());
  const manifests = await list(owner, repository, "digests", "manifests");
  expect(manifests.map(({ digest }) => digest).sort(), `the manifests of ${repository.name}`).toEqual(
    [...kept.keys()].sort(),
  );
  for (const [digest, artifact] of kept) await pullWhole(owner, repository, digest, artifact);
}

/** All pages of a list of the management API. */
async function list(
  owner: Client,
  repository: RepositoryModel,
  resource: string,
  field: string,
): Promise<Record<string, string>[]> {
  const name = encodeURIComponent(repository.name.slice(`${REGISTRY}/`.length));
  const path = `/v2/registry/${REGISTRY}/repositories/${name}/${resource}`;
  // A repository without a manifest is not there.
  if (repository.kept().size === 0) {
    await owner.api("GET", path, { expected: [404] });
    return [];
  }
  const all: Record<string, string>[] = [];
  for (let page = 1; ; page++) {
    const answer = await owner.api("GET", `${path}?per_page=200&page=${page}`, { expected: [200] });
    const document = JSON.parse(answer.body.toString());
    all.push(...document[field]);
    if (all.length >= document.meta.total) return all;
  }
}

interface Preview {
  manifests_deleted: number;
  blobs_deleted: number;
  freed_bytes: number;
  /** What leases keep, and who pushes. */
  held: Record<string, unknown>;
}

async function previewOf(owner: Client): Promise<Preview> {
  const path = `/api/v1/registries/${REGISTRY}/garbage-collection-preview`;
  const answer = await owner.api("POST", path, { expected: [200], body: { type: BOTH } });
  return JSON.parse(answer.body.toString()).preview;
}

async function usageOf(owner: Client): Promise<number> {
  const answer = await owner.api("GET", "/v2/registry", { expected: [200] });
  return JSON.parse(answer.body.toString()).registry.storage_usage_bytes;
}

/** Waits until the background has nothing to do: no review, no trash, no upload, no run. */
async function untilNothingWaits(owner: Client): Promise<void> {
  const kinds = ["blob_reviews", "trash", "upload_sessions", "garbage_collections_active"];
  await vi.waitUntil(async () => {
    const text = (await owner.api("GET", "/metrics", { expected: [200] })).body.toString();
    return kinds.every((kind) => new RegExp(`^boxyard_${kind} 0$`, "m").test(text));
  }, SETTLING);
}

function bytesBelow(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
}

/** Warnings, errors, and requests that were answered with 5xx. */
async function failuresIn(logFile: string): Promise<string[]> {
  const failures: string[] = [];
  for await (const line of createInterface({ input: createReadStream(logFile) })) {
    const { level, status } = JSON.parse(line);
    if (level > 30 || status >= 500) failures.push(line);
  }
  return failures;
}
