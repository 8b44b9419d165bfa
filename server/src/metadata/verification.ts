/**
 * Whether the rows agree with each other: every counter is counted again, every edge is followed. A check is one
 * statement that returns what is wrong, so that it needs no memory; its repair, where there is one that guesses nothing,
 * is one statement too. Repositories that are hidden are being emptied, and their counters no longer count.
 */
import { type RawBuilder, sql } from "kysely";
import type { Digest } from "../model/digest.ts";
import type { Region } from "../model/region.ts";
import type { StorageKey } from "../model/storage-key.ts";
import { batches, type Database, type Queries } from "./database.ts";

/** One thing that is wrong. */
export interface Finding {
  check: string;
  /** Which row, in words that an operator can look up. */
  subject: string;
  /** What the row says, and what counting gives. */
  found: string;
  expected: string;
}

interface Check {
  name: string;
  find: RawBuilder<{ subject: string; found: number | string; expected: number | string }>;
  repair?: RawBuilder<unknown>;
}

const LIVING = sql`repository_id IN (SELECT id FROM repository WHERE deleted_at IS NULL)`;

const REFERENCES = sql`(SELECT count(*) FROM manifest_blob e
  WHERE e.repository_id = repository_blob.repository_id AND e.digest = repository_blob.digest)`;
const HOLDERS = sql`(
  (SELECT count(*) FROM tag t WHERE t.manifest_id = manifest.id)
  + (SELECT count(*) FROM deleted_tag d WHERE d.manifest_id = manifest.id)
  + (SELECT count(*) FROM manifest_child c
      WHERE c.repository_id = manifest.repository_id AND c.digest = manifest.digest)
  + (SELECT count(*) FROM manifest s
      WHERE s.repository_id = manifest.repository_id AND s.digest = manifest.subject))`;
const TAGS = sql`(SELECT count(*) FROM tag t WHERE t.repository_id = repository.id)`;
const MANIFESTS = sql`(SELECT count(*) FROM manifest m WHERE m.repository_id = repository.id)`;
const REGISTRY_LINKS = sql`(SELECT count(*) FROM repository_blob l
  WHERE l.registry_id = registry_blob.registry_id AND l.blob_id = registry_blob.blob_id)`;
const USAGE_CHANGES = sql`coalesce((SELECT sum(c.storage_usage_bytes) FROM registry_change c
  WHERE c.registry_id = registry.id), 0)`;
const USAGE = sql`coalesce((SELECT sum(b.size_bytes) FROM registry_blob u JOIN blob b ON b.id = u.blob_id
  WHERE u.registry_id = registry.id), 0)`;
const SIZE_CHANGES = sql`coalesce((SELECT sum(c.repository_size_bytes) FROM registry_change c
  WHERE c.repository_id = repository.id), 0)`;
const SIZE = sql`coalesce((SELECT sum(b.size_bytes) FROM repository_blob l JOIN blob b ON b.id = l.blob_id
  WHERE l.repository_id = repository.id), 0)`;
const UNIQUE_CHANGES = sql`coalesce((SELECT sum(c.repository_unique_bytes) FROM registry_change c
  WHERE c.repository_id = repository.id), 0)`;
const UNIQUE = sql`coalesce((SELECT sum(b.size_bytes) FROM repository_blob l JOIN blob b ON b.id = l.blob_id
  JOIN registry_blob u ON u.registry_id = l.registry_id AND u.blob_id = l.blob_id
  WHERE l.repository_id = repository.id AND u.link_count = 1), 0)`;
const REPOSITORY_CHANGES = sql`coalesce((SELECT sum(c.repository_count) FROM registry_change c
  WHERE c.registry_id = registry.id), 0)`;
const REPOSITORIES = sql`(SELECT count(*) FROM repository r
  WHERE r.registry_id = registry.id AND r.manifest_count > 0 AND r.deleted_at IS NULL)`;
const TAGGED_CHANGES = sql`coalesce((SELECT sum(c.tagged_repository_count) FROM registry_change c
  WHERE c.registry_id = registry.id), 0)`;
const TAGGED = sql`(SELECT count(*) FROM repository r
  WHERE r.registry_id = registry.id AND r.tag_count > 0 AND r.deleted_at IS NULL)`;
const PAUSED = sql`EXISTS (SELECT 1 FROM garbage_collection g
  WHERE g.registry_id = registry.id AND g.writes = 'pause' AND g.status NOT IN ('succeeded', 'failed', 'cancelled'))`;
const UNREVIEWED = sql`NOT EXISTS (SELECT 1 FROM repository_blob l WHERE l.blob_id = blob.id)
  AND NOT EXISTS (SELECT 1 FROM blob_review v WHERE v.blob_id = blob.id)`;

