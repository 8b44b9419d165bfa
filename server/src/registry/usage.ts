import { linkRegistryBlob, unlinkRegistryBlob } from "../metadata/blobs.ts";
import { type Queries, transactRelaxed } from "../metadata/database.ts";
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

/** Takes a link that is gone out of the registry's usage. Returns the bytes by which the usage fell. */
export async function releaseUsage(tx: Queries, registryId: number, blobId: number): Promise<number> {
  const bytes = await unlinkRegistryBlob(tx, registryId, blobId);
  if (bytes > 0) await insertRegistryChange(tx, registryId, { bytes: -bytes });
  return bytes;
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
