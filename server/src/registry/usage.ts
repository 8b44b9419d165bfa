import { linkRegistryBlob, queueBlobReviews, unlinkRegistryBlobs } from "../metadata/blobs.ts";
import { type Queries, transactInBackground } from "../metadata/database.ts";
import { findOtherLink, listLinksOfBlobs, type RemovedLink } from "../metadata/links.ts";
import {
  findChangedRegistry,
  foldRegistryChanges,
  insertRegistryChanges,
  type RegistryChange,
} from "../metadata/registries.ts";
import type { Backend } from "./backend.ts";

const CHANGES_PER_STEP = 500;

/**
 * Counts a new link to a blob: in the registry's usage, which counts each blob once, and in the sizes of its repository.
 * Who links a blob that one other repository has, takes from what that has alone.
 */
export async function addUsage(
  tx: Queries,
  registryId: number,
  repositoryId: number,
  { id: blobId, sizeBytes }: { id: number; sizeBytes: number },
): Promise<void> {
  const linkCount = await linkRegistryBlob(tx, registryId, blobId);
  const isFirst = linkCount === 1;
  const changes: RegistryChange[] = [
    {
      bytes: isFirst ? sizeBytes : 0,
      repositoryId,
      repositoryBytes: sizeBytes,
      repositoryUniqueBytes: isFirst ? sizeBytes : 0,
    },
  ];
  // The blob's row in the registry is locked by now: whoever links or unlinks it has committed, or waits.
  const other = linkCount === 2 ? await findOtherLink(tx, registryId, repositoryId, blobId) : undefined;
  if (other !== undefined) changes.push({ repositoryId: other, repositoryUniqueBytes: -sizeBytes });
  await insertRegistryChanges(tx, registryId, changes);
}

/**
 * Takes links that are gone out of the registry's usage and of the sizes of its repositories, and has their blobs looked
 * at. Returns by how many blobs and bytes the usage fell.
 */
export async function releaseLinks(
  { now }: Backend,
  tx: Queries,
  registryId: number,
  links: readonly RemovedLink[],
): Promise<{ blobs: number; bytes: number }> {
  const blobIds = links.map((link) => link.blobId).filter((id) => id !== null);
  if (blobIds.length === 0) return { blobs: 0, bytes: 0 };
  const unlinked = new Map(
    (await unlinkRegistryBlobs(tx, registryId, blobIds)).map((blob) => [blob.id, blob] as const),
  );
  const sizes = new Map<number, { size: number; unique: number }>();
  const add = (repositoryId: number, size: number, unique: number) => {
    const before = sizes.get(repositoryId) ?? { size: 0, unique: 0 };
    sizes.set(repositoryId, { size: before.size + size, unique: before.unique + unique });
  };
  for (const { repositoryId, blobId } of links) {
    const blob = blobId === null ? undefined : unlinked.get(blobId);
    if (blob === undefined) continue;
    const wasOnly = blob.linkCount + blob.times === 1;
    add(repositoryId, -blob.sizeBytes, wasOnly ? -blob.sizeBytes : 0);
  }
  // Whose link is the last one left has the blob alone from now on.
  const shared = [...unlinked.values()].filter(({ linkCount }) => linkCount === 1);
  const lastLinks = await listLinksOfBlobs(
    tx,
    registryId,
    shared.map(({ id }) => id),
  );
  for (const { repositoryId, blobId } of lastLinks)
    add(repositoryId, 0, unlinked.get(blobId)?.sizeBytes ?? 0);

  const gone = [...unlinked.values()].filter(({ linkCount }) => linkCount === 0);
  const bytes = gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  await insertRegistryChanges(tx, registryId, [
    ...(bytes > 0 ? [{ bytes: -bytes }] : []),
    ...[...sizes].map(([repositoryId, { size, unique }]) => ({
      repositoryId,
      repositoryBytes: size,
      repositoryUniqueBytes: unique,
    })),
  ]);
  // Looked at after this commit, not in it: two who each take one of a blob's last two links would both see the other's.
  await queueBlobReviews(tx, [...new Set(blobIds)], now());
  return { blobs: gone.length, bytes };
}

/**
 * Folds recorded changes of one registry's counters into its row, if there are any. Each call is whole; readers see the
 * same sums before and after. Returns how many changes went.
 */
export async function foldUsage({ db, now }: Backend): Promise<number> {
  const registryId = await findChangedRegistry(db);
  if (registryId === undefined) return 0;
  return transactInBackground(db, (tx) => foldRegistryChanges(tx, registryId, CHANGES_PER_STEP, now()));
}
