import type { Digest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import type { RepositoryName, RepositoryPath } from "../model/name.ts";
import type { Region } from "../model/region.ts";
import type { Queries } from "./database.ts";
import { later } from "./later.ts";
import { prepared } from "./prepared.ts";

export interface Repository {
  id: number;
  registryId: number;
  name: RepositoryName;
  tagCount: number;
  manifestCount: number;
}

const COLUMNS = [
  "id",
  "registry_id as registryId",
  "name",
  "tag_count as tagCount",
  "manifest_count as manifestCount",
] as const;

const repositoryByName = prepared((db, { registryId, name }: { registryId: number; name: RepositoryName }) =>
  db
    .selectFrom("repository")
    .select(COLUMNS)
    .where("registry_id", "=", registryId)
    .where("name", "=", name)
    .where("deleted_at", "is", null),
);

export async function findRepository(
  db: Queries,
  registryId: number,
  name: RepositoryName,
): Promise<Repository | undefined> {
  const [repository] = await repositoryByName(db, { registryId, name });
  return repository;
}

/**
 * The repository of that name, made if there is none. One without manifests is listed nowhere.
 * @throws {RegistryError} NAME_UNKNOWN, where the registry has been deleted
 */
export async function putRepository(
  db: Queries,
  registryId: number,
  name: RepositoryName,
  now: number,
): Promise<Repository> {
  for (;;) {
    const found = await findRepository(db, registryId, name);
    if (found !== undefined) return found;
    const registry = await db
      .selectFrom("registry")
      .select("id")
      .where("id", "=", registryId)
      .where("deleted_at", "is", null)
      .forKeyShare()
      .executeTakeFirst();
    if (registry === undefined) throw new RegistryError("NAME_UNKNOWN", "the registry was deleted just now");
    const row = await db
      .insertInto("repository")
      .values({ registry_id: registryId, name, created_at: now, updated_at: now, deleted_at: null })
      .onConflict((conflict) =>
        conflict.columns(["registry_id", "name"]).where("deleted_at", "is", null).doNothing(),
      )
      .returning(COLUMNS)
      .executeTakeFirst();
    if (row !== undefined) return row;
  }
}

const lockedRepository = prepared((db, { id }: { id: number }) =>
  db
    .selectFrom("repository")
    .select(COLUMNS)
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .forNoKeyUpdate(),
);

/** Locks a living repository for a change of its manifests or tags: one such change at a time. */
export async function lockRepository(db: Queries, id: number): Promise<Repository | undefined> {
  const [repository] = await lockedRepository(db, { id });
  return repository;
}

/** The repository of that name, made if there is none, locked for a change of its manifests or tags. */
export async function putLockedRepository(
  db: Queries,
  registryId: number,
  name: RepositoryName,
  now: number,
): Promise<Repository> {
  for (;;) {
    const { id } = await putRepository(db, registryId, name, now);
    const locked = await lockRepository(db, id);
    // Hidden between the two: the name is free for a new one.
    if (locked !== undefined) return locked;
  }
}

const livingRepository = prepared((db, { id }: { id: number }) =>
  db.selectFrom("repository").select("id").where("id", "=", id).where("deleted_at", "is", null),
);

/** Whether the repository was not hidden meanwhile. */
export async function isLivingRepository(db: Queries, id: number): Promise<boolean> {
  return (await livingRepository(db, { id })).length > 0;
}

/** Whether anybody may pull from the repository, as far as its own setting goes. */
export async function isPublicRepository(
  db: Queries,
  registryId: number,
  name: RepositoryName,
): Promise<boolean> {
  const row = await db
    .selectFrom("repository")
    .select("public")
    .where("registry_id", "=", registryId)
    .where("name", "=", name)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  return row?.public === 1;
}

interface RepositoryChange {
  tags: number;
  manifests: number;
  /** 0: nothing was pushed. */
  pushedAt: number;
  now: number;
}

const repositoryCount = prepared(
  (db, { id, tags, manifests, pushedAt, now }: RepositoryChange & { id: number }) =>
    db
      .updateTable("repository")
      .set((eb) => ({
        pushed_at: later("pushed_at", pushedAt),
        tag_count: eb("tag_count", "+", tags),
        manifest_count: eb("manifest_count", "+", manifests),
        updated_at: now,
      }))
      .where("id", "=", id),
);

/** Adds to a locked repository's counters. */
export async function countInRepository(db: Queries, id: number, change: RepositoryChange): Promise<void> {
  await repositoryCount(db, { id, ...change });
}

/** A repository of one of these registries that has a blob of the region, if there is one. */
export async function findRepositoryWithBlob(
  db: Queries,
  registryIds: readonly number[],
  region: Region,
  digest: Digest,
): Promise<RepositoryPath | undefined> {
  if (registryIds.length === 0) return undefined;
  return (
    db
      .selectFrom("blob")
      // First whether the registry has it at all: other accounts' repositories may link it by the thousands.
      .innerJoin("registry_blob", "registry_blob.blob_id", "blob.id")
      .innerJoin("repository_blob as link", (join) =>
        join
          .onRef("link.blob_id", "=", "registry_blob.blob_id")
          .onRef("link.registry_id", "=", "registry_blob.registry_id"),
      )
      .innerJoin("repository", "repository.id", "link.repository_id")
      .innerJoin("registry", "registry.id", "link.registry_id")
      .select(["registry.name as registry", "repository.name as repository"])
      .where("blob.region", "=", region)
      .where("blob.digest", "=", digest)
      .where("registry_blob.registry_id", "in", registryIds)
      .where("repository.deleted_at", "is", null)
      .limit(1)
      .executeTakeFirst()
  );
}

/** What an owner has set of a repository. */
export interface RepositorySettings {
  description: string | undefined;
  /** Whether anybody may pull from it, as far as its own setting goes. */
  isPublic: boolean;
  /** Whether manifests are accepted without their content; `undefined`: as the installation has it. */
  sparse: boolean | undefined;
}

const repositorySettings = prepared((db, { id }: { id: number }) =>
  db.selectFrom("repository").select(["description", "public", "sparse"]).where("id", "=", id),
);

export async function getRepositorySettings(db: Queries, id: number): Promise<RepositorySettings> {
  const [row] = await repositorySettings(db, { id });
  if (row === undefined) throw new Error(`there is no repository ${id}`);
  return {
    description: row.description ?? undefined,
    isPublic: row.public !== 0,
    sparse: row.sparse === null ? undefined : row.sparse !== 0,
  };
}

export async function putRepositorySettings(
  db: Queries,
  id: number,
  { description, isPublic, sparse }: RepositorySettings,
): Promise<void> {
  await db
    .updateTable("repository")
    .set({
      description: description ?? null,
      public: Number(isPublic),
      sparse: sparse === undefined ? null : Number(sparse),
    })
    .where("id", "=", id)
    .execute();
}

/** Repositories that have manifests, or tags, by name: a page after a name, or a page after so many. */
export async function listRepositories(
  db: Queries,
  registryId: number,
  {
    having = "manifests",
    after,
    offset,
    limit,
  }: { having?: "manifests" | "tags"; after?: string | undefined; offset?: number; limit: number },
): Promise<Repository[]> {
  const count = having === "tags" ? "tag_count" : "manifest_count";
  let query = db
    .selectFrom("repository")
    .select(COLUMNS)
    .where("registry_id", "=", registryId)
    // A literal: a partial index is not chosen for a parameter.
    .where((eb) => eb(count, ">", eb.lit(0)))
    .where("deleted_at", "is", null)
    .orderBy("name")
    .limit(limit);
  if (after !== undefined) query = query.where("name", ">", after as RepositoryName);
  else if (offset) query = query.offset(offset);
  return query.execute();
}

const repositoryNamesAfter = prepared(
  (db, values: { registryId: number; after: RepositoryName; limit: number }) =>
    db
      .selectFrom("repository")
      .select("name")
      .where("registry_id", "=", values.registryId)
      .where((eb) => eb("manifest_count", ">", eb.lit(0)))
      .where("deleted_at", "is", null)
      .where("name", ">", values.after)
      .orderBy("name")
      .limit(values.limit),
);

/** Names of repositories that have manifests, starting after `after`: before all of them where it is empty. */
export async function listRepositoryNames(
  db: Queries,
  registryId: number,
  { after = "", limit }: { after?: string | undefined; limit: number },
): Promise<RepositoryName[]> {
  const rows = await repositoryNamesAfter(db, { registryId, after: after as RepositoryName, limit });
  return rows.map((row) => row.name);
}

/** Hides a locked repository: its name is free at once. */
export async function hideRepository(db: Queries, id: number, now: number): Promise<void> {
  await db.updateTable("repository").set({ deleted_at: now }).where("id", "=", id).execute();
}

/** Hides up to `limit` repositories of a registry that is hidden itself. Returns how many. */
export async function hideRepositoriesOf(
  db: Queries,
  registryId: number,
  limit: number,
  now: number,
): Promise<number> {
  const rows = await db
    .updateTable("repository")
    .set({ deleted_at: now })
    .where("id", "in", (eb) =>
      eb
        .selectFrom("repository")
        .select("id")
        .where("registry_id", "=", registryId)
        .where("deleted_at", "is", null)
        .orderBy("id")
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning("id")
    .execute();
  return rows.length;
}

/** Hidden repositories, which wait to be emptied. */
export async function listHiddenRepositories(
  db: Queries,
  limit: number,
): Promise<{ id: number; registryId: number }[]> {
  return db
    .selectFrom("repository")
    .select(["id", "registry_id as registryId"])
    .where("deleted_at", "is not", null)
    .orderBy("id")
    .limit(limit)
    .execute();
}

export async function deleteRepositoryRow(db: Queries, id: number): Promise<void> {
  await db.deleteFrom("repository").where("id", "=", id).execute();
}