/** The rows of manifests whose size was worked out, with all that it rests on. */
const MEASURED = sql`${LIVING} AND measure_after IS NULL AND NOT EXISTS (
  SELECT 1 FROM manifest_child e LEFT JOIN manifest c ON c.repository_id = e.repository_id AND c.digest = e.digest
  WHERE e.manifest_id = manifest.id AND (c.id IS NULL OR c.measure_after IS NOT NULL))`;
const UNCOMPRESSED = sql`(
  coalesce((SELECT sum(b.uncompressed_size_bytes) FROM manifest_blob e
    JOIN repository_blob l ON l.repository_id = e.repository_id AND l.digest = e.digest
    JOIN blob b ON b.id = l.blob_id WHERE e.manifest_id = manifest.id AND e.position > 0), 0)
  + coalesce((SELECT sum(c.uncompressed_size_bytes) FROM manifest_child e
    JOIN manifest c ON c.repository_id = e.repository_id AND c.digest = e.digest
    WHERE e.manifest_id = manifest.id), 0))`;

const CHECKS: readonly Check[] = [
  {
    name: "reference count of a link",
    find: sql`SELECT 'link ' || repository_id || ' ' || digest AS subject, reference_count AS found,
      ${REFERENCES} AS expected FROM repository_blob WHERE ${LIVING} AND reference_count <> ${REFERENCES}`,
    repair: sql`UPDATE repository_blob SET reference_count = ${REFERENCES}
      WHERE ${LIVING} AND reference_count <> ${REFERENCES}`,
  },
  {
    name: "link of a blob that a manifest needs",
    find: sql`SELECT 'manifest ' || m.digest || ' needs ' || e.digest AS subject, 'no link' AS found,
      'a link' AS expected
      FROM manifest_blob e JOIN manifest m ON m.id = e.manifest_id JOIN repository r ON r.id = e.repository_id
      WHERE r.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM repository_blob l
        WHERE l.repository_id = e.repository_id AND l.digest = e.digest)`,
  },
  {
    name: "blob of a link",
    find: sql`SELECT 'link ' || l.repository_id || ' ' || l.digest AS subject, b.digest AS found, l.digest AS expected
      FROM repository_blob l JOIN blob b ON b.id = l.blob_id WHERE b.digest <> l.digest`,
  },
  {
    name: "holder count of a manifest",
    find: sql`SELECT 'manifest ' || repository_id || ' ' || digest AS subject, holder_count AS found,
      ${HOLDERS} AS expected FROM manifest WHERE ${LIVING} AND holder_count <> ${HOLDERS}`,
    repair: sql`UPDATE manifest SET holder_count = ${HOLDERS} WHERE ${LIVING} AND holder_count <> ${HOLDERS}`,
  },
  {
    name: "tag count of a repository",
    find: sql`SELECT 'repository ' || id || ' ' || name AS subject, tag_count AS found, ${TAGS} AS expected
      FROM repository WHERE deleted_at IS NULL AND tag_count <> ${TAGS}`,
    repair: sql`UPDATE repository SET tag_count = ${TAGS} WHERE deleted_at IS NULL AND tag_count <> ${TAGS}`,
  },
  {
    name: "manifest count of a repository",
    find: sql`SELECT 'repository ' || id || ' ' || name AS subject, manifest_count AS found, ${MANIFESTS} AS expected
      FROM repository WHERE deleted_at IS NULL AND manifest_count <> ${MANIFESTS}`,
    repair: sql`UPDATE repository SET manifest_count = ${MANIFESTS}
      WHERE deleted_at IS NULL AND manifest_count <> ${MANIFESTS}`,
  },
  {
    name: "blob that a registry counts and no link needs",
    find: sql`SELECT 'registry ' || registry_id || ' blob ' || blob_id AS subject, 'counted' AS found,
      'no row' AS expected FROM registry_blob WHERE ${REGISTRY_LINKS} = 0`,
    repair: sql`DELETE FROM registry_blob WHERE ${REGISTRY_LINKS} = 0`,
  },
  {
    name: "links of a blob in a registry",
    find: sql`SELECT 'registry ' || registry_id || ' blob ' || blob_id AS subject, link_count AS found,
      ${REGISTRY_LINKS} AS expected FROM registry_blob
      WHERE link_count <> ${REGISTRY_LINKS} AND ${REGISTRY_LINKS} > 0`,
    repair: sql`UPDATE registry_blob SET link_count = ${REGISTRY_LINKS} WHERE link_count <> ${REGISTRY_LINKS}`,
  },
  {
    name: "blob that a registry counts",
    find: sql`SELECT 'registry ' || l.registry_id || ' blob ' || l.blob_id AS subject, 'not counted' AS found,
      count(*) AS expected FROM repository_blob l
      WHERE l.blob_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM registry_blob u
        WHERE u.registry_id = l.registry_id AND u.blob_id = l.blob_id)
      GROUP BY l.registry_id, l.blob_id`,
    repair: sql`INSERT INTO registry_blob (registry_id, blob_id, link_count)
      SELECT l.registry_id, l.blob_id, count(*) FROM repository_blob l
      WHERE l.blob_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM registry_blob u
        WHERE u.registry_id = l.registry_id AND u.blob_id = l.blob_id)
      GROUP BY l.registry_id, l.blob_id`,
  },
  {
    name: "storage usage of a registry",
    find: sql`SELECT 'registry ' || name AS subject, storage_usage_bytes + ${USAGE_CHANGES} AS found,
      ${USAGE} AS expected FROM registry WHERE storage_usage_bytes + ${USAGE_CHANGES} <> ${USAGE}`,
    repair: sql`UPDATE registry SET storage_usage_bytes = ${USAGE} - ${USAGE_CHANGES}
      WHERE storage_usage_bytes + ${USAGE_CHANGES} <> ${USAGE}`,
  },
  {
    name: "size of a repository",
    find: sql`SELECT 'repository ' || id || ' ' || name AS subject, size_bytes + ${SIZE_CHANGES} AS found,
      ${SIZE} AS expected FROM repository WHERE deleted_at IS NULL AND size_bytes + ${SIZE_CHANGES} <> ${SIZE}`,
    repair: sql`UPDATE repository SET size_bytes = ${SIZE} - ${SIZE_CHANGES}
      WHERE deleted_at IS NULL AND size_bytes + ${SIZE_CHANGES} <> ${SIZE}`,
  },
  {
    name: "bytes that a repository alone has",
    find: sql`SELECT 'repository ' || id || ' ' || name AS subject, unique_bytes + ${UNIQUE_CHANGES} AS found,
      ${UNIQUE} AS expected FROM repository
      WHERE deleted_at IS NULL AND unique_bytes + ${UNIQUE_CHANGES} <> ${UNIQUE}`,
    repair: sql`UPDATE repository SET unique_bytes = ${UNIQUE} - ${UNIQUE_CHANGES}
      WHERE deleted_at IS NULL AND unique_bytes + ${UNIQUE_CHANGES} <> ${UNIQUE}`,
  },
  {
    name: "repository count of a registry",
    find: sql`SELECT 'registry ' || name AS subject, repository_count + ${REPOSITORY_CHANGES} AS found,
      ${REPOSITORIES} AS expected FROM registry
      WHERE deleted_at IS NULL AND repository_count + ${REPOSITORY_CHANGES} <> ${REPOSITORIES}`,
    repair: sql`UPDATE registry SET repository_count = ${REPOSITORIES} - ${REPOSITORY_CHANGES}
      WHERE deleted_at IS NULL AND repository_count + ${REPOSITORY_CHANGES} <> ${REPOSITORIES}`,
  },
  {
    name: "tagged repository count of a registry",
    find: sql`SELECT 'registry ' || name AS subject, tagged_repository_count + ${TAGGED_CHANGES} AS found,
      ${TAGGED} AS expected FROM registry
      WHERE deleted_at IS NULL AND tagged_repository_count + ${TAGGED_CHANGES} <> ${TAGGED}`,
    repair: sql`UPDATE registry SET tagged_repository_count = ${TAGGED} - ${TAGGED_CHANGES}
      WHERE deleted_at IS NULL AND tagged_repository_count + ${TAGGED_CHANGES} <> ${TAGGED}`,
  },
  {
    name: "uncompressed size of a manifest",
    find: sql`SELECT 'manifest ' || repository_id || ' ' || digest AS subject, uncompressed_size_bytes AS found,
      ${UNCOMPRESSED} AS expected FROM manifest WHERE ${MEASURED} AND uncompressed_size_bytes <> ${UNCOMPRESSED}`,
    // The background adds it up anew.
    repair: sql`UPDATE manifest SET measure_after = 0
      WHERE ${MEASURED} AND uncompressed_size_bytes <> ${UNCOMPRESSED}`,
  },
  {
    name: "read-only registry",
    find: sql`SELECT 'registry ' || name AS subject, 'read-only' AS found, 'writable: no run pauses it' AS expected
      FROM registry WHERE deleted_at IS NULL AND read_only <> 0 AND NOT ${PAUSED}`,
    repair: sql`UPDATE registry SET read_only = 0 WHERE deleted_at IS NULL AND read_only <> 0 AND NOT ${PAUSED}`,
  },
  {
    name: "blob that nobody links",
    find: sql`SELECT 'blob ' || id || ' ' || digest AS subject, 'no link and no review' AS found,
      'one of them' AS expected FROM blob WHERE ${UNREVIEWED}`,
    repair: sql`INSERT INTO blob_review (blob_id, queued_at) SELECT id, created_at FROM blob WHERE ${UNREVIEWED}`,
  },
  {
    name: "storage key",
    find: sql`SELECT 'key ' || storage_key AS subject, count(*) AS found, 1 AS expected FROM (
        SELECT storage_key FROM blob UNION ALL SELECT storage_key FROM trash UNION ALL SELECT storage_key FROM upload_session
      ) AS named GROUP BY storage_key HAVING count(*) > 1`,
  },
];

