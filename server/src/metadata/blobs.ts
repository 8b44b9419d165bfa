import type { Digest } from "../model/digest.ts";
import type { Region } from "../model/region.ts";
import type { Staged, StorageKey } from "../model/storage-key.ts";
import type { Queries } from "./database.ts";

/** Locks the blob against its removal and returns its id, or `undefined` where the region has no such content. */
export async function lockBlobByDigest(
  db: Queries,
  region: Region,
  digest: Digest,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("blob")
    .select("id")
    .where("region", "=", region)
    .where("digest", "=", digest)
    .forKeyShare()
    .executeTakeFirst();
  return row?.id;
}

/** Locks the blob against its removal. Returns whether it is still there. */
export async function lockBlob(db: Queries, id: number): Promise<boolean> {
  const row = await db.selectFrom("blob").select("id").where("id", "=", id).forKeyShare().executeTakeFirst();
  return row !== undefined;
}

/** `undefined` where the region has that content by now. */
export async function insertBlob(
  db: Queries,
  blob: { region: Region; digest: Digest; sizeBytes: number; storageKey: StorageKey; now: number },
): Promise<number | undefined> {
  const row = await db
    .insertInto("blob")
    .values({
      region: blob.region,
      digest: blob.digest,
      size_bytes: blob.sizeBytes,
      storage_key: blob.storageKey,
      created_at: blob.now,
    })
    .onConflict((conflict) => conflict.columns(["region", "digest"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}

/** Asks for a look at whether the blob is still linked anywhere, once this transaction is over. */
export async function queueBlobReview(db: Queries, blobId: number): Promise<void> {
  await db
    .insertInto("blob_review")
    .values({ blob_id: blobId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Gives a key's bytes up. */
export async function insertTrash(
  db: Queries,
  trash: { region: Region; storageKey: StorageKey; staged: Staged | undefined; deleteAfter: number },
): Promise<void> {
  await db
    .insertInto("trash")
    .values({
      region: trash.region,
      storage_key: trash.storageKey,
      staged: trash.staged === undefined ? null : JSON.stringify(trash.staged),
      delete_after: trash.deleteAfter,
    })
    .execute();
}

/** Counts one more link of the blob in the registry. Returns whether it is the registry's first. */
export async function linkRegistryBlob(db: Queries, registryId: number, blobId: number): Promise<boolean> {
  const { linkCount } = await db
    .insertInto("registry_blob")
    .values({ registry_id: registryId, blob_id: blobId, link_count: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(["registry_id", "blob_id"])
        .doUpdateSet((eb) => ({ link_count: eb("registry_blob.link_count", "+", 1) })),
    )
    .returning("link_count as linkCount")
    .executeTakeFirstOrThrow();
  return linkCount === 1;
}

/** Counts one link less of the blob in the registry. Returns the blob's size where it was the last, else 0. */
export async function unlinkRegistryBlob(db: Queries, registryId: number, blobId: number): Promise<number> {
  await db
    .updateTable("registry_blob")
    .set((eb) => ({ link_count: eb("link_count", "-", 1) }))
    .where("registry_id", "=", registryId)
    .where("blob_id", "=", blobId)
    .execute();
  const gone = await db
    .deleteFrom("registry_blob")
    .where("registry_id", "=", registryId)
    .where("blob_id", "=", blobId)
    .where("link_count", "=", 0)
    .returning("blob_id")
    .executeTakeFirst();
  if (gone === undefined) return 0;
  const { sizeBytes } = await db
    .selectFrom("blob")
    .select("size_bytes as sizeBytes")
    .where("id", "=", blobId)
    .executeTakeFirstOrThrow();
  return sizeBytes;
}
