import type { Insertable } from "kysely";
import type { Descriptor } from "../model/descriptor.ts";
import type { Digest } from "../model/digest.ts";
import { writeEvidence } from "../model/evidence.ts";
import type { Manifest } from "../model/manifest.ts";
import { isImageManifest } from "../model/media-type.ts";
import type { TagName } from "../model/name.ts";
import { batches, type Queries } from "./database.ts";
import { later } from "./later.ts";
import { prepared, remembered } from "./prepared.ts";
import type { ManifestRow } from "./schema.ts";

/** What a reader of a manifest is told before its bytes. */
export interface ManifestHead {
  id: number;
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  leasedUntil: number;
}

export interface ManifestSummary {
  digest: Digest;
  compressedSizeBytes: number;
  uncompressedSizeBytes: number;
  updatedAt: number;
  tags: TagName[];
  blobs: { digest: Digest; sizeBytes: number }[];
}

const HEAD = [
  "manifest.id as id",
  "manifest.digest as digest",
  "manifest.media_type as mediaType",
  "manifest.size_bytes as sizeBytes",
  "manifest.leased_until as leasedUntil",
] as const;

const manifestByDigest = remembered(
  (db, { repositoryId, digest }: { repositoryId: number; digest: Digest }) =>
    db
      .selectFrom("manifest")
      .select(HEAD)
      .where("repository_id", "=", repositoryId)
      .where("digest", "=", digest),
  ([manifest]): ManifestHead | undefined => manifest,
);

export async function findManifestByDigest(
  db: Queries,
  repositoryId: number,
  digest: Digest,
): Promise<ManifestHead | undefined> {
  return manifestByDigest(db, { repositoryId, digest });
}

const manifestByTag = remembered(
  (db, { repositoryId, tag }: { repositoryId: number; tag: TagName }) =>
    db
      .selectFrom("tag")
      .innerJoin("manifest", "manifest.id", "tag.manifest_id")
      .select(HEAD)
      .where("tag.repository_id", "=", repositoryId)
      .where("tag.name", "=", tag),
  ([manifest]): ManifestHead | undefined => manifest,
);

export async function findManifestByTag(
  db: Queries,
  repositoryId: number,
  tag: TagName,
): Promise<ManifestHead | undefined> {
  return manifestByTag(db, { repositoryId, tag });
}

const manifestContent = prepared((db, { id }: { id: number }) =>
  db.selectFrom("manifest_payload").select("content").where("manifest_id", "=", id),
);

/** The bytes as pushed, or `undefined` where the manifest is gone by now. */
export async function findManifestContent(db: Queries, id: number): Promise<Buffer | undefined> {
  const [row] = await manifestContent(db, { id });
  return row && Buffer.from(row.content.buffer, row.content.byteOffset, row.content.byteLength);
}

/** Renews a manifest's lease. Returns whether it is still there. */
export async function leaseManifest(db: Queries, id: number, leasedUntil: number): Promise<boolean> {
  const row = await db
    .updateTable("manifest")
    .set({ leased_until: later("leased_until", leasedUntil) })
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Locks a manifest, under its repository's lock, to remove it. */
export async function lockManifest(
  db: Queries,
  repositoryId: number,
  digest: Digest,
): Promise<{ id: number; digest: Digest } | undefined> {
  return db
    .selectFrom("manifest")
    .select(["id", "digest"])
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest)
    .forUpdate()
    .executeTakeFirst();
}

const manifestRenewal = prepared(
  (db, values: { repositoryId: number; digest: Digest; leasedUntil: number; now: number }) =>
    db
      .updateTable("manifest")
      .set({
        leased_until: later("leased_until", values.leasedUntil),
        measure_after: 0,
        describe_after: 0,
        updated_at: values.now,
      })
      .where("repository_id", "=", values.repositoryId)
      .where("digest", "=", values.digest)
      .returning(["id", "media_type as mediaType"]),
);

/**
 * Says that a manifest that is here was pushed again: its uncompressed size and its config are looked at again too, because
 * what it names may be here only now. Returns what it is, or `undefined` where it is not here.
 */
export async function renewManifest(
  db: Queries,
  repositoryId: number,
  digest: Digest,
  { leasedUntil, now }: { leasedUntil: number; now: number },
): Promise<{ id: number; mediaType: string } | undefined> {
  const [row] = await manifestRenewal(db, { repositoryId, digest, leasedUntil, now });
  return row;
}

