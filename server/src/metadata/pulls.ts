/** Pulls and pushes, counted in memory and added to the rows every few seconds. */
import { sql } from "kysely";
import type { TagName } from "../model/name.ts";
import type { Queries } from "./database.ts";

/** Pulls of one manifest, by one of its tags or by its digest. */
export interface Pulls {
  manifestId: number;
  tag: TagName | undefined;
  count: number;
  lastAt: number;
}

/**
 * Adds pulls to a tag, or to all tags on a manifest that was pulled by digest, and to the repository. What was fetched by
 * digest as a part of something (an index's image, a signature) is no pull of its own. Returns the registry, where it was.
 */
export async function addPulls(
  db: Queries,
  { manifestId, tag, count, lastAt }: Pulls,
): Promise<number | undefined> {
  const manifest = await db
    .selectFrom("manifest")
    .select(["registry_id as registryId", "repository_id as repositoryId", "digest", "subject"])
    .where("id", "=", manifestId)
    .executeTakeFirst();
  if (manifest === undefined) return undefined;
  if (tag === undefined) {
    const parent = await db
      .selectFrom("manifest_child")
      .select("manifest_id")
      .where("repository_id", "=", manifest.repositoryId)
      .where("digest", "=", manifest.digest)
      .limit(1)
      .executeTakeFirst();
    if (parent !== undefined || manifest.subject !== null) return undefined;
  }
  const add = {
    pull_count: sql<number>`pull_count + ${count}`,
    pulled_at: sql<number>`CASE WHEN pulled_at < ${lastAt} THEN ${lastAt} ELSE pulled_at END`,
  };
  await db.updateTable("repository").set(add).where("id", "=", manifest.repositoryId).execute();
  const tags = db.updateTable("tag").set(add).where("manifest_id", "=", manifestId);
  await (tag === undefined ? tags : tags.where("name", "=", tag)).execute();
  return manifest.registryId;
}

export interface DayCounts {
  registryId: number;
  /** Days since 1970, in UTC. */
  day: number;
  pulls: number;
  pushes: number;
}

export async function addDayCounts(db: Queries, counts: DayCounts): Promise<void> {
  await db
    .insertInto("registry_day")
    .values({
      registry_id: counts.registryId,
      day: counts.day,
      pulls: counts.pulls,
      pushes: counts.pushes,
    })
    .onConflict((conflict) =>
      conflict.columns(["registry_id", "day"]).doUpdateSet((eb) => ({
        pulls: eb("registry_day.pulls", "+", eb.ref("excluded.pulls")),
        pushes: eb("registry_day.pushes", "+", eb.ref("excluded.pushes")),
      })),
    )
    .execute();
}

export async function getDayCounts(
  db: Queries,
  registryId: number,
  day: number,
): Promise<Pick<DayCounts, "pulls" | "pushes">> {
  const row = await db
    .selectFrom("registry_day")
    .select(["pulls", "pushes"])
    .where("registry_id", "=", registryId)
    .where("day", "=", day)
    .executeTakeFirst();
  return row ?? { pulls: 0, pushes: 0 };
}
