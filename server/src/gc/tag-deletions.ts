import { transactInBackground } from "../metadata/database.ts";
import { deleteOldTagDeletions, findEndedTagDeletion } from "../metadata/tag-deletions.ts";
import type { Backend } from "../registry/backend.ts";
import { endTagDeletion, undoneUntil } from "../registry/tag-deletions.ts";

/** How long a deletion is remembered, so that who undoes it too late is told that. */
const REMEMBERED_MS = 24 * 60 * 60 * 1000;
const ROWS_PER_STEP = 50;

/** Lets go of tags that can no longer come back, a step of one deletion at a time. Returns how many rows went. */
export async function endTagDeletions(backend: Backend): Promise<number> {
  const { db, now } = backend;
  const ended = await findEndedTagDeletion(db, undoneUntil(now()));
  if (ended !== undefined) return endTagDeletion(backend, ended);
  return transactInBackground(db, (tx) => deleteOldTagDeletions(tx, now() - REMEMBERED_MS, ROWS_PER_STEP));
}
