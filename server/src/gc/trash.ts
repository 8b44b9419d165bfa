import { deleteTrash, listDueTrash, postponeTrash, type Trash } from "../metadata/blobs.ts";
import { transactRelaxed } from "../metadata/database.ts";
import { type Backend, storeOf } from "../registry/backend.ts";

/** When bytes that could not be deleted are tried again. */
const RETRY_MS = 60_000;

/**
 * Deletes the bytes of up to `limit` keys that are due, and then forgets the keys. Returns how many went. One whose bytes
 * could not be deleted is tried again later, and told of when the others are done.
 */
export async function emptyTrash(backend: Backend, limit: number): Promise<number> {
  const { db, now } = backend;
  const due = await listDueTrash(db, now(), limit);
  if (due.length === 0) return 0;
  // The rows that condemn these bytes are on disk: no power cut brings a blob back to life whose bytes are gone.
  await db.durable();
  const outcomes = await Promise.allSettled(
    due.map(({ region, storageKey, staged }) => storeOf(backend, region).delete(storageKey, staged)),
  );
  const failed = due.filter((_, index) => outcomes[index]?.status === "rejected");
  // The rows go last: in the other order a crash would leave bytes that no row names.
  await transactRelaxed(db, async (tx) => {
    await deleteTrash(tx, idsOf(due.filter((trash) => !failed.includes(trash))));
    await postponeTrash(tx, idsOf(failed), now() + RETRY_MS);
  });
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
  return due.length;
}

function idsOf(trash: readonly Trash[]): number[] {
  return trash.map(({ id }) => id);
}
