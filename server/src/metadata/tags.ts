import type { Digest } from "../model/digest.ts";
import type { TagName } from "../model/name.ts";
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

const taggedManifestId = prepared((db, { repositoryId, name }: TagKey) =>
  db
    .selectFrom("tag")
    .select("manifest_id as manifestId")
    .where("repository_id", "=", repositoryId)
    .where("name", "=", name),
);

export async function findTaggedManifestId(
  db: Queries,
  repositoryId: number,
  name: TagName,
): Promise<number | undefined> {
  const [row] = await taggedManifestId(db, { repositoryId, name });
  return row?.manifestId;
}

const tagInsertion = prepared((db, tag: TagKey & { manifestId: number; now: number }) =>
  db
    .insertInto("tag")
    .values({
      repository_id: tag.repositoryId,
      name: tag.name,
      manifest_id: tag.manifestId,
      created_at: tag.now,
      updated_at: tag.now,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "name"])
        .doUpdateSet({ manifest_id: tag.manifestId, updated_at: tag.now }),
    ),
);

/** Creates a tag, or moves it. */
export async function putTag(db: Queries, tag: TagKey & { manifestId: number; now: number }): Promise<void> {
  await tagInsertion(db, tag);
}

/** Removes a tag. Returns the manifest it pointed at, or `undefined` where there was none. */
export async function deleteTagRow(
  db: Queries,
  repositoryId: number,
  name: TagName,
): Promise<number | undefined> {
  const row = await db
    .deleteFrom("tag")
    .where("repository_id", "=", repositoryId)
    .where("name", "=", name)
    .returning("manifest_id as manifestId")
    .executeTakeFirst();
  return row?.manifestId;
}

/** Removes all tags on a manifest. Returns how many there were. */
export async function deleteTagsOfManifest(db: Queries, manifestId: number): Promise<number> {
  const rows = await db.deleteFrom("tag").where("manifest_id", "=", manifestId).returning("name").execute();
  return rows.length;
}
