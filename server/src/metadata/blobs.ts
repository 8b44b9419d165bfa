import type { Digest } from "../model/digest.ts";
import type { Region } from "../model/region.ts";
import type { Staged, StorageKey } from "../model/storage-key.ts";
import { batches, type Queries } from "./database.ts";
import { prepared } from "./prepared.ts";

const lockedBlobByDigest = prepared((db, { region, digest }: { region: Region; digest: Digest }) =>
  db.selectFrom("blob").select("id").where("region", "=", region).where("digest", "=", digest).forKeyShare(),
);

/** Locks the blob against its removal and returns its id, or `undefined` where the region has no such content. */
export async function lockBlobByDigest(
  db: Queries,
  region: Region,
  digest: Digest,
): Promise<number | undefined> {
  const [row] = await lockedBlobByDigest(db, { region, digest });
  return row?.id;
}

const lockedBlob = prepared((db, { id }: { id: number }) =>
  db.selectFrom("blob").select("id").where("id", "=", id).forKeyShare(),
);

/** Locks the blob against its removal. Returns whether it is still there. */
export async function lockBlob(db: Queries, id: number): Promise<boolean> {
  return (await lockedBlob(db, { id })).length > 0;
}

interface NewBlob {
  region: Region;
  digest: Digest;
  sizeBytes: number;
  storageKey: StorageKey;
  now: number;
}

const blobInsertion = prepared((db, blob: NewBlob) =>
  db
    .insertInto("blob")
    .values({
      region: blob.region,
      digest: blob.digest,
      size_bytes: blob.sizeBytes,
      storage_key: blob.storageKey,
      created_at: blob.now,
    })
    .onConflict((conflict) => conflict.columns(["region", "digest"]).doNothing())
    .returning("id"),
);

/** `undefined` where the region has that content by now. */
export async function insertBlob(db: Queries, blob: NewBlob): Promise<number | undefined> {
  const [row] = await blobInsertion(db, blob);
  return row?.id;
}

/** Asks for a look at whether these blobs are still linked anywhere, once this transaction is over. */
export async function queueBlobReviews(db: Queries, blobIds: readonly number[], now: number): Promise<void> {
  const rows = blobIds.map((blobId) => ({ blob_id: blobId, queued_at: now }));
  for await (const batch of batches(rows)) await db.insertInto("blob_review").values(batch).execute();
}

/** Takes up to `limit` reviews that nobody else has taken. */
export async function takeBlobReviews(db: Queries, limit: number): Promise<{ id: number; blobId: number }[]> {
  return db
    .selectFrom("blob_review")
    .select(["id", "blob_id as blobId"])
    .orderBy("id")
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
}

export async function deleteBlobReviews(db: Queries, ids: readonly number[]): Promise<void> {
  for await (const batch of batches(ids))
    await db.deleteFrom("blob_review").where("id", "in", batch).execute();
}

/** Locks those of these blobs that are there, against new links and against each other's removal. */
export async function lockBlobsForRemoval(db: Queries, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("blob")
    .select("id")
    .where("id", "in", ids)
    .orderBy("id")
    .forUpdate()
    .execute();
  return rows.map((row) => row.id);
}

/** Which of these blobs any repository links. */
export async function listLinkedBlobs(db: Queries, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .selectFrom("repository_blob")
    .select("blob_id as blobId")
    .distinct()
    .where("blob_id", "in", ids)
    .execute();
  return new Set(rows.map((row) => row.blobId as number));
}

/** Removes locked blobs. Returns the keys that their bytes lie under. */
export async function deleteBlobRows(
  db: Queries,
  ids: readonly number[],
): Promise<{ region: Region; storageKey: StorageKey }[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .deleteFrom("blob")
    .where("id", "in", ids)
    .returning(["region", "storage_key as storageKey"])
    .execute();
  return rows.map(({ region, storageKey }) => ({ region, storageKey: storageKey as StorageKey }));
}

/** Keys to give up, and what is staged under them where they never became a blob. */
export interface NewTrash {
  region: Region;
  storageKey: StorageKey;
  staged?: Staged;
  deleteAfter: number;
}

