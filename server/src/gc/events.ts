import { transactInBackground } from "../metadata/database.ts";
import { deleteOldEvents } from "../metadata/events.ts";
import type { Backend } from "../registry/backend.ts";

const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** Forgets up to `limit` events after 90 days. Returns how many. */
export async function purgeEvents({ db, now }: Backend, limit: number): Promise<number> {
  return transactInBackground(db, (tx) => deleteOldEvents(tx, now() - KEPT_MS, limit));
}
