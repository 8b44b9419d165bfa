import { linkRegistryBlob, queueBlobReviews, unlinkRegistryBlobs } from "../metadata/blobs.ts";
import { type Queries, transactRelaxed } from "../metadata/database.ts";
import type { RemovedLink } from "../metadata/links.ts";
import { findChangedRegistry, foldRegistryChanges, insertRegistryChange } from "../metadata/registries.ts";
import type { Backend } from "./backend.ts";

const CHANGES_PER_STEP = 500;

/** Counts a new link to a blob in the registry's usage, which counts each blob once. */
export async function addUsage(
  tx: Queries,
  registryId: number,
  blob: { id: number; sizeBytes: number },
): Promise<void> {
  if (!(await linkRegistryBlob(tx, registryId, blob.id))) return;
  await insertRegistryChange(tx, registryId, { bytes: blob.sizeBytes });
}

/**
 * Takes links that are gone out of the registry's usage, and has their blobs looked at. Returns by how many blobs and
 * bytes the usage fell.
 */
export async function releaseLinks(
  { now }: Backend,
  tx: Queries,
  registryId: number,
  links: readonly RemovedLink[],
): Promise<{ blobs: number; bytes: number }> {
  const blobIds = links.map((link) => link.blobId).filter((id) => id !== null);
  if (blobIds.length === 0) return { blobs: 0, bytes: 0 };
  const released = await unlinkRegistryBlobs(tx, registryId, blobIds);
  if (released.bytes > 0) await insertRegistryChange(tx, registryId, { bytes: -released.bytes });
  // Looked at after this commit, not in it: two who each take one of a blob's last two links would both see the other's.
  await queueBlobReviews(tx, [...new Set(blobIds)], now());
  return released;
}

/**
 * Folds recorded changes of one registry's counters into its row, if there are any. Each call is whole; readers see the
 * same sums before and after. Returns how many changes went.
 */
export async function foldUsage({ db, now }: Backend): Promise<number> {
  const registryId = await findChangedRegistry(db);
  if (registryId === undefined) return 0;
  return transactRelaxed(db, (tx) => foldRegistryChanges(tx, registryId, CHANGES_PER_STEP, now()));
}