/** Gives keys up: their bytes are nobody's any more. */
export async function insertTrash(db: Queries, trash: readonly NewTrash[]): Promise<void> {
  const rows = trash.map(({ region, storageKey, staged, deleteAfter }) => ({
    region,
    storage_key: storageKey,
    staged: staged === undefined ? null : JSON.stringify(staged),
    delete_after: deleteAfter,
  }));
  for await (const batch of batches(rows)) await db.insertInto("trash").values(batch).execute();
}

export interface Trash {
  id: number;
  region: Region;
  storageKey: StorageKey;
  staged: Staged | undefined;
  /** How often its bytes could not be deleted. */
  failures: number;
}

/** Up to `limit` keys whose time has come. */
export async function listDueTrash(db: Queries, now: number, limit: number): Promise<Trash[]> {
  const rows = await db
    .selectFrom("trash")
    .select(["id", "region", "storage_key as storageKey", "staged", "failures"])
    .where("delete_after", "<=", now)
    .orderBy("delete_after")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    ...row,
    storageKey: row.storageKey as StorageKey,
    staged: row.staged === null ? undefined : (JSON.parse(row.staged) as Staged),
  }));
}

/** Has a key whose bytes could not be deleted wait. */
export async function postponeTrash(db: Queries, id: number, until: number): Promise<void> {
  await db
    .updateTable("trash")
    .set((eb) => ({ delete_after: until, failures: eb("failures", "+", 1) }))
    .where("id", "=", id)
    .execute();
}

export async function deleteTrash(db: Queries, ids: readonly number[]): Promise<void> {
  for await (const batch of batches([...ids].sort((a, b) => a - b))) {
    await db.deleteFrom("trash").where("id", "in", batch).execute();
  }
}

const registryBlobCount = prepared((db, { registryId, blobId }: { registryId: number; blobId: number }) =>
  db
    .insertInto("registry_blob")
    .values({ registry_id: registryId, blob_id: blobId, link_count: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(["registry_id", "blob_id"])
        .doUpdateSet((eb) => ({ link_count: eb("registry_blob.link_count", "+", 1) })),
    )
    .returning("link_count as linkCount"),
);

/** Counts one more link of the blob in the registry. Returns how many there then are. */
export async function linkRegistryBlob(db: Queries, registryId: number, blobId: number): Promise<number> {
  const [row] = await registryBlobCount(db, { registryId, blobId });
  if (row === undefined) throw new Error("a row that was inserted or updated is returned");
  return row.linkCount;
}

/** A blob of which a registry has lost links. */
export interface UnlinkedBlob {
  id: number;
  sizeBytes: number;
  /** Of those that are left. */
  linkCount: number;
  /** How many it lost. */
  times: number;
}

/** Counts one link less for each blob that is named, as often as it is named. */
export async function unlinkRegistryBlobs(
  db: Queries,
  registryId: number,
  blobIds: readonly number[],
): Promise<UnlinkedBlob[]> {
  const timesOf = new Map<number, number>();
  for (const id of blobIds) timesOf.set(id, (timesOf.get(id) ?? 0) + 1);
  const ids = [...timesOf.keys()].sort((a, b) => a - b);
  const unlinked: UnlinkedBlob[] = [];
  for await (const batch of batches(ids)) {
    await db
      .selectFrom("registry_blob")
      .select("blob_id")
      .where("registry_id", "=", registryId)
      .where("blob_id", "in", batch)
      .orderBy("blob_id")
      .forUpdate()
      .execute();
    for (const [times, some] of Map.groupBy(batch, (id) => timesOf.get(id) ?? 1)) {
      await db
        .updateTable("registry_blob")
        .set((eb) => ({ link_count: eb("link_count", "-", times) }))
        .where("registry_id", "=", registryId)
        .where("blob_id", "in", some)
        .execute();
    }
    const rows = await db
      .selectFrom("registry_blob")
      .innerJoin("blob", "blob.id", "registry_blob.blob_id")
      .select(["blob.id as id", "blob.size_bytes as sizeBytes", "registry_blob.link_count as linkCount"])
      .where("registry_blob.registry_id", "=", registryId)
      .where("registry_blob.blob_id", "in", batch)
      .execute();
    unlinked.push(...rows.map((row) => ({ ...row, times: timesOf.get(row.id) ?? 1 })));
    await db
      .deleteFrom("registry_blob")
      .where("registry_id", "=", registryId)
      .where("blob_id", "in", batch)
      .where("link_count", "=", 0)
      .execute();
  }
  return unlinked;
}
