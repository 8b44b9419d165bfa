/** Manifests as the panel lists them, newest first, and what it shows of one. */
import { sql } from "kysely";
import type { Digest } from "../model/digest.ts";
import type { TagName } from "../model/name.ts";
import { batches, type Queries } from "./database.ts";

export const MANIFEST_FILTERS = ["all", "tagged", "untagged", "referrers"] as const;
export type ManifestFilter = (typeof MANIFEST_FILTERS)[number];

export interface ManifestRow {
  id: number;
  digest: Digest;
  mediaType: string;
  artifactType: string | null;
  subject: Digest | null;
  platform: string | null;
  evidence: string | null;
  sizeBytes: number;
  holderCount: number;
  leasedUntil: number;
  pushedAt: number;
}

const ROW = [
  "manifest.id as id",
  "manifest.digest as digest",
  "manifest.media_type as mediaType",
  "manifest.artifact_type as artifactType",
  "manifest.subject as subject",
  "manifest.platform as platform",
  "manifest.evidence as evidence",
  "manifest.compressed_size_bytes as sizeBytes",
  "manifest.holder_count as holderCount",
  "manifest.leased_until as leasedUntil",
  "manifest.updated_at as pushedAt",
] as const;

export interface ManifestSelection {
  filter: ManifestFilter;
  /** How a digest begins, with or without its algorithm. */
  q: string | undefined;
}

export async function listManifestRows(
  db: Queries,
  repositoryId: number,
  selection: ManifestSelection,
  { after, limit }: { after: { pushedAt: number; id: number } | undefined; limit: number },
): Promise<ManifestRow[]> {
  let query = selectManifests(db, repositoryId, selection)
    .select(ROW)
    .orderBy("manifest.updated_at", "desc")
    .orderBy("manifest.id", "desc")
    .limit(limit);
  if (after !== undefined) {
    query = query.where(sql<boolean>`(manifest.updated_at, manifest.id) < (${after.pushedAt}, ${after.id})`);
  }
  return query.execute();
}

export async function countManifestRows(
  db: Queries,
  repositoryId: number,
  selection: ManifestSelection,
): Promise<number> {
  const { count } = await selectManifests(db, repositoryId, selection)
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return count;
}

function selectManifests(db: Queries, repositoryId: number, { filter, q }: ManifestSelection) {
  let query = db.selectFrom("manifest").where("manifest.repository_id", "=", repositoryId);
  // In the words of the indexes of such manifests: they are not chosen for parameters.
  if (filter === "untagged") query = query.where(sql<boolean>`manifest.holder_count = 0`);
  if (filter === "referrers") query = query.where("manifest.subject", "is not", null);
  if (filter === "tagged") {
    query = query.where(({ exists, selectFrom }) =>
      exists(selectFrom("tag").select("name").whereRef("tag.manifest_id", "=", "manifest.id")),
    );
  }
  if (q !== undefined) {
    const prefix = q.includes(":") ? q : `sha256:${q}`;
    query = query.where((eb) =>
      eb.and([
        eb("manifest.digest", ">=", prefix as Digest),
        eb("manifest.digest", "<", `${prefix}~` as Digest),
      ]),
    );
  }
  return query;
}

