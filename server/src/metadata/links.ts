/**
 * Links: that a repository may serve a blob. Both things that garbage collection asks, the reference count and the
 * lease, stand in this row, so that its lock decides. Several of one repository are locked in the order of their digests.
 */
import type { Digest } from "../model/digest.ts";
import type { Region } from "../model/region.ts";
import type { StorageKey } from "../model/storage-key.ts";
import { batches, type Queries } from "./database.ts";
import { later } from "./later.ts";
import { prepared, remembered } from "./prepared.ts";

/** A blob as a repository sees it. */
export interface LinkedBlob {
  blobId: number;
  sizeBytes: number;
  region: Region;
  storageKey: StorageKey;
  leasedUntil: number;
}

interface LinkKey {
  repositoryId: number;
  digest: Digest;
}

const linkedBlob = remembered(
  (db, { repositoryId, digest }: LinkKey) =>
    db
      .selectFrom("repository_blob as link")
      .innerJoin("blob", "blob.id", "link.blob_id")
      .select([
        "blob.id as blobId",
        "blob.size_bytes as sizeBytes",
        "blob.region as region",
        "blob.storage_key as storageKey",
        "link.leased_until as leasedUntil",
      ])
      .where("link.repository_id", "=", repositoryId)
      .where("link.digest", "=", digest),
  ([row]): LinkedBlob | undefined => row && { ...row, storageKey: row.storageKey as StorageKey },
);

export async function findLinkedBlob(
  db: Queries,
  repositoryId: number,
  digest: Digest,
): Promise<LinkedBlob | undefined> {
  return linkedBlob(db, { repositoryId, digest });
}

/** How many manifests need a linked blob, or `undefined` where the repository has no such blob. */
export async function findReferenceCount(
  db: Queries,
  repositoryId: number,
  digest: Digest,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("repository_blob")
    .select("reference_count as references")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .where("blob_id", "is not", null)
    .executeTakeFirst();
  return row?.references;
}

const linkLease = prepared((db, { repositoryId, digest, leasedUntil }: LinkKey & { leasedUntil: number }) =>
  db
    .updateTable("repository_blob")
    .set({ leased_until: later("leased_until", leasedUntil) })
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .where("blob_id", "is not", null)
    .returning("blob_id"),
);

/** Renews a link's lease, if it still has its blob. Returns whether it has. */
export async function leaseLink(
  db: Queries,
  repositoryId: number,
  digest: Digest,
  leasedUntil: number,
): Promise<boolean> {
  return (await linkLease(db, { repositoryId, digest, leasedUntil })).length > 0;
}

interface NewLink extends LinkKey {
  registryId: number;
  blobId: number;
  leasedUntil: number;
}

const linkInsertion = prepared((db, link: NewLink) =>
  db
    .insertInto("repository_blob")
    .values({
      repository_id: link.repositoryId,
      registry_id: link.registryId,
      digest: link.digest,
      blob_id: link.blobId,
      reference_count: 0,
      leased_until: link.leasedUntil,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "digest"])
        .doUpdateSet({
          blob_id: link.blobId,
          leased_until: later("repository_blob.leased_until", link.leasedUntil),
        })
        .where("repository_blob.blob_id", "is", null),
    )
    .returning("blob_id"),
);

/**
 * Links a blob to a repository, under a lease. Returns whether the repository had no such blob before. The blob's row
 * is locked by the caller.
 */
export async function putLink(db: Queries, link: NewLink): Promise<boolean> {
  for (;;) {
    if (await leaseLink(db, link.repositoryId, link.digest, link.leasedUntil)) return false;
    if ((await linkInsertion(db, link)).length > 0) return true;
  }
}

/** Makes sure that there are links for blobs that may be missing: their bytes lie elsewhere, or are yet to come. */
export async function putEmptyLinks(
  db: Queries,
  repositoryId: number,
  registryId: number,
  digests: readonly Digest[],
): Promise<void> {
  for await (const batch of batches([...digests].sort())) {
    await db
      .insertInto("repository_blob")
      .values(
        batch.map((digest) => ({
          repository_id: repositoryId,
          registry_id: registryId,
          digest,
          blob_id: null,
          reference_count: 0,
          leased_until: 0,
        })),
      )
      .onConflict((conflict) => conflict.columns(["repository_id", "digest"]).doNothing())
      .execute();
  }
}

