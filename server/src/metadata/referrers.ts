/** Manifests that refer to another one, which need not be here. */
import type { Digest } from "../model/digest.ts";
import type { Queries } from "./database.ts";

/** A referrer, as a list has it, without its annotations: they may be long. */
export interface ReferrerHead {
  id: number;
  mediaType: string;
  digest: Digest;
  sizeBytes: number;
  artifactType: string | null;
}

/** Which of the referrers, in the order of their digests. */
export interface ReferrerPage {
  artifactType: string | undefined;
  after: string | undefined;
  limit: number;
}

const HEAD = [
  "manifest.id as id",
  "manifest.media_type as mediaType",
  "manifest.digest as digest",
  "manifest.size_bytes as sizeBytes",
  "manifest.artifact_type as artifactType",
] as const;

/** Manifests whose subject this is. */
export async function listReferrerHeads(
  db: Queries,
  repositoryId: number,
  subject: Digest,
  { artifactType, after, limit }: ReferrerPage,
): Promise<ReferrerHead[]> {
  let query = db
    .selectFrom("manifest")
    .select(HEAD)
    .where("repository_id", "=", repositoryId)
    .where("subject", "=", subject)
    .orderBy("digest")
    .limit(limit);
  if (artifactType !== undefined) query = query.where("artifact_type", "=", artifactType);
  if (after !== undefined) query = query.where("digest", ">", after as Digest);
  return query.execute();
}

/** Manifests that an index lists and that have no subject themselves: what is a referrer by that list alone. */
export async function listFallbackReferrerHeads(
  db: Queries,
  indexId: number,
  { artifactType, after, limit }: ReferrerPage,
): Promise<ReferrerHead[]> {
  let query = db
    .selectFrom("manifest_child as child")
    .innerJoin("manifest", (join) =>
      join
        .onRef("manifest.repository_id", "=", "child.repository_id")
        .onRef("manifest.digest", "=", "child.digest"),
    )
    .select(HEAD)
    .where("child.manifest_id", "=", indexId)
    .where("manifest.subject", "is", null)
    .orderBy("child.digest")
    .limit(limit);
  if (artifactType !== undefined) query = query.where("manifest.artifact_type", "=", artifactType);
  if (after !== undefined) query = query.where("child.digest", ">", after as Digest);
  return query.execute();
}

/** The annotations of these manifests, as JSON, by id. */
export async function findAnnotations(db: Queries, ids: readonly number[]): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("manifest_payload")
    .select(["manifest_id as id", "annotations"])
    .where("manifest_id", "in", ids)
    .execute();
  return new Map(rows.map(({ id, annotations }) => [id, annotations]));
}
