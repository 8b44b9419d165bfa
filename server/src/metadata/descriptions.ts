/** What the panel shows of manifests and tags that was not known when they were pushed, or by the version that took them. */
import { sql } from "kysely";
import type { Digest } from "../model/digest.ts";
import { type Evidence, writeEvidence } from "../model/evidence.ts";
import type { Manifest } from "../model/manifest.ts";
import { naturalKey } from "../model/natural-key.ts";
import type { Queries } from "./database.ts";

export interface UndescribedManifest {
  id: number;
  repositoryId: number;
  mediaType: string;
  /** Whether it was pushed to a version that did not look into it. */
  isUnread: boolean;
}

/** Up to `limit` manifests that are due. */
export async function listUndescribedManifests(
  db: Queries,
  now: number,
  limit: number,
): Promise<UndescribedManifest[]> {
  const rows = await db
    .selectFrom("manifest")
    .select(["id", "repository_id as repositoryId", "media_type as mediaType", "evidence"])
    .where("describe_after", "<=", now)
    .orderBy("describe_after")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ evidence, ...row }) => ({ ...row, isUnread: evidence === null }));
}

export async function putDescription(
  db: Queries,
  id: number,
  { platform, evidence }: { platform: string | undefined; evidence: Evidence | undefined },
): Promise<void> {
  await db
    .updateTable("manifest")
    .set({
      platform: platform ?? null,
      describe_after: null,
      ...(evidence === undefined ? {} : { evidence: writeEvidence(evidence) }),
    })
    .where("id", "=", id)
    .execute();
}

/** Has a manifest looked at again later. */
export async function postponeDescription(db: Queries, id: number, after: number): Promise<void> {
  await db.updateTable("manifest").set({ describe_after: after }).where("id", "=", id).execute();
}

/** Adds to an index's edges what it says of its manifests. */
export async function describeChildren(
  db: Queries,
  manifestId: number,
  children: Manifest["children"],
): Promise<void> {
  for (const { digest, platform, attests } of children) {
    if (platform === undefined && attests === undefined) continue;
    await db
      .updateTable("manifest_child")
      .set({ platform: platform ?? null, attests: attests ?? null })
      .where("manifest_id", "=", manifestId)
      .where("digest", "=", digest)
      .execute();
  }
}

/** The digest of an image's config: the first of its blobs. */
export async function findConfigDigest(db: Queries, manifestId: number): Promise<Digest | undefined> {
  const row = await db
    .selectFrom("manifest_blob")
    .select("digest")
    .where("manifest_id", "=", manifestId)
    .where("position", "=", 0)
    .executeTakeFirst();
  return row?.digest;
}

/** Gives up to `limit` tags their place in the natural order. Returns how many had none. */
export async function orderTagRows(db: Queries, limit: number): Promise<number> {
  const rows = await db
    .selectFrom("tag")
    .select(["repository_id", "name"])
    // In the words of the index of such tags: it is not chosen for a parameter.
    .where(sql<boolean>`natural_key = ''`)
    .limit(limit)
    .execute();
  for (const { repository_id: repositoryId, name } of rows) {
    await db
      .updateTable("tag")
      .set({ natural_key: naturalKey(name) })
      .where("repository_id", "=", repositoryId)
      .where("name", "=", name)
      .execute();
  }
  return rows.length;
}
