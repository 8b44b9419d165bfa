/** How much memory uploads cost that were begun and that nobody goes on with. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "./figures.ts";
import { Client } from "./load.ts";
import { startServer } from "./server.ts";

/** What the server needs to do this at all, it needs for the first few. */
const WARM_UP = 2000;
const SESSIONS = 10_000;
const CLIENTS = 16;
const CHUNK = Buffer.alloc(1024, "x");
/** Until the checkpoint has run and the heap has been collected. */
const SETTLE_MS = 40_000;

export async function measureSessions(folder: string, bundle: string): Promise<Figure[]> {
  await using server = await startServer(bundle, join(folder, "data"));
  const clients = Array.from({ length: CLIENTS }, () => new Client(server.port));
  for (const client of clients) await client.logIn();
  const begin = async (sessions: number) => {
    await Promise.all(
      clients.map(async (client) => {
        for (let begun = 0; begun < sessions / CLIENTS; begun++) await client.beginUpload(CHUNK);
      }),
    );
    await sleep(SETTLE_MS);
    return server.rssBytes;
  };
  const before = await begin(WARM_UP);
  const after = await begin(SESSIONS);
  for (const client of clients) client.close();
  return [
    { name: "memory, 10,000 more idle uploads", unit: "MB", values: [(after - before) / 1e6], limit: 50 },
  ];
}
