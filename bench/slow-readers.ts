/** How much memory a client costs that reads a large blob slowly. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "./figures.ts";
import { Client, MIB, randomBlocks } from "./load.ts";
import { startServer } from "./server.ts";

const SIZE_MIB = 1024;
const READERS = 64;
const READ_BYTES = 256 * 1024;
const READ_EVERY_MS = 250;
const SECONDS = 30;

export async function measureSlowReaders(folder: string, bundle: string): Promise<Figure[]> {
  await using server = await startServer(bundle, join(folder, "data"));
  const client = new Client(server.port);
  await client.logIn();
  const digest = await client.pushBlob(randomBlocks(1, SIZE_MIB));
  await client.pullBlob(digest, SIZE_MIB * MIB);
  const before = server.rssBytes;
  server.resetPeak();

  const sockets = Array.from({ length: READERS }, () => client.askForBlob(digest));
  for (const socket of sockets) socket.pause();
  let read = 0;
  for (let round = 0; round < (SECONDS * 1000) / READ_EVERY_MS; round++) {
    await sleep(READ_EVERY_MS);
    for (const socket of sockets) read += (socket.read(READ_BYTES) as Buffer | null)?.length ?? 0;
  }
  const peak = server.peakBytes;
  for (const socket of sockets) socket.destroy();
  client.close();
  if (read === 0) throw new Error("the slow readers were sent nothing");
  return [
    {
      name: "memory, a slow reader of 1 GiB",
      unit: "MB",
      values: [(peak - before) / 1e6 / READERS],
      limit: 1,
    },
    { name: "what a slow reader reads", unit: "MiB/s", values: [read / MIB / SECONDS / READERS] },
  ];
}
