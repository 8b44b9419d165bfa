/** What a preview of garbage collection reads: pages of garbage, and what hangs on it. Nothing is locked. */
import type { Digest } from "../model/digest.ts";
import type { RepositoryName } from "../model/name.ts";
import { batches, type Queries } from "./database.ts";

/** Where garbage is looked for: in a registry, or in one of its repositories alone. */
export interface GarbagePlace {
  registryId: number;
  repositoryId?: number | undefined;
}

/** A manifest as a collection sees it. */
export interface CollectableManifest {
  id: number;
  repositoryId: number;
  digest: Digest;
  holderCount: number;
  leasedUntil: number;
  compressedSizeBytes: number;
  updatedAt: number;
}

/** A link as a collection sees it, with the size of its blob. */
export interface CollectableLink {
  repositoryId: number;
  digest: Digest;
  blobId: number | null;
  sizeBytes: number | null;
  referenceCount: number;
  leasedUntil: number;
}

const MANIFEST = [
  "manifest.id as id",
  "manifest.repository_id as repositoryId",
  "manifest.digest as digest",
  "manifest.holder_count as holderCount",
  "manifest.leased_until as leasedUntil",
  "manifest.compressed_size_bytes as compressedSizeBytes",
  "manifest.updated_at as updatedAt",
] as const;

const LINK = [
  "link.repository_id as repositoryId",
  "link.digest as digest",
  "link.blob_id as blobId",
  "blob.size_bytes as sizeBytes",
  "link.reference_count as referenceCount",
  "link.leased_until as leasedUntil",
] as const;

/** Manifests that nothing holds, after an id. */
export async function listUnheldManifests(
  db: Queries,
  { registryId, repositoryId }: GarbagePlace,
  after: number,
  limit: number,
): Promise<CollectableManifest[]> {
  const query = db
    .selectFrom("manifest")
    .innerJoin("repository", "repository.id", "manifest.repository_id")
    .select(MANIFEST)
    .where("manifest.registry_id", "=", registryId)
    // A literal: a partial index is not chosen for a parameter.
    .where((eb) => eb("manifest.holder_count", "=", eb.lit(0)))
    .where("manifest.id", ">", after)
    .where("repository.deleted_at", "is", null)
    .orderBy("manifest.id")
    .limit(limit);
  return (
    repositoryId === undefined ? query : query.where("manifest.repository_id", "=", repositoryId)
  ).execute();
}

export async function listCollectableManifests(
  db: Queries,
  ids: readonly number[],
): Promise<CollectableManifest[]> {
  const manifests: CollectableManifest[] = [];
  for await (const batch of batches(ids)) {
    manifests.push(...(await db.selectFrom("manifest").select(MANIFEST).where("id", "in", batch).execute()));
  }
  return manifests;
}

/**
 * The manifests that some manifests hold: their children, and their referrers, as far as they are here. One is named as
 * often as it is held.
 */
export async function listHeldManifests(
  db: Queries,
  holderIds: readonly number[],
): Promise<CollectableManifest[]> {
  const children = await db
    .selectFrom("manifest_child as child")
    .innerJoin("manifest", (join) =>
      join
        .onRef("manifest.repository_id", "=", "child.repository_id")
        .onRef("manifest.digest", "=", "child.digest"),
    )
    .select(MANIFEST)
    .where("child.manifest_id", "in", holderIds)
    .execute();
  const referrers = await db
    .selectFrom("manifest as holder")
    .innerJoin("manifest", (join) =>
      join
        .onRef("manifest.repository_id", "=", "holder.repository_id")
        .onRef("manifest.subject", "=", "holder.digest"),
    )
    .select(MANIFEST)
    .where("holder.id", "in", holderIds)
    .execute();
  return [...children, ...referrers];
}

/** Links that no manifest needs, after a place in their order. */
export async function listUnreferencedLinks(
  db: Queries,
  { registryId, repositoryId }: GarbagePlace,
  after: { leasedUntil: number; repositoryId: number; digest: Digest } | undefined,
  limit: number,
): Promise<CollectableLink[]> {
  let query = db
    .selectFrom("repository_blob as link")
    .innerJoin("repository", "repository.id", "link.repository_id")
    .leftJoin("blob", "blob.id", "link.blob_id")
    .select(LINK)
    .where("link.registry_id", "=", registryId)
    .where((eb) => eb("link.reference_count", "=", eb.lit(0)))
    .where("repository.deleted_at", "is", null)
    .orderBy("link.leased_until")
    .orderBy("link.repository_id")
    .orderBy("link.digest")
    .limit(limit);
  if (repositoryId !== undefined) query = query.where("link.repository_id", "=", repositoryId);
  if (after !== undefined) {
    query = query.where((eb) =>
      eb(
        eb.refTuple("link.leased_until", "link.repository_id", "link.digest"),
        ">",
        eb.tuple(after.leasedUntil, after.repositoryId, after.digest),
      ),
    );
  }
  return query.execute();
}

export async function listLinks(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<CollectableLink[]> {
  const links: CollectableLink[] = [];
  for await (const batch of batches(digests)) {
    links.push(
      ...(await db
        .selectFrom("repository_blob as link")
        .leftJoin("blob", "blob.id", "link.blob_id")
        .select(LINK)
        .where("link.repository_id", "=", repositoryId)
        .where("link.digest", "in", batch)
        .execute()),
    );
  }
  return links;
}

/** How many of a registry's repositories link each of these blobs. */
export async function listLinkCounts(
  db: Queries,
  registryId: number,
  blobIds: readonly number[],
): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for await (const batch of batches(blobIds)) {
    const rows = await db
      .selectFrom("registry_blob")
      .select(["blob_id as blobId", "link_count as linkCount"])
      .where("registry_id", "=", registryId)
      .where("blob_id", "in", batch)
      .execute();
    for (const { blobId, linkCount } of rows) counts.set(blobId, linkCount);
  }
  return counts;
}

export async function listRepositoryNames(
  db: Queries,
  ids: readonly number[],
): Promise<Map<number, RepositoryName>> {
  const names = new Map<number, RepositoryName>();
  for await (const batch of batches(ids)) {
    const rows = await db.selectFrom("repository").select(["id", "name"]).where("id", "in", batch).execute();
    for (const { id, name } of rows) names.set(id, name);
  }
  return names;
}

/** Who pushes to a registry now: what leases are held for. */
export async function countPushes(
  db: Queries,
  registryId: number,
  now: number,
): Promise<{ writeTokens: number; lastExpiresAt: number | undefined; uploads: number }> {
  const tokens = await db
    .selectFrom("write_token")
    .select((eb) => [
      eb.fn.countAll<number>().as("count"),
      eb.fn.max<number | null>("expires_at").as("lastExpiresAt"),
    ])
    .where("registry_id", "=", registryId)
    .where("expires_at", ">", now)
    .executeTakeFirstOrThrow();
  const { uploads } = await db
    .selectFrom("upload_session")
    .select((eb) => eb.fn.countAll<number>().as("uploads"))
    .where("registry_id", "=", registryId)
    .executeTakeFirstOrThrow();
  return { writeTokens: tokens.count, lastExpiresAt: tokens.lastExpiresAt ?? undefined, uploads };
}