export const CHECK_COUNT = CHECKS.length;

/** Goes through all checks in one snapshot, and tells of each when it is done. */
export async function verifyRows(
  db: Database,
  report: (check: string, findings: Finding[]) => void,
): Promise<void> {
  await db
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute(async (tx) => {
      for (const { name, find } of CHECKS) {
        const { rows } = await find.execute(tx);
        report(
          name,
          rows.map(({ subject, found, expected }) => ({
            check: name,
            subject,
            found: String(found),
            expected: String(expected),
          })),
        );
      }
    });
}

/** Mends what can be mended without a guess. In this order, because usage rests on the counts before it. */
export async function repairRows(tx: Queries): Promise<void> {
  for (const { repair } of CHECKS) await repair?.execute(tx);
}

/** A blob, as its bytes have to be. */
export interface StoredBlob {
  id: number;
  region: Region;
  digest: Digest;
  sizeBytes: number;
  /** `undefined`: not worked out yet. */
  uncompressedSizeBytes: number | undefined;
  storageKey: StorageKey;
}

/** Blobs after an id, in the order of their ids. */
export async function listStoredBlobs(db: Queries, after: number, limit: number): Promise<StoredBlob[]> {
  const rows = await db
    .selectFrom("blob")
    .select([
      "id",
      "region",
      "digest",
      "size_bytes as sizeBytes",
      "uncompressed_size_bytes as uncompressedSizeBytes",
      "storage_key as storageKey",
    ])
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    ...row,
    uncompressedSizeBytes: row.uncompressedSizeBytes ?? undefined,
    storageKey: row.storageKey as StorageKey,
  }));
}

