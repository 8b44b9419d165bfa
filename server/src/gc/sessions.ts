import { transactInBackground } from "../metadata/database.ts";
import { deleteExpiredSessions } from "../metadata/sessions.ts";
import type { Backend } from "../registry/backend.ts";

/** Forgets up to `limit` sessions of the panel, and setup links, that have expired. Returns how many. */
export async function purgeSessions({ db, now }: Backend, limit: number): Promise<number> {
  return transactInBackground(db, (tx) => deleteExpiredSessions(tx, now(), limit));
}
