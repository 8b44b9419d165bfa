/** Tags as the panel lists them: in any order, a page with all that its rows show in a few queries, however many they are. */
import type { Digest } from "../model/digest.ts";
import type { TagName } from "../model/name.ts";
import { batches, type Queries } from "./database.ts";
import { contains, isAfter, type Order, type Place } from "./keyset.ts";

/** Each has an index: (repository_id, column, name). */
export const TAG_SORTS = {
  name: "natural_key",
  pushed: "updated_at",
  pulled: "pulled_at",
  size: "size_bytes",
} as const;
export type TagSort = keyof typeof TAG_SORTS;

export interface TagRow {
  name: TagName;
  /** What the page is sorted by. */
  sortValue: string | number;
  manifestId: number;
  digest: Digest;
  mediaType: string;
  artifactType: string | null;
  platform: string | null;
  evidence: string | null;
  sizeBytes: number;
  pushedAt: number;
  pulledAt: number;
  pullCount: number;
}

export interface TagPage {
  sort: TagSort;
  order: Order;
  q: string | undefined;
  after: Place | undefined;
  limit: number;
}

export async function listTagRows(db: Queries, repositoryId: number, page: TagPage): Promise<TagRow[]> {
  const column = TAG_SORTS[page.sort];
  let query = db
    .selectFrom("tag")
    .innerJoin("manifest", "manifest.id", "tag.manifest_id")
    .select([
      "tag.name as name",
      `tag.${column} as sortValue`,
      "manifest.id as manifestId",
      "manifest.digest as digest",
      "manifest.media_type as mediaType",
      "manifest.artifact_type as artifactType",
      "manifest.platform as platform",
      "manifest.evidence as evidence",
      "manifest.compressed_size_bytes as sizeBytes",
      "tag.updated_at as pushedAt",
      "tag.pulled_at as pulledAt",
      "tag.pull_count as pullCount",
    ])
    .where("tag.repository_id", "=", repositoryId)
    .orderBy(`tag.${column}`, page.order)
    .orderBy("tag.name", page.order)
    .limit(page.limit);
  if (page.q !== undefined) query = query.where(contains("tag.name", page.q));
  if (page.after !== undefined)
    query = query.where(isAfter(`tag.${column}`, "tag.name", page.after, page.order));
  return query.execute();
}

/** How many tags have a text in their name. */
export async function countTagsWith(db: Queries, repositoryId: number, q: string): Promise<number> {
  const { tags } = await db
    .selectFrom("tag")
    .select((eb) => eb.fn.countAll<number>().as("tags"))
    .where("repository_id", "=", repositoryId)
    .where(contains("name", q))
    .executeTakeFirstOrThrow();
  return tags;
}

/** The names of up to `limit` tags that have a text in them. */
export async function listTagNamesWith(
  db: Queries,
  repositoryId: number,
  q: string,
  limit: number,
): Promise<TagName[]> {
  const rows = await db
    .selectFrom("tag")
    .select("name")
    .where("repository_id", "=", repositoryId)
    .where(contains("name", q))
    .orderBy("name")
    .limit(limit)
    .execute();
  return rows.map((row) => row.name);
}

export interface TagOnManifest {
  name: TagName;
  manifestId: number;
  digest: Digest;
}

/** Those of these tags that are there, by name. */
export async function listTagsByName(
  db: Queries,
  repositoryId: number,
  names: readonly TagName[],
): Promise<TagOnManifest[]> {
  const tags: TagOnManifest[] = [];
  for await (const batch of batches(names)) {
    tags.push(
      ...(await db
        .selectFrom("tag")
        .innerJoin("manifest", "manifest.id", "tag.manifest_id")
        .select(["tag.name as name", "manifest.id as manifestId", "manifest.digest as digest"])
        .where("tag.repository_id", "=", repositoryId)
        .where("tag.name", "in", batch)
        .execute()),
    );
  }
  return tags.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** All tags on these manifests, by name. */
export async function listTagsOnManifests(
  db: Queries,
  manifestIds: readonly number[],
): Promise<Omit<TagOnManifest, "digest">[]> {
  const tags: Omit<TagOnManifest, "digest">[] = [];
  for await (const batch of batches(manifestIds)) {
    tags.push(
      ...(await db
        .selectFrom("tag")
        .select(["name", "manifest_id as manifestId"])
        .where("manifest_id", "in", batch)
        .orderBy("manifest_id")
        .orderBy("name")
        .execute()),
    );
  }
  return tags;
}

/** A manifest that an index lists, as far as it is here. */
export interface ChildRow {
  parentId: number;
  digest: Digest;
  /** What the index says; else what the image's config says. */
  platform: string | null;
  attests: Digest | null;
  sizeBytes: number | null;
  evidence: string | null;
}

/** What these indexes list, in their order. */
export async function listChildRows(db: Queries, parentIds: readonly number[]): Promise<ChildRow[]> {
  const rows: ChildRow[] = [];
  for await (const batch of batches(parentIds)) {
    rows.push(
      ...(await db
        .selectFrom("manifest_child as edge")
        .leftJoin("manifest as child", (join) =>
          join
            .onRef("child.repository_id", "=", "edge.repository_id")
            .onRef("child.digest", "=", "edge.digest"),
        )
        .select([
          "edge.manifest_id as parentId",
          "edge.digest as digest",
          (eb) => eb.fn.coalesce("edge.platform", "child.platform").as("platform"),
          "edge.attests as attests",
          "child.compressed_size_bytes as sizeBytes",
          "child.evidence as evidence",
        ])
        .where("edge.manifest_id", "in", batch)
        .orderBy("edge.manifest_id")
        .orderBy("edge.position")
        .execute()),
    );
  }
  return rows;
}

/** What manifests with these subjects are evidence of. */
export async function listEvidence(
  db: Queries,
  repositoryId: number,
  subjects: readonly Digest[],
): Promise<{ subject: Digest | null; evidence: string | null; count: number }[]> {
  if (subjects.length === 0) return [];
  return db
    .selectFrom("manifest")
    .select((eb) => ["subject", "evidence", eb.fn.countAll<number>().as("count")])
    .where("repository_id", "=", repositoryId)
    .where("subject", "in", subjects)
    .groupBy(["subject", "evidence"])
    .execute();
}

/** What the manifests under these tags, as far as they are here, are evidence of. */
export async function listEvidenceUnder(
  db: Queries,
  repositoryId: number,
  names: readonly TagName[],
): Promise<{ name: TagName; evidence: string | null }[]> {
  if (names.length === 0) return [];
  return db
    .selectFrom("tag")
    .innerJoin("manifest", "manifest.id", "tag.manifest_id")
    .select(["tag.name as name", "manifest.evidence as evidence"])
    .where("tag.repository_id", "=", repositoryId)
    .where("tag.name", "in", names)
    .execute();
}