export interface NewManifest {
  repositoryId: number;
  registryId: number;
  manifest: Manifest;
  compressedSizeBytes: number;
  depth: number;
  holderCount: number;
  leasedUntil: number;
  now: number;
}

const manifestInsertion = prepared((db, row: Insertable<ManifestRow>) =>
  db
    .insertInto("manifest")
    .values({
      repository_id: row.repository_id,
      registry_id: row.registry_id,
      digest: row.digest,
      media_type: row.media_type,
      size_bytes: row.size_bytes,
      subject: row.subject,
      artifact_type: row.artifact_type,
      compressed_size_bytes: row.compressed_size_bytes,
      depth: row.depth,
      evidence: row.evidence,
      describe_after: row.describe_after,
      holder_count: row.holder_count,
      leased_until: row.leased_until,
      created_at: row.created_at,
      updated_at: row.updated_at,
    })
    .returning("id"),
);

const payloadInsertion = prepared(
  (db, { id, content, annotations }: { id: number; content: Buffer; annotations: string }) =>
    db.insertInto("manifest_payload").values({ manifest_id: id, content, annotations }),
);

/** Inserts a manifest, its bytes and its edges. */
export async function insertManifest(db: Queries, row: NewManifest): Promise<number> {
  const { manifest, repositoryId } = row;
  const [inserted] = await manifestInsertion(db, {
    repository_id: repositoryId,
    registry_id: row.registryId,
    digest: manifest.digest,
    media_type: manifest.mediaType,
    size_bytes: manifest.content.length,
    subject: manifest.subject ?? null,
    artifact_type: manifest.artifactType ?? null,
    compressed_size_bytes: row.compressedSizeBytes,
    depth: row.depth,
    evidence: writeEvidence(manifest.evidence),
    // Only an image's config is still to be read.
    describe_after: isImageManifest(manifest.mediaType) ? 0 : null,
    holder_count: row.holderCount,
    leased_until: row.leasedUntil,
    created_at: row.now,
    updated_at: row.now,
  });
  if (inserted === undefined) throw new Error("a manifest that was inserted has a row");
  const { id } = inserted;
  await payloadInsertion(db, { id, content: manifest.content, annotations: manifest.annotations });
  await insertBlobEdges(db, id, repositoryId, manifest.blobs);
  await insertChildEdges(db, id, repositoryId, manifest.children);
  return id;
}

async function insertBlobEdges(
  db: Queries,
  manifestId: number,
  repositoryId: number,
  blobs: readonly Descriptor[],
): Promise<void> {
  const rows = blobs.map((blob, position) => ({
    manifest_id: manifestId,
    repository_id: repositoryId,
    digest: blob.digest,
    position,
    size_bytes: blob.sizeBytes,
    media_type: blob.mediaType,
  }));
  for await (const batch of batches(rows)) await db.insertInto("manifest_blob").values(batch).execute();
}

async function insertChildEdges(
  db: Queries,
  manifestId: number,
  repositoryId: number,
  children: readonly Descriptor[],
): Promise<void> {
  const rows = children.map((child, position) => ({
    manifest_id: manifestId,
    repository_id: repositoryId,
    digest: child.digest,
    position,
    platform: child.platform ?? null,
    attests: child.attests ?? null,
  }));
  for await (const batch of batches(rows)) await db.insertInto("manifest_child").values(batch).execute();
}

/** Removes a manifest, its bytes and its edges. No tag points at it any more. */
export async function deleteManifestRow(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("manifest").where("id", "=", id).execute();
}

/** What an index takes over from a manifest that it lists. */
export interface Child {
  mediaType: string;
  sizeBytes: number;
  compressedSizeBytes: number;
  depth: number;
}

