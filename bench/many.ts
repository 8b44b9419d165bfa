/** How much memory the server holds while many push and pull large blobs at once. */
import { join } from "node:path";
import type { Figure } from "./figures.ts";
import { Client, MIB, randomBlocks } from "./load.ts";
import { startServer } from "./server.ts";

const AT_ONCE = 64;
const SIZE_MIB = 256;

export async function measureMany(folder: string, bundle: string): Promise<Figure[]> {
  await using server = await startServer(bundle, join(folder, "data"));
  const clients = Array.from({ length: 2 * AT_ONCE }, () => new Client(server.port));
  const [first, ...others] = clients as [Client, ...Client[]];
  // The first one makes the registry.
  await first.logIn();
  await Promise.all(others.map((client) => client.logIn()));
  const digest = await first.pushBlob(randomBlocks(0, SIZE_MIB));

  server.resetPeak();
  const startedAt = performance.now();
  await Promise.all(
    clients.map(async (client, number) => {
      if (number < AT_ONCE) await client.pushBlob(randomBlocks(number + 1, SIZE_MIB));
      else await client.pullBlob(digest, SIZE_MIB * MIB);
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  for (const client of clients) client.close();
  return [
    {
      name: `memory, peak, ${AT_ONCE} up and ${AT_ONCE} down`,
      unit: "MB",
      values: [server.peakBytes / 1e6],
      limit: 400,
    },
    { name: `${AT_ONCE} times 256 MiB up, and as often down`, unit: "s", values: [seconds] },
  ];
}
