/** Repositories as the panel lists them: in any order, with their sizes and pulls. */
import type { RepositoryName } from "../model/name.ts";
import type { Queries } from "./database.ts";
import { contains, isAfter, type Order, type Place } from "./keyset.ts";

/** Each has an index of the repositories that are listed: (registry_id, column, name). */
export const REPOSITORY_SORTS = {
  name: "name",
  updated: "pushed_at",
  pulled: "pulled_at",
  pulls: "pull_count",
  size: "size_bytes",
  tags: "tag_count",
} as const;
export type RepositorySort = keyof typeof REPOSITORY_SORTS;

export interface RepositoryRow {
  id: number;
  name: RepositoryName;
  /** What the page is sorted by. */
  sortValue: string | number;
  tagCount: number;
  manifestCount: number;
  sizeBytes: number;
  uniqueBytes: number;
  pushedAt: number;
  pulledAt: number;
  pullCount: number;
  isPublic: boolean;
  description: string | null;
}

export interface RepositoryPage {
  sort: RepositorySort;
  order: Order;
  q: string | undefined;
  after: Place | undefined;
  limit: number;
}

export async function listRepositoryRows(
  db: Queries,
  registryId: number,
  page: RepositoryPage,
): Promise<RepositoryRow[]> {
  const column = REPOSITORY_SORTS[page.sort];
  let query = selectRows(db, registryId)
    .select(`repository.${column} as sortValue`)
    .orderBy(`repository.${column}`, page.order)
    .orderBy("repository.name", page.order)
    .limit(page.limit);
  if (page.q !== undefined) query = query.where(contains("repository.name", page.q));
  if (page.after !== undefined) {
    query = query.where(isAfter(`repository.${column}`, "repository.name", page.after, page.order));
  }
  return withPendingSizes(db, await query.execute());
}

/** One repository as the list has it, if it is listed. */
export async function findRepositoryRow(
  db: Queries,
  registryId: number,
  name: RepositoryName,
): Promise<RepositoryRow | undefined> {
  const rows = await selectRows(db, registryId)
    .select("repository.name as sortValue")
    .where("repository.name", "=", name)
    .execute();
  const [row] = await withPendingSizes(db, rows);
  return row;
}

/** The repositories that have the most bytes alone. */
export async function listLargestRepositories(
  db: Queries,
  registryId: number,
  limit: number,
): Promise<RepositoryRow[]> {
  const rows = await selectRows(db, registryId)
    .select("repository.name as sortValue")
    .orderBy("repository.unique_bytes", "desc")
    .limit(limit)
    .execute();
  return (await withPendingSizes(db, rows)).sort((a, b) => b.uniqueBytes - a.uniqueBytes);
}

export async function countRepositoriesWith(db: Queries, registryId: number, q: string): Promise<number> {
  const { count } = await db
    .selectFrom("repository")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("registry_id", "=", registryId)
    .where((eb) => eb("manifest_count", ">", eb.lit(0)))
    .where("deleted_at", "is", null)
    .where(contains("name", q))
    .executeTakeFirstOrThrow();
  return count;
}

/** The tags and manifests of a registry, over all of its repositories. */
export async function sumContents(
  db: Queries,
  registryId: number,
): Promise<{ tags: number; manifests: number }> {
  const row = await db
    .selectFrom("repository")
    .select((eb) => [
      eb.fn.sum<number | string | null>("tag_count").as("tags"),
      eb.fn.sum<number | string | null>("manifest_count").as("manifests"),
    ])
    .where("registry_id", "=", registryId)
    .where((eb) => eb("manifest_count", ">", eb.lit(0)))
    .where("deleted_at", "is", null)
    .executeTakeFirstOrThrow();
  return { tags: Number(row.tags ?? 0), manifests: Number(row.manifests ?? 0) };
}

function selectRows(db: Queries, registryId: number) {
  return (
    db
      .selectFrom("repository")
      .select([
        "repository.id as id",
        "repository.name as name",
        "repository.tag_count as tagCount",
        "repository.manifest_count as manifestCount",
        "repository.size_bytes as sizeBytes",
        "repository.unique_bytes as uniqueBytes",
        "repository.pushed_at as pushedAt",
        "repository.pulled_at as pulledAt",
        "repository.pull_count as pullCount",
        "repository.public as public",
        "repository.description as description",
      ])
      .where("repository.registry_id", "=", registryId)
      // A literal: a partial index is not chosen for a parameter.
      .where((eb) => eb("repository.manifest_count", ">", eb.lit(0)))
      .where("repository.deleted_at", "is", null)
  );
}

/** Adds what is not folded into the sizes of repositories yet. */
async function withPendingSizes(
  db: Queries,
  rows: readonly (Omit<RepositoryRow, "isPublic"> & { public: number })[],
): Promise<RepositoryRow[]> {
  if (rows.length === 0) return [];
  const changes = await db
    .selectFrom("registry_change")
    .select((eb) => [
      "repository_id as id",
      eb.fn.sum<number | string>("repository_size_bytes").as("sizeBytes"),
      eb.fn.sum<number | string>("repository_unique_bytes").as("uniqueBytes"),
    ])
    .where(
      "repository_id",
      "in",
      rows.map((row) => row.id),
    )
    .groupBy("repository_id")
    .execute();
  const changeOf = new Map(changes.map((change) => [change.id, change]));
  return rows.map(({ public: isPublic, ...row }) => {
    const change = changeOf.get(row.id);
    return {
      ...row,
      sizeBytes: row.sizeBytes + Number(change?.sizeBytes ?? 0),
      uniqueBytes: row.uniqueBytes + Number(change?.uniqueBytes ?? 0),
      isPublic: isPublic !== 0,
    };
  });
}