/** Those of the manifests `digests` that are here. */
export async function listChildren(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<Map<Digest, Child>> {
  const children = new Map<Digest, Child>();
  for await (const batch of batches(digests)) {
    const rows = await db
      .selectFrom("manifest")
      .select([
        "digest",
        "media_type as mediaType",
        "size_bytes as sizeBytes",
        "compressed_size_bytes as compressedSizeBytes",
        "depth",
      ])
      .where("repository_id", "=", repositoryId)
      .where("digest", "in", batch)
      .execute();
    for (const { digest, ...child } of rows) children.set(digest, child);
  }
  return children;
}

/** Has the indexes that list one of `digests` be at least so deep. Returns those that were not. */
export async function deepenParents(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
  depth: number,
): Promise<Digest[]> {
  const deepened: Digest[] = [];
  for await (const batch of batches(digests)) {
    const rows = await db
      .updateTable("manifest")
      .set({ depth })
      .where("depth", "<", depth)
      .where("id", "in", (eb) =>
        eb
          .selectFrom("manifest_child")
          .select("manifest_id")
          .where("repository_id", "=", repositoryId)
          .where("digest", "in", batch),
      )
      .returning("digest")
      .execute();
    deepened.push(...rows.map((row) => row.digest));
  }
  return deepened;
}

const parentCount = prepared((db, { repositoryId, digest }: { repositoryId: number; digest: Digest }) =>
  db
    .selectFrom("manifest_child")
    .select((eb) => eb.fn.countAll<number>().as("parents"))
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", digest),
);

/** How many indexes list a manifest. */
export async function countParents(db: Queries, repositoryId: number, digest: Digest): Promise<number> {
  const [row] = await parentCount(db, { repositoryId, digest });
  return row?.parents ?? 0;
}

const holderCount = prepared((db, { id, change }: { id: number; change: number }) =>
  db
    .updateTable("manifest")
    .set((eb) => ({ holder_count: eb("holder_count", "+", change) }))
    .where("id", "=", id),
);

/** Adds to the holder count of one manifest. */
export async function countHolder(db: Queries, id: number, change: 1 | -1): Promise<void> {
  await holderCount(db, { id, change });
}

const referrerHolderCount = prepared(
  (db, values: { repositoryId: number; subject: Digest; change: number }) =>
    db
      .updateTable("manifest")
      .set((eb) => ({ holder_count: eb("holder_count", "+", values.change) }))
      .where("repository_id", "=", values.repositoryId)
      .where("subject", "=", values.subject),
);

/** Adds to the holder counts of manifests, as often as each is named. */
export async function countHolders(db: Queries, ids: readonly number[], change: 1 | -1): Promise<void> {
  const timesOf = new Map<number, number>();
  for (const id of ids) timesOf.set(id, (timesOf.get(id) ?? 0) + 1);
  for (const [times, some] of Map.groupBy(timesOf.keys(), (id) => timesOf.get(id) ?? 1)) {
    for await (const batch of batches(some)) {
      await db
        .updateTable("manifest")
        .set((eb) => ({ holder_count: eb("holder_count", "+", times * change) }))
        .where("id", "in", batch)
        .execute();
    }
  }
}

/** Adds to the holder counts of the manifests that a manifest holds: its children, and the referrers of it. */
export async function countHeld(
  db: Queries,
  repositoryId: number,
  holder: { digest: Digest; children: readonly Digest[] },
  change: 1 | -1,
): Promise<void> {
  for await (const batch of batches(holder.children)) {
    await db
      .updateTable("manifest")
      .set((eb) => ({ holder_count: eb("holder_count", "+", change) }))
      .where("repository_id", "=", repositoryId)
      .where("digest", "in", batch)
      .execute();
  }
  await referrerHolderCount(db, { repositoryId, subject: holder.digest, change });
}

export async function listChildDigests(db: Queries, manifestId: number): Promise<Digest[]> {
  const rows = await db
    .selectFrom("manifest_child")
    .select("digest")
    .where("manifest_id", "=", manifestId)
    .execute();
  return rows.map((row) => row.digest);
}

export async function listBlobDigests(db: Queries, manifestId: number): Promise<Digest[]> {
  const rows = await db
    .selectFrom("manifest_blob")
    .select("digest")
    .where("manifest_id", "=", manifestId)
    .execute();
  return rows.map((row) => row.digest);
}

/** A page of a repository's manifests, newest first. */
export async function listManifests(
  db: Queries,
  repositoryId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<ManifestSummary[]> {
  const rows = await db
    .selectFrom((eb) =>
      // The rows before the page are skipped inside the index, and the whole is in the page's order: see listTags.
      eb
        .selectFrom("manifest")
        .select(["id", "updated_at"])
        .where("repository_id", "=", repositoryId)
        .orderBy("updated_at", "desc")
        .orderBy("id", "desc")
        .limit(limit)
        .offset(offset)
        .as("page"),
    )
    .innerJoin("manifest", "manifest.id", "page.id")
    .select(SUMMARY)
    .orderBy("page.updated_at", "desc")
    .orderBy("page.id", "desc")
    .execute();
  return withTagsAndBlobs(db, rows);
}

/** The newest manifest of each of these repositories, by repository. */
export async function listNewestManifests(
  db: Queries,
  repositoryIds: readonly number[],
): Promise<Map<number, ManifestSummary>> {
  if (repositoryIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("repository")
    .innerJoin("manifest", (join) =>
      join.on("manifest.id", "=", (eb) =>
        eb
          .selectFrom("manifest as newest")
          .select("newest.id")
          .whereRef("newest.repository_id", "=", "repository.id")
          .orderBy("newest.updated_at", "desc")
          .orderBy("newest.id", "desc")
          .limit(1),
      ),
    )
    .select([...SUMMARY, "repository.id as repositoryId"])
    .where("repository.id", "in", repositoryIds)
    .execute();
  const summaries = await withTagsAndBlobs(db, rows);
  return new Map(rows.map(({ repositoryId }, index) => [repositoryId, summaries[index] as ManifestSummary]));
}

const SUMMARY = [
  "manifest.id as id",
  "manifest.digest as digest",
  "manifest.compressed_size_bytes as compressedSizeBytes",
  "manifest.uncompressed_size_bytes as uncompressedSizeBytes",
  "manifest.updated_at as updatedAt",
] as const;

/** The tags and blobs of a page of manifests in two queries, however many there are. */
async function withTagsAndBlobs(
  db: Queries,
  rows: readonly (Omit<ManifestSummary, "tags" | "blobs"> & { id: number })[],
): Promise<ManifestSummary[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const tags = await db
    .selectFrom("tag")
    .select(["manifest_id as manifestId", "name"])
    .where("manifest_id", "in", ids)
    .orderBy("manifest_id")
    .orderBy("name")
    .execute();
  const blobs = await db
    .selectFrom("manifest_blob")
    .select(["manifest_id as manifestId", "digest", "size_bytes as sizeBytes"])
    .where("manifest_id", "in", ids)
    .orderBy("manifest_id")
    .orderBy("position")
    .execute();
  const tagsOf = Map.groupBy(tags, (tag) => tag.manifestId);
  const blobsOf = Map.groupBy(blobs, (blob) => blob.manifestId);
  return rows.map(({ id, digest, compressedSizeBytes, uncompressedSizeBytes, updatedAt }) => ({
    digest,
    compressedSizeBytes,
    uncompressedSizeBytes,
    updatedAt,
    tags: (tagsOf.get(id) ?? []).map((tag) => tag.name),
    blobs: (blobsOf.get(id) ?? []).map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
  }));
}

/** A repository of the registry with manifests that nothing holds and whose lease is over, if there is one. */
export async function findRepositoryWithUnheldManifests(
  db: Queries,
  registryId: number,
  leasesEndedBy: number,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("manifest")
    .innerJoin("repository", "repository.id", "manifest.repository_id")
    .select("manifest.repository_id as repositoryId")
    .where("manifest.registry_id", "=", registryId)
    // A literal: a partial index is not chosen for a parameter.
    .where((eb) => eb("manifest.holder_count", "=", eb.lit(0)))
    .where("manifest.leased_until", "<=", leasesEndedBy)
    .where("repository.deleted_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  return row?.repositoryId;
}

/**
 * Locks up to `limit` manifests of a locked repository that nothing holds and whose lease is over. A HEAD may renew a
 * lease without the repository's lock: the locked row decides.
 */
export async function lockUnheldManifests(
  db: Queries,
  registryId: number,
  repositoryId: number,
  leasesEndedBy: number,
  limit: number,
): Promise<{ id: number; digest: Digest }[]> {
  return db
    .selectFrom("manifest")
    .select(["id", "digest"])
    .where("registry_id", "=", registryId)
    .where("repository_id", "=", repositoryId)
    .where((eb) => eb("holder_count", "=", eb.lit(0)))
    .where("leased_until", "<=", leasesEndedBy)
    .limit(limit)
    .forUpdate()
    .execute();
}

/** Removes up to `limit` manifests of a hidden repository, with the tags on them. Returns how many. */
export async function deleteManifestsOf(db: Queries, repositoryId: number, limit: number): Promise<number> {
  const manifests = await db
    .selectFrom("manifest")
    .select("id")
    .where("repository_id", "=", repositoryId)
    .limit(limit)
    .execute();
  if (manifests.length === 0) return 0;
  const ids = manifests.map((row) => row.id);
  await db.deleteFrom("tag").where("manifest_id", "in", ids).execute();
  await db.deleteFrom("manifest").where("id", "in", ids).execute();
  return ids.length;
}
