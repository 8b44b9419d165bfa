/** docs/locks.md: whoever locks several rows of one kind locks them in one order, so that two of them never wait in a ring. */
import pg from "pg";
import { expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import { freshDatabase } from "./support/postgres.ts";
import { mustBe, startRegistry } from "./support/registry.ts";

test("a push locks the links of its blobs in the order of their digests, whatever its manifest's is", async () => {
  await using database = await freshDatabase();
  await using registry = await startRegistry({ dbUrl: database.url });
  await registry.createRegistry("acme");
  const image = imageThatEndsWithItsLowestDigest();
  for (const blob of image.blobs) mustBe(201, await registry.pushBlob("acme/app", blob));
  const [lowest, ...others] = image.blobs.map(({ digest }) => digest).sort();
  const lock = (client: pg.Client, digest: string | undefined, wait: "" | "NOWAIT") =>
    client.query(`SELECT 1 FROM repository_blob WHERE digest = $1 FOR UPDATE ${wait}`, [digest]);

  const holder = new pg.Client(database.url);
  const observer = new pg.Client(database.url);
  await Promise.all([holder.connect(), observer.connect()]);
  try {
    await holder.query("BEGIN");
    await lock(holder, lowest, "");
    const pushing = registry.pushManifest("acme/app", image.manifest, "v1");
    const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted";
    await expect.poll(async () => (await observer.query(waiting)).rowCount, { timeout: 30_000 }).toBe(1);
    // It has the lock of none that comes later.
    for (const digest of others) expect((await lock(observer, digest, "NOWAIT")).rowCount).toBe(1);
    await holder.query("ROLLBACK");
    mustBe(201, await pushing);
  } finally {
    await Promise.all([holder.end(), observer.end()]);
  }
});

function imageThatEndsWithItsLowestDigest() {
  for (let seed = 1; ; seed++) {
    const image = anImage({ seed, layers: 3 });
    const digests = image.blobs.map(({ digest }) => digest);
    if (digests.at(-1) === digests.toSorted()[0]) return image;
  }
}