/** Locks the links of these digests, in the order of the digests, and returns those that there are, by digest. */
export async function lockLinks(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<Map<Digest, { blobId: number | null }>> {
  const links = new Map<Digest, { blobId: number | null }>();
  for await (const batch of batches([...digests].sort())) {
    const rows = await db
      .selectFrom("repository_blob")
      .select(["digest", "blob_id as blobId"])
      .where("repository_id", "=", repositoryId)
      .where("digest", "in", batch)
      .orderBy("digest")
      .forNoKeyUpdate()
      .execute();
    for (const { digest, blobId } of rows) links.set(digest, { blobId });
  }
  return links;
}

/** The sizes of a repository's blobs, of those among `digests` that it has. */
export async function listBlobSizes(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const sizes = new Map<Digest, number>();
  for await (const batch of batches(digests)) {
    const rows = await db
      .selectFrom("repository_blob as link")
      .innerJoin("blob", "blob.id", "link.blob_id")
      .select(["link.digest as digest", "blob.size_bytes as sizeBytes"])
      .where("link.repository_id", "=", repositoryId)
      .where("link.digest", "in", batch)
      .execute();
    for (const { digest, sizeBytes } of rows) sizes.set(digest, sizeBytes);
  }
  return sizes;
}

/** Adds to the reference counts of locked links, and renews their leases where `leasedUntil` is later. */
export async function countReferences(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
  change: { references: number; leasedUntil: number },
): Promise<void> {
  for await (const batch of batches(digests)) {
    await db
      .updateTable("repository_blob")
      .set((eb) => ({
        reference_count: eb("reference_count", "+", change.references),
        leased_until: later("leased_until", change.leasedUntil),
      }))
      .where("repository_id", "=", repositoryId)
      .where("digest", "in", batch)
      .execute();
  }
}

/** Removes a link that no manifest needs. Returns it, or `undefined` where there is none without references. */
export async function deleteUnreferencedLink(
  db: Queries,
  repositoryId: number,
  digest: Digest,
): Promise<RemovedLink | undefined> {
  return db
    .deleteFrom("repository_blob")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .where("reference_count", "=", 0)
    .returning(["repository_id as repositoryId", "blob_id as blobId"])
    .executeTakeFirst();
}

/** A link that is gone: whose it was, and to which blob, if it had one. */
export interface RemovedLink {
  repositoryId: number;
  blobId: number | null;
}

/** Which repositories of a registry link these blobs. */
export async function listLinksOfBlobs(
  db: Queries,
  registryId: number,
  blobIds: readonly number[],
): Promise<{ blobId: number; repositoryId: number }[]> {
  const links: { blobId: number; repositoryId: number }[] = [];
  for await (const batch of batches(blobIds)) {
    const rows = await db
      .selectFrom("repository_blob")
      .select(["blob_id as blobId", "repository_id as repositoryId"])
      .where("blob_id", "in", batch)
      .where("registry_id", "=", registryId)
      .execute();
    links.push(...rows.map((row) => ({ ...row, blobId: row.blobId as number })));
  }
  return links;
}

/** Another repository of the registry than this one that links a blob. */
export async function findOtherLink(
  db: Queries,
  registryId: number,
  repositoryId: number,
  blobId: number,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("repository_blob")
    .select("repository_id as repositoryId")
    .where("blob_id", "=", blobId)
    .where("registry_id", "=", registryId)
    .where("repository_id", "<>", repositoryId)
    .limit(1)
    .executeTakeFirst();
  return row?.repositoryId;
}

/**
 * Removes up to `limit` of a registry's links that no manifest needs and whose lease ended by `leasesEndedBy`. The row
 * that is locked is the row that decides: one whose lease or count was renewed first stays.
 */
export async function deleteUnreferencedLinks(
  db: Queries,
  registryId: number,
  leasesEndedBy: number,
  limit: number,
): Promise<RemovedLink[]> {
  return db
    .deleteFrom("repository_blob")
    .where((eb) =>
      eb(
        eb.refTuple("repository_id", "digest"),
        "in",
        eb
          .selectFrom("repository_blob")
          .select(["repository_id", "digest"])
          .where("registry_id", "=", registryId)
          // A literal: a partial index is not chosen for a parameter.
          .where((inner) => inner("reference_count", "=", inner.lit(0)))
          .where("leased_until", "<=", leasesEndedBy)
          .orderBy("leased_until")
          .limit(limit)
          .forUpdate()
          .skipLocked()
          .$asTuple("repository_id", "digest"),
      ),
    )
    .returning(["repository_id as repositoryId", "blob_id as blobId"])
    .execute();
}

/** Removes up to `limit` links of a hidden repository, whatever needs them. */
export async function deleteLinksOf(
  db: Queries,
  repositoryId: number,
  limit: number,
): Promise<RemovedLink[]> {
  return db
    .deleteFrom("repository_blob")
    .where("repository_id", "=", repositoryId)
    .where("digest", "in", (eb) =>
      eb
        .selectFrom("repository_blob")
        .select("digest")
        .where("repository_id", "=", repositoryId)
        .orderBy("digest")
        .limit(limit)
        .forUpdate(),
    )
    .returning(["repository_id as repositoryId", "blob_id as blobId"])
    .execute();
}
