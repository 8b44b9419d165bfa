/** How much memory the server holds while a blob of 1 GiB passes, in and out. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "./figures.ts";
import { Client, MIB, randomBlocks } from "./load.ts";
import { startServer } from "./server.ts";

const SIZE_MIB = 1024;
const ROUNDS = 3;
const SETTLE_MS = 5000;

export async function measureMemory(folder: string, bundle: string): Promise<Figure[]> {
  const pushPeaks: number[] = [];
  const pullPeaks: number[] = [];
  const after: number[] = [];
  const dataDir = join(folder, "data");
  for (let round = 1; round <= ROUNDS; round++) {
    rmSync(dataDir, { recursive: true, force: true });
    await using server = await startServer(bundle, dataDir);
    const client = new Client(server.port);
    await client.logIn();

    server.resetPeak();
    const digest = await client.pushBlob(randomBlocks(round, SIZE_MIB));
    pushPeaks.push(server.peakBytes / 1e6);

    server.resetPeak();
    await client.pullBlob(digest, SIZE_MIB * MIB);
    pullPeaks.push(server.peakBytes / 1e6);

    client.close();
    await sleep(SETTLE_MS);
    after.push(server.rssBytes / 1e6);
  }
  const limit = { limit: 250, every: true };
  return [
    { name: "memory, peak, 1 GiB pushed", unit: "MB", values: pushPeaks, ...limit },
    { name: "memory, peak, 1 GiB pulled", unit: "MB", values: pullPeaks, ...limit },
    { name: "memory, 5 s after", unit: "MB", values: after },
  ];
}
