import { deleteExpiredApiTokens } from "../metadata/accounts.ts";
import { transactInBackground } from "../metadata/database.ts";
import type { Backend } from "../registry/backend.ts";

/** How long a credential that has expired is still listed: whoever wonders why it fails finds it there. */
const LISTED_MS = 30 * 24 * 60 * 60 * 1000;

/** Forgets up to `limit` API tokens and docker credentials that expired long ago. Returns how many. */
export async function purgeApiTokens({ db, now }: Backend, limit: number): Promise<number> {
  return transactInBackground(db, (tx) => deleteExpiredApiTokens(tx, now() - LISTED_MS, limit));
}
