/** A server of its own process, with a registry, and those who push to it and collect in it. */
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { vi } from "vitest";
import { oneOf, randomFrom } from "../support/pusher.ts";
import { OWNER_TOKEN } from "../support/registry.ts";
import type { Exit, serverProcesses } from "../support/server-process.ts";
import { Client } from "./client.ts";
import { aLayer, anImage } from "./content.ts";
import { RepositoryModel } from "./model.ts";
import { SoakPusher } from "./soak-pusher.ts";
import { Tally } from "./tally.ts";

export const REGISTRY = "acme";
const SHARED_REPOSITORIES = 4;
const POOL_LAYERS = 64;
const POOL_BYTES = [2_000, 20_000, 100_000, 400_000];
const COMMON_IMAGES = 8;

export const BOTH = "untagged manifests and unreferenced blobs";
const RUN_TYPES = [BOTH, "unreferenced blobs only", "untagged manifests only"];
const ENDED = ["succeeded", "cancelled", "failed"];
const POLL_MS = 20;

/** What is asked for again and again until it holds: the server gets on with it by itself. */
export const SETTLING = { timeout: 120_000, interval: 200 };

export interface SoakedServerOptions {
  home: string;
  processes: ReturnType<typeof serverProcesses>;
  /** What its collections do to pushes. */
  writes: "continue" | "pause";
  pusherCount: number;
  leaseSeconds: number;
  writeTokenSeconds: number;
  seed: number;
}

export interface SoakedServer {
  writes: SoakedServerOptions["writes"];
  dataDir: string;
  logFile: string;
  stop: () => Promise<Exit>;
  owner: Client;
  repositories: RepositoryModel[];
  pushers: { pusher: SoakPusher; client: Client }[];
  tally: Tally;
}

export async function startSoakedServer(options: SoakedServerOptions): Promise<SoakedServer> {
  const { home, writes, pusherCount, seed } = options;
  const dataDir = join(home, writes);
  const logFile = join(home, `${writes}.log`);
  const { origin, stop } = await startServer(options, dataDir, logFile);

  const tally = new Tally();
  const named = (name: string) => new RepositoryModel(`${REGISTRY}/${name}`);
  const shared = Array.from({ length: SHARED_REPOSITORIES }, (_, number) => named(`shared/${number}`));
  const own = Array.from({ length: pusherCount }, (_, number) => named(`own/${number}`));
  const repositories = [...shared, ...own];
  const owner = new Client(origin, scopes(repositories, "pull"), tally);
  await owner.api("POST", "/v2/registry", {
    expected: [201],
    body: { name: REGISTRY, subscription_tier_slug: "professional" },
  });

  const random = randomFrom(seed);
  const pool = Array.from({ length: POOL_LAYERS }, (_, number) =>
    aLayer(`layer ${number} of ${seed}`, POOL_BYTES[number % POOL_BYTES.length] as number),
  );
  const common = Array.from({ length: COMMON_IMAGES }, (_, number) =>
    anImage(`common image ${number}`, [...new Set([oneOf(random, pool), oneOf(random, pool)])]),
  );
  const pushers = own.map((repository, number) => {
    const others = [...shared, own[(number + 1) % pusherCount] as RepositoryModel];
    const mine = scopes([repository, ...shared], "pull,push,delete");
    const client = new Client(origin, [...mine, ...scopes(others, "pull")], tally);
    const pusher = new SoakPusher({
      number,
      registry: REGISTRY,
      client,
      own: repository,
      shared,
      mountable: others.map(({ name }) => name),
      pool,
      common,
      random: randomFrom(seed + number + 1),
      tally,
    });
    return { pusher, client };
  });
  return { writes, dataDir, logFile, stop, owner, repositories, pushers, tally };
}

async function startServer(
  { processes, leaseSeconds, writeTokenSeconds }: SoakedServerOptions,
  dataDir: string,
  logFile: string,
): Promise<{ origin: string; stop: () => Promise<Exit> }> {
  const environment = {
    BOXYARD_OWNER_TOKEN: OWNER_TOKEN,
    BOXYARD_LEASE: `${leaseSeconds}s`,
    BOXYARD_WRITE_TOKEN_LIFE: `${writeTokenSeconds}s`,
    // All of them come with one token, and collections without a pause between.
    BOXYARD_RATE_LIMIT: "off",
  };
  // Every request is in the log: more than memory should hold.
  const log = openSync(logFile, "w");
  const { child, exit } = processes.run(["--port", "0", "--data", dataDir], environment, log);
  const started = () => /"port":(\d+).*"msg":"started"/.exec(readFileSync(logFile, "utf8"));
  const [, port] = await vi.waitUntil(started, SETTLING);
  return {
    origin: `http://127.0.0.1:${port}`,
    stop() {
      child.kill("SIGTERM");
      return exit;
    },
  };
}

function scopes(repositories: readonly RepositoryModel[], actions: string): string[] {
  return repositories.map(({ name }) => `repository:${name}:${actions}`);
}

/** Collections of all types, one after the other, some of them cancelled. */
export async function collectWhile(
  goesOn: () => boolean,
  soaked: SoakedServer,
  between: () => Promise<void> = async () => {},
): Promise<void> {
  const { tally } = soaked;
  for (let number = 0; goesOn(); number++) {
    const isCancelled = number % 10 === 9;
    const run = await collect(soaked, RUN_TYPES[number % RUN_TYPES.length] as string, { isCancelled });
    if (run.status !== "succeeded" && !isCancelled) throw new Error(`a collection has ${run.status}`);
    tally.add(`collections ${run.status}`);
    tally.add("bytes freed", run.freed_bytes);
    tally.add("blobs freed", run.blobs_deleted);
    await between();
  }
}

/** A run, as the API presents it. */
interface Run {
  uuid: string;
  status: string;
  blobs_deleted: number;
  freed_bytes: number;
}

/** One collection, from its start to its end. */
export async function collect(
  { owner, writes }: SoakedServer,
  type: string,
  { isCancelled = false } = {},
): Promise<Run> {
  const path = `/v2/registry/${REGISTRY}/garbage-collection`;
  const started = await owner.api("POST", path, { expected: [201], body: { type, writes } });
  const { uuid } = JSON.parse(started.body.toString()).garbage_collection as Run;
  // Where it has ended by then, there is nothing to cancel.
  if (isCancelled) {
    await owner.api("PUT", `${path}/${uuid}`, { expected: [200, 404], body: { cancel: true } });
  }
  for (;;) {
    const history = await owner.api("GET", `${path}s?per_page=1`, { expected: [200] });
    const [run] = JSON.parse(history.body.toString()).garbage_collections as Run[];
    if (run?.uuid === uuid && ENDED.includes(run.status)) return run;
    await delay(POLL_MS);
  }
}
