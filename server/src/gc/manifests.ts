import { transactInBackground } from "../metadata/database.ts";
import type { GarbageCollection } from "../metadata/garbage-collections.ts";
import { findRepositoryWithUnheldManifests, lockUnheldManifests } from "../metadata/manifests.ts";
import { lockRepository } from "../metadata/repositories.ts";
import type { Backend } from "../registry/backend.ts";
import { removeManifest } from "../registry/manifests.ts";
import { leasesEndedBy } from "./quiet.ts";

/**
 * Removes up to `limit` manifests of one repository that no tag, no index and no subject holds and that nobody was told
 * to rely on. Returns 0 where there are none in any.
 *
 * Each call is whole: a process that dies leaves nothing to undo, two at once take different manifests, and a push that
 * takes hold of one, or a HEAD that renews its lease, first, wins. It waits for no flush, as {@link sweepLinks}.
 */
export async function sweepManifests(
  backend: Backend,
  run: Pick<GarbageCollection, "registryId">,
  limit: number,
): Promise<number> {
  const { db, now } = backend;
  return transactInBackground(db, async (tx) => {
    const endedBy = await leasesEndedBy(tx, run.registryId, now());
    const repositoryId = await findRepositoryWithUnheldManifests(tx, run.registryId, endedBy);
    if (repositoryId === undefined) return 0;
    const repository = await lockRepository(tx, repositoryId);
    // Hidden meanwhile: it is emptied anyway, and the next call finds another.
    if (repository === undefined) return 1;
    const manifests = await lockUnheldManifests(tx, run.registryId, repositoryId, endedBy, limit);
    let left = repository;
    for (const manifest of manifests) {
      ({ left } = await removeManifest(backend, tx, left, manifest));
    }
    // None, where somebody took hold of them between the two looks: there may be others elsewhere.
    return Math.max(manifests.length, 1);
  });
}
