/**
 * What content comes to when it is unpacked: of a blob, which is unpacked once for it, and of a manifest, which is a sum.
 * Rows whose size is not known have a time to look at them next, which stands in an index of such rows alone.
 */
import type { Digest } from "../model/digest.ts";
import { isNonDistributable } from "../model/media-type.ts";
import type { Region } from "../model/region.ts";
import type { StorageKey } from "../model/storage-key.ts";
import type { Queries } from "./database.ts";

export interface UnmeasuredBlob {
  id: number;
  region: Region;
  sizeBytes: number;
  storageKey: StorageKey;
}

/** Takes up to `limit` blobs that are due, until a time: who finds them before it leaves them alone. */
export async function takeUnmeasuredBlobs(
  db: Queries,
  { now, until, limit }: { now: number; until: number; limit: number },
): Promise<UnmeasuredBlob[]> {
  const rows = await db
    .updateTable("blob")
    .set({ measure_after: until })
    .where("id", "in", (eb) =>
      eb
        .selectFrom("blob")
        .select("id")
        .where("measure_after", "<=", now)
        .orderBy("measure_after")
        .orderBy("id")
        .limit(limit)
        .forNoKeyUpdate()
        .skipLocked(),
    )
    .returning(["id", "region", "size_bytes as sizeBytes", "storage_key as storageKey"])
    .execute();
  return rows.map((row) => ({ ...row, storageKey: row.storageKey as StorageKey }));
}

/** Has those of these blobs that are not measured looked at no earlier than `after`. */
export async function postponeBlobs(db: Queries, ids: readonly number[], after: number): Promise<void> {
  if (ids.length === 0) return;
  await db.selectFrom("blob").select("id").where("id", "in", ids).orderBy("id").forNoKeyUpdate().execute();
  await db
    .updateTable("blob")
    .set({ measure_after: after })
    .where("id", "in", ids)
    .where("measure_after", "is not", null)
    .execute();
}

export async function putBlobUncompressedSize(db: Queries, id: number, bytes: number): Promise<void> {
  await db
    .updateTable("blob")
    .set({ uncompressed_size_bytes: bytes, measure_after: null })
    .where("id", "=", id)
    .execute();
}

export interface UnmeasuredManifest {
  id: number;
  repositoryId: number;
  createdAt: number;
}

/** Up to `limit` manifests that are due. */
export async function listUnmeasuredManifests(
  db: Queries,
  now: number,
  limit: number,
): Promise<UnmeasuredManifest[]> {
  return db
    .selectFrom("manifest")
    .select(["id", "repository_id as repositoryId", "created_at as createdAt"])
    .where("measure_after", "<=", now)
    .orderBy("measure_after")
    .orderBy("id")
    .limit(limit)
    .execute();
}

export async function postponeManifest(db: Queries, id: number, after: number): Promise<void> {
  await db.updateTable("manifest").set({ measure_after: after }).where("id", "=", id).execute();
}

export async function putManifestUncompressedSize(db: Queries, id: number, bytes: number): Promise<void> {
  await db
    .updateTable("manifest")
    .set({ uncompressed_size_bytes: bytes, measure_after: null })
    .where("id", "=", id)
    .execute();
}

/** A layer of a manifest or a manifest of an index, in the order of their digests. */
export interface Part {
  digest: Digest;
  /** `undefined`: not known yet, or not here. */
  bytes: number | undefined;
}

/** Which of a manifest's parts. */
export interface PartPage {
  after: Digest | undefined;
  limit: number;
}

/** A manifest's layers: its blobs without the config, which comes first. Those that are kept elsewhere count nothing. */
export async function listLayerSizes(
  db: Queries,
  { id, repositoryId }: UnmeasuredManifest,
  { after, limit }: PartPage,
): Promise<Part[]> {
  let query = db
    .selectFrom("manifest_blob as edge")
    .leftJoin("repository_blob as link", (join) =>
      join.on("link.repository_id", "=", repositoryId).onRef("link.digest", "=", "edge.digest"),
    )
    .leftJoin("blob", "blob.id", "link.blob_id")
    .select([
      "edge.digest as digest",
      "edge.media_type as mediaType",
      "blob.id as blobId",
      "blob.uncompressed_size_bytes as bytes",
    ])
    .where("edge.manifest_id", "=", id)
    .where("edge.position", ">", 0)
    .orderBy("edge.digest")
    .limit(limit);
  if (after !== undefined) query = query.where("edge.digest", ">", after);
  const rows = await query.execute();
  return rows.map(({ digest, mediaType, blobId, bytes }) => ({
    digest,
    bytes: blobId === null && isNonDistributable(mediaType) ? 0 : (bytes ?? undefined),
  }));
}

/** The manifests that an index lists. */
export async function listChildSizes(
  db: Queries,
  { id, repositoryId }: UnmeasuredManifest,
  { after, limit }: PartPage,
): Promise<Part[]> {
  let query = db
    .selectFrom("manifest_child as edge")
    .leftJoin("manifest as child", (join) =>
      join.on("child.repository_id", "=", repositoryId).onRef("child.digest", "=", "edge.digest"),
    )
    .select([
      "edge.digest as digest",
      "child.uncompressed_size_bytes as bytes",
      "child.measure_after as measureAfter",
    ])
    .where("edge.manifest_id", "=", id)
    .orderBy("edge.digest")
    .limit(limit);
  if (after !== undefined) query = query.where("edge.digest", ">", after);
  const rows = await query.execute();
  return rows.map(({ digest, bytes, measureAfter }) => ({
    digest,
    bytes: measureAfter === null ? (bytes ?? undefined) : undefined,
  }));
}
