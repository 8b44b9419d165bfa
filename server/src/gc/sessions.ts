import { transactRelaxed } from "../metadata/database.ts";
import { deleteExpiredSessions } from "../metadata/sessions.ts";
import type { Backend } from "../registry/backend.ts";

/** Forgets up to `limit` sessions of the panel, and setup links, that have expired. Returns how many. */
export async function purgeSessions({ db, now }: Backend, limit: number): Promise<number> {
  return transactRelaxed(db, (tx) => deleteExpiredSessions(tx, now(), limit));
}
