/** How soon the server is ready, and how much memory it holds when nothing happens. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "./figures.ts";
import { dropCompileCache, startServer } from "./server.ts";

const FIRST_STARTS = 3;
const STARTS = 10;
const SETTLE_MS = 5000;
/** The log of the database is checkpointed within 30 seconds of the first commit: a worker thread more. */
const CHECKPOINTED_MS = 35_000;

export async function measureStart(folder: string, bundle: string): Promise<Figure[]> {
  const dataDir = join(folder, "data");
  const firstStarts: number[] = [];
  for (let time = 0; time < FIRST_STARTS; time++) {
    dropCompileCache(bundle);
    rmSync(dataDir, { recursive: true, force: true });
    await using server = await startServer(bundle, dataDir);
    firstStarts.push(server.startSeconds);
  }
  const starts: number[] = [];
  for (let time = 0; time < STARTS; time++) {
    await using server = await startServer(bundle, dataDir);
    starts.push(server.startSeconds);
  }

  await using server = await startServer(bundle, join(folder, "idle"));
  await sleep(SETTLE_MS);
  const idle = server.rssBytes;
  await sleep(CHECKPOINTED_MS - SETTLE_MS);
  const limit = 110;
  return [
    { name: "first start of a build, new data folder", unit: "s", values: firstStarts },
    { name: "start", unit: "s", values: starts, limit: 0.35 },
    { name: "memory, idle for 5 s", unit: "MB", values: [idle / 1e6], limit },
    { name: "memory, idle for 35 s", unit: "MB", values: [server.rssBytes / 1e6], limit },
    { name: "memory, idle, peak since the start", unit: "MB", values: [server.peakBytes / 1e6] },
  ];
}
