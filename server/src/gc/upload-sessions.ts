import { insertTrash } from "../metadata/blobs.ts";
import { transactInBackground } from "../metadata/database.ts";
import { deleteExpiredUploadSessions } from "../metadata/upload-sessions.ts";
import { deleteExpiredWriteTokens } from "../metadata/write-tokens.ts";
import type { Backend } from "../registry/backend.ts";
import { STORE_CALL_LIMIT_MS } from "../registry/uploads.ts";

/** Gives up to `limit` sessions up that nobody went on with, with what they have staged. Returns how many. */
export async function purgeUploadSessions({ db, now }: Backend, limit: number): Promise<number> {
  return transactInBackground(db, async (tx) => {
    const abandoned = await deleteExpiredUploadSessions(tx, now(), limit);
    // A store call that began before the session ended may still land.
    const deleteAfter = now() + STORE_CALL_LIMIT_MS;
    await insertTrash(
      tx,
      abandoned.map((upload) => ({ ...upload, deleteAfter })),
    );
    return abandoned.length;
  });
}

/** Forgets up to `limit` write tokens that ended. Returns how many. */
export async function purgeWriteTokens({ db, now }: Backend, limit: number): Promise<number> {
  return transactInBackground(db, (tx) => deleteExpiredWriteTokens(tx, now(), limit));
}
