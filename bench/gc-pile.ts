/** How fast a large pile of garbage goes, what the event loop and the memory have of it. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { collect, mustLeave } from "./collect.ts";
import { imageOf, manyBlobs, type Repository, sumBytes } from "./content.ts";
import type { Figure } from "./figures.ts";
import { makeRegistry } from "./fill.ts";
import { Client } from "./load.ts";
import type { LoopDelay } from "./loop-probe.ts";
import { startServer } from "./server.ts";

const BLOBS = 100_000;
const GARBAGE = { half: 50_000, all: 100_000 };
const REPOSITORIES = 100;
const ROUNDS = 3;
const IDLE_MS = 10_000;

interface Pile {
  rate: number[];
  cpu: number[];
  idle: LoopDelay[];
  loop: LoopDelay[];
  peak: number[];
}

export async function measurePile(folder: string, bundle: string): Promise<Figure[]> {
  const piles: Record<keyof typeof GARBAGE, Pile> = {
    half: { rate: [], cpu: [], idle: [], loop: [], peak: [] },
    all: { rate: [], cpu: [], idle: [], loop: [], peak: [] },
  };
  for (let round = 1; round <= ROUNDS; round++) {
    for (const size of ["half", "all"] as const) {
      await measureOne(join(folder, "data"), bundle, GARBAGE[size], piles[size]);
    }
  }
  const { half, all } = piles;
  const count = GARBAGE.all.toLocaleString("en");
  const figure = (name: string, of: (delay: LoopDelay) => number, delays: LoopDelay[]): Figure => ({
    name: `event loop, ${name}`,
    unit: "ms",
    values: delays.map(of),
  });
  return [
    {
      name: `${count} blobs of garbage, until the bytes are gone`,
      unit: "/s",
      values: all.rate,
      floor: 2000,
    },
    { name: "processor time of the server, a thousand blobs", unit: "s", values: all.cpu },
    { ...figure("longest work in a turn", ({ worked }) => worked.max, all.loop), limit: 20, every: true },
    figure("p99 of work in a turn", ({ worked }) => worked.p99, all.loop),
    figure("longest wait for a turn", ({ waited }) => waited.max, all.loop),
    figure("p99 of waits for a turn", ({ waited }) => waited.p99, all.loop),
    figure("idle, longest work in a turn", ({ worked }) => worked.max, all.idle),
    figure("idle, longest wait for a turn", ({ waited }) => waited.max, all.idle),
    figure("idle, p99 of waits for a turn", ({ waited }) => waited.p99, all.idle),
    {
      name: `memory, peak, ${GARBAGE.half.toLocaleString("en")} of garbage`,
      unit: "MB",
      values: half.peak,
    },
    { name: `memory, peak, ${count} of garbage`, unit: "MB", values: all.peak },
    {
      name: "ratio of the two, each round",
      unit: "×",
      values: all.peak.map((peak, round) => peak / (half.peak[round] ?? Number.NaN)),
      limit: 1.1,
    },
  ];
}

/** On a registry that always has the same number of blobs, so that the garbage is all that differs. */
async function measureOne(dataDir: string, bundle: string, garbage: number, pile: Pile): Promise<void> {
  rmSync(dataDir, { recursive: true, force: true });
  const content = repositories(garbage);
  await makeRegistry(bundle, dataDir, content);
  {
    await using server = await startServer(bundle, dataDir, { probe: true });
    const client = new Client(server.port);
    // The first look loads what makes the metrics.
    await client.manage("GET", "/metrics", 200);
    await server.takeLoopDelay();
    await sleep(IDLE_MS);
    pile.idle.push(await server.takeLoopDelay());

    server.resetPeak();
    const cpuBefore = server.cpuSeconds;
    const collection = await collect(client);
    pile.loop.push(await server.takeLoopDelay());
    pile.rate.push(garbage / collection.seconds);
    pile.cpu.push((server.cpuSeconds - cpuBefore) / (garbage / 1000));
    pile.peak.push(server.peakBytes / 1e6);
    const deleted = content.flatMap(({ unreferenced }) => unreferenced);
    const left = content.flatMap(({ images }) => images.flatMap(({ blobs }) => blobs));
    await mustLeave(client, dataDir, collection, {
      deleted: { blobs: garbage, bytes: sumBytes(deleted) },
      left: { blobs: BLOBS - garbage, bytes: sumBytes(left) },
    });
    client.close();
  }
  execFileSync(process.execPath, [join(bundle, "boxyard.js"), "verify", "--full", "--data", dataDir]);
}

function repositories(garbage: number): Repository[] {
  const kept = (BLOBS - garbage) / REPOSITORIES;
  return Array.from({ length: REPOSITORIES }, (_, index) => ({
    name: `app-${index}`,
    images: kept === 0 ? [] : [imageOf("latest", manyBlobs(`kept ${index}`, kept))],
    unreferenced: manyBlobs(`garbage ${index}`, garbage / REPOSITORIES),
  }));
}