/** Those of these manifests that are here. */
export async function listManifestRowsByDigest(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<ManifestRow[]> {
  const rows: ManifestRow[] = [];
  for await (const batch of batches(digests)) {
    rows.push(
      ...(await db
        .selectFrom("manifest")
        .select(ROW)
        .where("repository_id", "=", repositoryId)
        .where("digest", "in", batch)
        .execute()),
    );
  }
  return rows;
}

/** Manifests with one of these subjects, oldest first. */
export async function listReferrerRows(
  db: Queries,
  repositoryId: number,
  subjects: readonly Digest[],
  limit: number,
): Promise<ManifestRow[]> {
  if (subjects.length === 0) return [];
  return db
    .selectFrom("manifest")
    .select(ROW)
    .where("repository_id", "=", repositoryId)
    .where("subject", "in", subjects)
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Manifests under these tags. */
export async function listManifestRowsByTag(
  db: Queries,
  repositoryId: number,
  names: readonly TagName[],
): Promise<(ManifestRow & { tag: TagName })[]> {
  if (names.length === 0) return [];
  return db
    .selectFrom("tag")
    .innerJoin("manifest", "manifest.id", "tag.manifest_id")
    .select([...ROW, "tag.name as tag"])
    .where("tag.repository_id", "=", repositoryId)
    .where("tag.name", "in", names)
    .orderBy("tag.name")
    .execute();
}

/** The first few tags on each of these manifests, by name, and how many there are. */
export async function listFirstTags(
  db: Queries,
  manifestIds: readonly number[],
  limit: number,
): Promise<Map<number, { names: TagName[]; count: number }>> {
  const found = new Map<number, { names: TagName[]; count: number }>();
  if (manifestIds.length === 0) return found;
  const { rows } = await sql<{ manifestId: number; name: TagName; count: number }>`
    SELECT manifest_id AS "manifestId", name, count FROM (
      SELECT manifest_id, name, row_number() OVER (PARTITION BY manifest_id ORDER BY name) AS position,
        count(*) OVER (PARTITION BY manifest_id) AS count
      FROM tag WHERE manifest_id IN (${sql.join(manifestIds)})
    ) AS ranked WHERE position <= ${limit} ORDER BY manifest_id, name`.execute(db);
  for (const { manifestId, name, count } of rows) {
    const tags = found.get(manifestId) ?? { names: [], count };
    tags.names.push(name);
    found.set(manifestId, tags);
  }
  return found;
}

/** How many indexes list each of these manifests. */
export async function countParentsOf(
  db: Queries,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  if (digests.length === 0) return new Map();
  const rows = await db
    .selectFrom("manifest_child")
    .select((eb) => ["digest", eb.fn.countAll<number>().as("count")])
    .where("repository_id", "=", repositoryId)
    .where("digest", "in", digests)
    .groupBy("digest")
    .execute();
  return new Map(rows.map((row) => [row.digest, row.count]));
}

/** The indexes that list a manifest. */
export async function listParents(
  db: Queries,
  repositoryId: number,
  digest: Digest,
  limit: number,
): Promise<Digest[]> {
  const rows = await db
    .selectFrom("manifest_child")
    .innerJoin("manifest", "manifest.id", "manifest_child.manifest_id")
    .select("manifest.digest as digest")
    .where("manifest_child.repository_id", "=", repositoryId)
    .where("manifest_child.digest", "=", digest)
    .orderBy("manifest.id")
    .limit(limit)
    .execute();
  return rows.map((row) => row.digest);
}

/** A blob that a manifest names, in its order. The first of an image's is its config. */
export interface BlobEdge {
  manifestId: number;
  digest: Digest;
  position: number;
  mediaType: string;
  sizeBytes: number;
}

export async function listBlobEdges(db: Queries, manifestIds: readonly number[]): Promise<BlobEdge[]> {
  const edges: BlobEdge[] = [];
  for await (const batch of batches(manifestIds)) {
    edges.push(
      ...(await db
        .selectFrom("manifest_blob")
        .select([
          "manifest_id as manifestId",
          "digest",
          "position",
          "media_type as mediaType",
          "size_bytes as sizeBytes",
        ])
        .where("manifest_id", "in", batch)
        .orderBy("manifest_id")
        .orderBy("position")
        .execute()),
    );
  }
  return edges;
}

/** How many manifests of a registry name each of these blobs, in whichever repository. */
export async function countReferencesInRegistry(
  db: Queries,
  registryId: number,
  repositoryId: number,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const counts = new Map<Digest, number>();
  for await (const batch of batches(digests)) {
    const rows = await db
      .selectFrom("repository_blob as own")
      .innerJoin("repository_blob as link", "link.blob_id", "own.blob_id")
      .select((eb) => [
        "own.digest as digest",
        eb.fn.sum<number | string>("link.reference_count").as("count"),
      ])
      .where("own.repository_id", "=", repositoryId)
      .where("own.digest", "in", batch)
      .where("link.registry_id", "=", registryId)
      .groupBy("own.digest")
      .execute();
    for (const { digest, count } of rows) counts.set(digest, Number(count));
  }
  return counts;
}
