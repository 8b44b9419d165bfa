import type { Digest } from "../model/digest.ts";
import type { TagName } from "../model/name.ts";
import { naturalKey } from "../model/natural-key.ts";
import type { Queries } from "./database.ts";
import { prepared } from "./prepared.ts";

/** A tag with the manifest that it points at. */
export interface Tag {
  name: TagName;
  manifestDigest: Digest;
  compressedSizeBytes: number;
  uncompressedSizeBytes: number;
  updatedAt: number;
}

const TAG = [
  "tag.name as name",
  "manifest.digest as manifestDigest",
  "manifest.compressed_size_bytes as compressedSizeBytes",
  "manifest.uncompressed_size_bytes as uncompressedSizeBytes",
  "tag.updated_at as updatedAt",
] as const;

const tagNamesAfter = prepared(
  (db, { repositoryId, after, limit }: { repositoryId: number; after: TagName; limit: number }) =>
    db
      .selectFrom("tag")
      .select("name")
      .where("repository_id", "=", repositoryId)
      .where("name", ">", after)
      .orderBy("name")
      .limit(limit),
);

/** Tag names in byte order, starting after `after`: before all of them where it is empty. */
export async function listTagNames(
  db: Queries,
  repositoryId: number,
  { after = "", limit }: { after?: string | undefined; limit: number },
): Promise<TagName[]> {
  const rows = await tagNamesAfter(db, { repositoryId, after: after as TagName, limit });
  return rows.map((row) => row.name);
}

/** A page of a repository's tags, newest first. */
export async function listTags(
  db: Queries,
  repositoryId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<Tag[]> {
  return db
    .selectFrom((eb) =>
      // The rows before the page are skipped inside the index. The whole is in the page's order: ordered by the table's
      // columns, SQLite would read all of a repository's tags.
      eb
        .selectFrom("tag")
        .select(["name", "updated_at"])
        .where("repository_id", "=", repositoryId)
        .orderBy("updated_at", "desc")
        .orderBy("name")
        .limit(limit)
        .offset(offset)
        .as("page"),
    )
    .innerJoin("tag", (join) =>
      join.onRef("tag.name", "=", "page.name").on("tag.repository_id", "=", repositoryId),
    )
    .innerJoin("manifest", "manifest.id", "tag.manifest_id")
    .select(TAG)
    .orderBy("page.updated_at", "desc")
    .orderBy("page.name")
    .execute();
}

/** The newest tag of each of these repositories that has one, by repository. */
export async function listNewestTags(
  db: Queries,
  repositoryIds: readonly number[],
): Promise<Map<number, Tag>> {
  if (repositoryIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("repository")
    .innerJoin("tag", (join) =>
      join
        .onRef("tag.repository_id", "=", "repository.id")
        .on("tag.name", "=", (eb) =>
          eb
            .selectFrom("tag as newest")
            .select("newest.name")
            .whereRef("newest.repository_id", "=", "repository.id")
            .orderBy("newest.updated_at", "desc")
            .orderBy("newest.name")
            .limit(1),
        ),
    )
    .innerJoin("manifest", "manifest.id", "tag.manifest_id")
    .select([...TAG, "repository.id as repositoryId"])
    .where("repository.id", "in", repositoryIds)
    .execute();
  return new Map(rows.map(({ repositoryId, ...tag }) => [repositoryId, tag]));
}

interface TagKey {
  repositoryId: number;
  name: TagName;
}

const taggedManifest = prepared((db, { repositoryId, name }: TagKey) =>
  db
    .selectFrom("tag")
    .innerJoin("manifest", "manifest.id", "tag.manifest_id")
    .select(["manifest.id as id", "manifest.digest as digest"])
    .where("tag.repository_id", "=", repositoryId)
    .where("tag.name", "=", name),
);

export async function findTaggedManifest(
  db: Queries,
  repositoryId: number,
  name: TagName,
): Promise<{ id: number; digest: Digest } | undefined> {
  const [row] = await taggedManifest(db, { repositoryId, name });
  return row;
}

interface NewTag extends TagKey {
  naturalKey: string;
  manifestId: number;
  now: number;
}

const tagInsertion = prepared((db, tag: NewTag) =>
  db
    .insertInto("tag")
    .values((eb) => ({
      repository_id: tag.repositoryId,
      name: tag.name,
      manifest_id: tag.manifestId,
      natural_key: tag.naturalKey,
      size_bytes: eb
        .selectFrom("manifest")
        .select("compressed_size_bytes")
        .where("id", "=", tag.manifestId)
        .$asScalar(),
      created_at: tag.now,
      updated_at: tag.now,
    }))
    .onConflict((conflict) =>
      conflict.columns(["repository_id", "name"]).doUpdateSet((eb) => ({
        manifest_id: tag.manifestId,
        natural_key: eb.ref("excluded.natural_key"),
        size_bytes: eb.ref("excluded.size_bytes"),
        updated_at: tag.now,
      })),
    ),
);

/** Creates a tag, or moves it. */
export async function putTag(db: Queries, tag: TagKey & { manifestId: number; now: number }): Promise<void> {
  await tagInsertion(db, { ...tag, naturalKey: naturalKey(tag.name) });
}

export async function deleteTagRow(db: Queries, repositoryId: number, name: TagName): Promise<void> {
  await db.deleteFrom("tag").where("repository_id", "=", repositoryId).where("name", "=", name).execute();
}

/** Removes all tags on a manifest. Returns their names. */
export async function deleteTagsOfManifest(db: Queries, manifestId: number): Promise<TagName[]> {
  const rows = await db.deleteFrom("tag").where("manifest_id", "=", manifestId).returning("name").execute();
  return rows.map((row) => row.name);
}
