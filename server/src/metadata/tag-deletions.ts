/** Deletions of tags that can be undone, and the tags that may come back: they hold their manifests until then. */
import type { Digest } from "../model/digest.ts";
import type { TagName } from "../model/name.ts";
import { naturalKey } from "../model/natural-key.ts";
import { batches, type Queries } from "./database.ts";

export interface TagDeletion {
  id: string;
  repositoryId: number;
  undoUntil: number;
}

export async function insertTagDeletion(db: Queries, deletion: TagDeletion): Promise<void> {
  await db
    .insertInto("tag_deletion")
    .values({
      id: deletion.id,
      repository_id: deletion.repositoryId,
      undo_until: deletion.undoUntil,
    })
    .execute();
}

/** Gives a deletion its whole time, which begins when the last of its tags is gone. */
export async function putUndoUntil(db: Queries, id: string, undoUntil: number): Promise<void> {
  await db.updateTable("tag_deletion").set({ undo_until: undoUntil }).where("id", "=", id).execute();
}

export async function findTagDeletion(db: Queries, id: string): Promise<TagDeletion | undefined> {
  return db
    .selectFrom("tag_deletion")
    .select(["id", "repository_id as repositoryId", "undo_until as undoUntil"])
    .where("id", "=", id)
    .executeTakeFirst();
}

/** Moves tags of a locked repository to those that may come back. Returns the names of those that there were. */
export async function moveTagsToDeletion(
  db: Queries,
  deletion: Pick<TagDeletion, "id" | "repositoryId">,
  names: readonly TagName[],
): Promise<TagName[]> {
  if (names.length === 0) return [];
  const rows = await db
    .deleteFrom("tag")
    .where("repository_id", "=", deletion.repositoryId)
    .where("name", "in", names)
    .returning(["name", "manifest_id", "created_at", "updated_at", "pulled_at", "pull_count"])
    .execute();
  if (rows.length === 0) return [];
  await db
    .insertInto("deleted_tag")
    .values(
      rows.map((row) => ({
        ...row,
        tag_deletion_id: deletion.id,
        repository_id: deletion.repositoryId,
      })),
    )
    .execute();
  return rows.map((row) => row.name);
}

/** A tag that may come back. */
export interface DeletedTag {
  name: TagName;
  manifestId: number;
  digest: Digest;
}

/** Up to `limit` tags of a deletion whose manifests are still here. */
export async function listDeletedTags(db: Queries, deletionId: string, limit: number): Promise<DeletedTag[]> {
  return db
    .selectFrom("deleted_tag")
    .innerJoin("manifest", "manifest.id", "deleted_tag.manifest_id")
    .select([
      "deleted_tag.name as name",
      "deleted_tag.manifest_id as manifestId",
      "manifest.digest as digest",
    ])
    .where("tag_deletion_id", "=", deletionId)
    .orderBy("deleted_tag.name")
    .limit(limit)
    .execute();
}

/** Puts deleted tags of a locked repository back as they were. Returns those whose name nobody has taken. */
export async function restoreTags(
  db: Queries,
  deletion: Pick<TagDeletion, "id" | "repositoryId">,
  names: readonly TagName[],
): Promise<Set<TagName>> {
  if (names.length === 0) return new Set();
  const rows = await db
    .selectFrom("deleted_tag")
    .innerJoin("manifest", "manifest.id", "deleted_tag.manifest_id")
    .select([
      "deleted_tag.name",
      "deleted_tag.manifest_id",
      "manifest.compressed_size_bytes as size_bytes",
      "deleted_tag.created_at",
      "deleted_tag.updated_at",
      "deleted_tag.pulled_at",
      "deleted_tag.pull_count",
    ])
    .where("tag_deletion_id", "=", deletion.id)
    .where("deleted_tag.name", "in", names)
    .execute();
  if (rows.length === 0) return new Set();
  const restored = await db
    .insertInto("tag")
    .values(
      rows.map((row) => ({
        ...row,
        repository_id: deletion.repositoryId,
        natural_key: naturalKey(row.name),
      })),
    )
    .onConflict((conflict) => conflict.columns(["repository_id", "name"]).doNothing())
    .returning("name")
    .execute();
  return new Set(restored.map((row) => row.name));
}

/** Forgets deleted tags. */
export async function forgetDeletedTags(
  db: Queries,
  deletionId: string,
  names: readonly TagName[],
): Promise<void> {
  for await (const batch of batches(names)) {
    await db
      .deleteFrom("deleted_tag")
      .where("tag_deletion_id", "=", deletionId)
      .where("name", "in", batch)
      .execute();
  }
}

/** A deletion with tags that can no longer be undone, if there is one. */
export async function findEndedTagDeletion(db: Queries, now: number): Promise<TagDeletion | undefined> {
  return db
    .selectFrom("tag_deletion")
    .select(["id", "repository_id as repositoryId", "undo_until as undoUntil"])
    .where("undo_until", "<", now)
    .where(({ exists, selectFrom }) =>
      exists(selectFrom("deleted_tag").select("name").whereRef("tag_deletion_id", "=", "tag_deletion.id")),
    )
    .orderBy("undo_until")
    .limit(1)
    .executeTakeFirst();
}

/** Removes up to `limit` deletions that are older than a time and hold nothing. Returns how many. */
export async function deleteOldTagDeletions(db: Queries, before: number, limit: number): Promise<number> {
  const rows = await db
    .deleteFrom("tag_deletion")
    .where("id", "in", (eb) =>
      eb
        .selectFrom("tag_deletion")
        .select("id")
        .where("undo_until", "<", before)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom("deleted_tag").select("name").whereRef("tag_deletion_id", "=", "tag_deletion.id"),
            ),
          ),
        )
        .limit(limit),
    )
    .returning("id")
    .execute();
  return rows.length;
}
