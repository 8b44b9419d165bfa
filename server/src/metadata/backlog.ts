import { type RawBuilder, sql } from "kysely";
import type { Queries } from "./database.ts";

/** What waits for the background, and for how long the oldest of it has been due. */
export interface Backlog {
  uploadSessions: Waiting;
  blobReviews: Waiting;
  trash: Waiting;
  unmeasuredBlobs: Waiting;
  activeRuns: number;
}

/** `count` goes no further than {@link MAX_COUNTED}; `since` is missing where nothing is due. */
export interface Waiting {
  count: number;
  since: number | undefined;
}

/** Counting costs by the row: a backlog that is longer is long. */
export const MAX_COUNTED = 10_000;

export async function getBacklog(db: Queries, now: number): Promise<Backlog> {
  return {
    uploadSessions: await waiting(db, sql`upload_session`, sql`expires_at`, now),
    blobReviews: await waiting(db, sql`blob_review`, sql`queued_at`, now),
    trash: await waiting(db, sql`trash`, sql`delete_after`, now),
    unmeasuredBlobs: await waiting(db, sql`blob`, sql`measure_after`, now),
    activeRuns: await countActiveRuns(db),
  };
}

/** The rows of a table that have a time to be done, and when the first of them was due. */
async function waiting(
  db: Queries,
  table: RawBuilder<unknown>,
  due: RawBuilder<unknown>,
  now: number,
): Promise<Waiting> {
  const { rows } = await sql<{ count: number; since: number | null }>`
    SELECT (SELECT count(*) FROM (SELECT 1 FROM ${table} WHERE ${due} IS NOT NULL LIMIT ${MAX_COUNTED}) AS counted) AS count,
      (SELECT min(${due}) FROM ${table} WHERE ${due} <= ${now}) AS since`.execute(db);
  return { count: rows[0]?.count ?? 0, since: rows[0]?.since ?? undefined };
}

async function countActiveRuns(db: Queries): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) AS count FROM garbage_collection
    WHERE status NOT IN ('succeeded', 'failed', 'cancelled')`.execute(db);
  return rows[0]?.count ?? 0;
}