export async function sumStoredBlobs(db: Queries): Promise<{ blobs: number; bytes: number }> {
  const row = await db
    .selectFrom("blob")
    .select((eb) => [
      eb.fn.countAll<number>().as("blobs"),
      eb.fn.sum<number | string | null>("size_bytes").as("bytes"),
    ])
    .executeTakeFirstOrThrow();
  return { blobs: row.blobs, bytes: Number(row.bytes ?? 0) };
}

export async function isStoredBlob(db: Queries, id: number): Promise<boolean> {
  const row = await db.selectFrom("blob").select("id").where("id", "=", id).executeTakeFirst();
  return row !== undefined;
}

/** A manifest, as its bytes have to be. */
export interface StoredManifest {
  id: number;
  repositoryId: number;
  digest: Digest;
  mediaType: string;
  subject: Digest | null;
}

/** Manifests of repositories that are not hidden, after an id, in the order of their ids. */
export async function listStoredManifests(
  db: Queries,
  after: number,
  limit: number,
): Promise<StoredManifest[]> {
  return selectStoredManifests(db)
    .select([
      "manifest.id as id",
      "manifest.repository_id as repositoryId",
      "manifest.digest as digest",
      "manifest.media_type as mediaType",
      "manifest.subject as subject",
    ])
    .where("manifest.id", ">", after)
    .orderBy("manifest.id")
    .limit(limit)
    .execute();
}

export async function countStoredManifests(db: Queries): Promise<number> {
  const { count } = await selectStoredManifests(db)
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return count;
}

export async function isStoredManifest(db: Queries, id: number): Promise<boolean> {
  const row = await selectStoredManifests(db)
    .select("manifest.id as id")
    .where("manifest.id", "=", id)
    .executeTakeFirst();
  return row !== undefined;
}

function selectStoredManifests(db: Queries) {
  return db
    .selectFrom("manifest")
    .innerJoin("repository", "repository.id", "manifest.repository_id")
    .where("repository.deleted_at", "is", null);
}

/** Those of these keys that no row names. */
export async function listUnnamedKeys(db: Queries, keys: readonly StorageKey[]): Promise<StorageKey[]> {
  const named = new Set<string>();
  for await (const batch of batches(keys)) {
    for (const table of ["upload_session", "blob", "trash"] as const) {
      const rows = await db
        .selectFrom(table)
        .select("storage_key as storageKey")
        .where("storage_key", "in", batch)
        .execute();
      for (const { storageKey } of rows) named.add(storageKey);
    }
  }
  return keys.filter((key) => !named.has(key));
}
