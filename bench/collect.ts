/** A collection through the front door, from its start until the bytes are off the disk. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Blob } from "./content.ts";
import { type Client, mustEqual, REGISTRY } from "./load.ts";

const RUNS = `/v2/registry/${REGISTRY}`;
const RUN_POLL_MS = 5;
/** Looking at the metrics is work for the server: how seldom, by how long the collection has taken. */
const TRASH_POLL_SHARE = 0.02;
const TRASH_POLL_MS = 10;

const WRITE_TOKEN_LIFE_SECONDS = 15;
/** So many are pushed in a fraction of that time. */
const BLOBS_PER_TOKEN = 10;

/** What a server is told so that nobody waits for long until what was pushed is garbage. */
export const GARBAGE_ENV = { BOXYARD_WRITE_TOKEN_LIFE: `${WRITE_TOKEN_LIFE_SECONDS}s` };

export interface Collection {
  /** From the request that started the run to the answer that called it succeeded. */
  runSeconds: number;
  /** From the same to when nothing waits to be deleted any more. */
  seconds: number;
  blobs: number;
  bytes: number;
}

interface Run {
  uuid: string;
  status: string;
  blobs_deleted: number;
  freed_bytes: number;
}

/** Pushes blobs that no manifest needs. */
export async function pushGarbage(client: Client, blobs: readonly Blob[]): Promise<void> {
  for (const [index, { digest, bytes }] of blobs.entries()) {
    if (index % BLOBS_PER_TOKEN === 0) await client.logIn();
    await client.pushBlob([bytes], digest);
  }
}

/** Until leases are over: nobody has a write token any more. */
export async function untilQuiet(): Promise<void> {
  await sleep((WRITE_TOKEN_LIFE_SECONDS + 1) * 1000);
}

/** Runs a collection and waits for all that it condemned to be off the disk. */
export async function collect(client: Client, type = "unreferenced blobs only"): Promise<Collection> {
  const startedAt = performance.now();
  const run = await runCollection(client, type);
  const runSeconds = (performance.now() - startedAt) / 1000;
  let seconds = runSeconds;
  while (await isTrashLeft(client)) {
    await sleep(Math.max(TRASH_POLL_MS, seconds * 1000 * TRASH_POLL_SHARE));
    seconds = (performance.now() - startedAt) / 1000;
  }
  return { runSeconds, seconds, blobs: run.blobs_deleted, bytes: run.freed_bytes };
}

/** Runs a collection until it has succeeded, which is asked for so often. */
export async function runCollection(client: Client, type: string, pollMs = RUN_POLL_MS): Promise<Run> {
  const body = { type, writes: "continue" };
  const started = await client.manage("POST", `${RUNS}/garbage-collection`, 201, body);
  const { uuid } = (JSON.parse(started) as { garbage_collection: Run }).garbage_collection;
  for (;;) {
    await sleep(pollMs);
    const page = await client.manage("GET", `${RUNS}/garbage-collections?per_page=1`, 200);
    const [run] = (JSON.parse(page) as { garbage_collections: Run[] }).garbage_collections;
    if (run?.uuid !== uuid) throw new Error(`the newest run is ${run?.uuid}, and ${uuid} was due`);
    if (run.status === "succeeded") return run;
    if (run.status === "failed" || run.status === "cancelled") throw new Error(`the run has ${run.status}`);
  }
}

export async function isTrashLeft(client: Client): Promise<boolean> {
  const metrics = await client.manage("GET", "/metrics", 200);
  return ["boxyard_blob_reviews", "boxyard_trash"].some((name) => {
    const [, count] = new RegExp(`^${name} (\\d+)$`, "m").exec(metrics) ?? [];
    if (count === undefined) throw new Error(`/metrics has no ${name}`);
    return count !== "0";
  });
}

/** Makes sure of what a collection has deleted, and of what is left: files on the disk, and bytes of usage. */
export async function mustLeave(
  client: Client,
  dataDir: string,
  collection: { blobs: number; bytes: number },
  due: { deleted: { blobs: number; bytes: number }; left: { blobs: number; bytes: number } },
): Promise<void> {
  mustEqual("the count of deleted blobs", collection.blobs, due.deleted.blobs);
  mustEqual("the count of freed bytes", collection.bytes, due.deleted.bytes);
  mustEqual("the count of files", countFiles(join(dataDir, "blobs")), due.left.blobs);
  const { registry } = JSON.parse(await client.manage("GET", "/v2/registry", 200)) as {
    registry: { storage_usage_bytes: number };
  };
  mustEqual("the usage", registry.storage_usage_bytes, due.left.bytes);
}

function countFiles(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;
}
