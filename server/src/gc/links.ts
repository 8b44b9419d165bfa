import { transactInBackground } from "../metadata/database.ts";
import { type GarbageCollection, recordProgress } from "../metadata/garbage-collections.ts";
import { deleteUnreferencedLinks } from "../metadata/links.ts";
import type { Backend } from "../registry/backend.ts";
import { releaseLinks } from "../registry/usage.ts";
import { leasesEndedBy } from "./quiet.ts";

/**
 * Unlinks up to `limit` blobs that no manifest in their repository needs and that nobody was told to rely on. Returns
 * how many went.
 *
 * Each call is whole: a process that dies leaves nothing to undo, two at once take different links, and a push that
 * renews a lease or adds a reference first, wins. It waits for no flush: a power cut may bring back what was swept, and
 * bytes are deleted only when it cannot.
 */
export async function sweepLinks(
  backend: Backend,
  run: Pick<GarbageCollection, "id" | "registryId">,
  limit: number,
): Promise<number> {
  const { db, now } = backend;
  return transactInBackground(db, async (tx) => {
    const endedBy = await leasesEndedBy(tx, run.registryId, now());
    const links = await deleteUnreferencedLinks(tx, run.registryId, endedBy, limit);
    const { blobs, bytes } = await releaseLinks(backend, tx, run.registryId, links);
    if (links.length > 0) await recordProgress(tx, run.id, { blobs, bytes, now: now() });
    return links.length;
  });
}
