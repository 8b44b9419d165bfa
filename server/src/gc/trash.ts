import { setTimeout as sleep } from "node:timers/promises";
import { deleteTrash, listDueTrash, postponeTrash, type Trash } from "../metadata/blobs.ts";
import { batches, transactInBackground } from "../metadata/database.ts";
import { type Backend, storeOf } from "../registry/backend.ts";

/** When bytes that could not be deleted are tried again: twice as long after each failure, to a limit. */
const FIRST_RETRY_MS = 60_000;
const LAST_RETRY_MS = 3_600_000;
/** How long a little trash waits for more: what goes together shares its syncs, which uploads have to wait for as well. */
const GATHER_MS = 100;
/** Few, because requests share the threads that wait for the disk. */
const DELETED_AT_ONCE = 32;

/**
 * Deletes the bytes of up to `limit` keys that are due, and then forgets the keys. Returns how many went. One whose bytes
 * could not be deleted is tried again later, and told of when the others are done.
 */
export async function emptyTrash(backend: Backend, limit: number): Promise<number> {
  const { db, now } = backend;
  let due = await listDueTrash(db, now(), limit);
  if (due.length === 0) return 0;
  if (due.length < limit) {
    await sleep(GATHER_MS);
    due = await listDueTrash(db, now(), limit);
  }
  // The rows that condemn these bytes are on disk: no power cut brings a blob back to life whose bytes are gone.
  await db.durable();
  // In the order of their keys: what lies in one folder goes together, and shares the sync of that folder.
  due.sort((a, b) => (a.storageKey < b.storageKey ? -1 : 1));
  const failures: unknown[] = [];
  for await (const batch of batches(due, DELETED_AT_ONCE))
    failures.push(...(await emptyBatch(backend, batch)));
  if (failures.length > 0) throw failures[0];
  return due.length;
}

/** Returns why those failed whose bytes could not be deleted. */
async function emptyBatch(backend: Backend, batch: readonly Trash[]): Promise<unknown[]> {
  const { db, now } = backend;
  const outcomes = await Promise.allSettled(
    batch.map(async ({ region, storageKey, staged }) => storeOf(backend, region).delete(storageKey, staged)),
  );
  const failed = batch.filter((_, index) => outcomes[index]?.status === "rejected");
  // The rows go last: in the other order a crash would leave bytes that no row names.
  await transactInBackground(db, async (tx) => {
    const gone = batch.filter((trash) => !failed.includes(trash));
    await deleteTrash(
      tx,
      gone.map(({ id }) => id),
    );
    for (const { id, failures } of failed) {
      const wait = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS);
      await postponeTrash(tx, id, now() + wait);
    }
  });
  return outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason);
}
