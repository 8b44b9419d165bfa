import type { GarbageCollectionType, Writes } from "../model/garbage-collection.ts";
import type { RegistryName } from "../model/name.ts";
import type { Region } from "../model/region.ts";
import type { AccountUsage } from "../model/tier.ts";
import type { Queries } from "./database.ts";
import { prepared, remembered } from "./prepared.ts";
import type { Subscription } from "./subscriptions.ts";

export interface Registry {
  id: number;
  uuid: string;
  accountId: number;
  name: RegistryName;
  region: Region;
  readOnly: boolean;
  /** Whether anybody may pull from all of its repositories. */
  isPublic: boolean;
  createdAt: number;
}

/** A registry with its counters, the changes that are not folded into them yet included. */
export interface RegistryUsage {
  storageUsageBytes: number;
  storageUsageUpdatedAt: number;
  repositoryCount: number;
  /** Of these, those that have a tag. */
  taggedRepositoryCount: number;
}

export const REGISTRY_COLUMNS = [
  "registry.id",
  "registry.uuid",
  "registry.account_id",
  "registry.name",
  "registry.region",
  "registry.read_only",
  "registry.public",
  "registry.created_at",
] as const;

/** `undefined` where the name is taken. */
export async function insertRegistry(
  db: Queries,
  registry: { uuid: string; accountId: number; name: RegistryName; region: Region; now: number },
): Promise<Registry | undefined> {
  const row = await db
    .insertInto("registry")
    .values({
      uuid: registry.uuid,
      account_id: registry.accountId,
      name: registry.name,
      region: registry.region,
      storage_usage_updated_at: registry.now,
      created_at: registry.now,
      deleted_at: null,
    })
    .onConflict((conflict) => conflict.column("name").where("deleted_at", "is", null).doNothing())
    .returning(REGISTRY_COLUMNS)
    .executeTakeFirst();
  return row && toRegistry(row);
}

const registryByName = remembered(
  (db, { name }: { name: RegistryName }) =>
    db
      .selectFrom("registry")
      .select(REGISTRY_COLUMNS)
      .where("name", "=", name)
      .where("deleted_at", "is", null),
  ([row]) => row && toRegistry(row),
);

export async function findRegistryByName(db: Queries, name: RegistryName): Promise<Registry | undefined> {
  return registryByName(db, { name });
}

export async function findRegistryByUuid(db: Queries, uuid: string): Promise<Registry | undefined> {
  const row = await db
    .selectFrom("registry")
    .select(REGISTRY_COLUMNS)
    .where("uuid", "=", uuid)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  return row && toRegistry(row);
}

const registriesOfAccount = prepared((db, { accountId }: { accountId: number }) =>
  db
    .selectFrom("registry")
    .select(REGISTRY_COLUMNS)
    .where("account_id", "=", accountId)
    .where("deleted_at", "is", null)
    .orderBy("id"),
);

/** Oldest first. */
export async function listRegistries(db: Queries, accountId: number): Promise<Registry[]> {
  return (await registriesOfAccount(db, { accountId })).map(toRegistry);
}

/**
 * Locks a living registry against a change of its read-only flag, and returns it: to issue a token for writing, the
 * flag is read under this lock.
 */
export async function lockRegistryForToken(db: Queries, id: number): Promise<Registry | undefined> {
  const row = await db
    .selectFrom("registry")
    .select(REGISTRY_COLUMNS)
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .forShare()
    .executeTakeFirst();
  return row && toRegistry(row);
}

/** Locks a registry against new write tokens until the transaction ends. Returns it, if it is living. */
export async function lockRegistry(db: Queries, id: number): Promise<Registry | undefined> {
  const row = await db
    .selectFrom("registry")
    .select(REGISTRY_COLUMNS)
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .forUpdate()
    .executeTakeFirst();
  return row && toRegistry(row);
}

export async function setReadOnly(db: Queries, id: number, readOnly: boolean): Promise<void> {
  await db
    .updateTable("registry")
    .set({ read_only: readOnly ? 1 : 0 })
    .where("id", "=", id)
    .execute();
}

export async function setRegistryPublic(db: Queries, id: number, isPublic: boolean): Promise<void> {
  await db
    .updateTable("registry")
    .set({ public: isPublic ? 1 : 0 })
    .where("id", "=", id)
    .execute();
}

/** Hidden registries, which wait to be emptied. */
export async function listHiddenRegistries(db: Queries, limit: number): Promise<number[]> {
  const rows = await db
    .selectFrom("registry")
    .select("id")
    .where("deleted_at", "is not", null)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** Removes a hidden registry that has no repository left, and what was counted for it. `false`: it has one. */
export async function deleteRegistryRow(db: Queries, id: number): Promise<boolean> {
  const repository = await db
    .selectFrom("repository")
    .select("id")
    .where("registry_id", "=", id)
    .limit(1)
    .executeTakeFirst();
  if (repository !== undefined) return false;
  await db.deleteFrom("registry_change").where("registry_id", "=", id).execute();
  await db.deleteFrom("garbage_collection").where("registry_id", "=", id).execute();
  await db.deleteFrom("registry").where("id", "=", id).execute();
  return true;
}

/** Hides a registry: its name is free at once. Returns whether it was there. */
export async function hideRegistry(db: Queries, id: number, now: number): Promise<boolean> {
  const row = await db
    .updateTable("registry")
    .set({ deleted_at: now })
    .where("id", "=", id)
    .where("deleted_at", "is", null)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** What a registry's owner has set about garbage collection. */
export interface GarbageCollectionSettings {
  /** `undefined`: as the installation has it. */
  writes: Writes | undefined;
  schedule: Schedule | undefined;
  /** When the schedule next starts a run. */
  nextAt: number | undefined;
}

export interface Schedule {
  /** Five fields, in UTC. */
  cron: string;
  type: GarbageCollectionType;
}

export async function getGarbageCollectionSettings(
  db: Queries,
  id: number,
): Promise<GarbageCollectionSettings> {
  const row = await db
    .selectFrom("registry")
    .select([
      "garbage_collection_writes as writes",
      "garbage_collection_schedule as cron",
      "garbage_collection_schedule_type as type",
      "garbage_collection_next_at as nextAt",
    ])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return {
    writes: row.writes ?? undefined,
    schedule: row.cron === null || row.type === null ? undefined : { cron: row.cron, type: row.type },
    nextAt: row.nextAt ?? undefined,
  };
}

export async function putGarbageCollectionSettings(
  db: Queries,
  id: number,
  { writes, schedule, nextAt }: GarbageCollectionSettings,
): Promise<void> {
  await db
    .updateTable("registry")
    .set({
      garbage_collection_writes: writes ?? null,
      garbage_collection_schedule: schedule?.cron ?? null,
      garbage_collection_schedule_type: schedule?.type ?? null,
      garbage_collection_next_at: nextAt ?? null,
    })
    .where("id", "=", id)
    .execute();
}

/** A living registry whose schedule is due, locked, if there is one that nobody else has taken. */
export async function takeScheduledRegistry(
  db: Queries,
  now: number,
): Promise<{ registry: Registry; settings: GarbageCollectionSettings } | undefined> {
  const row = await db
    .selectFrom("registry")
    .select(REGISTRY_COLUMNS)
    .where("garbage_collection_next_at", "<=", now)
    .where("deleted_at", "is", null)
    .orderBy("garbage_collection_next_at")
    .limit(1)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { registry: toRegistry(row), settings: await getGarbageCollectionSettings(db, row.id) };
}

export async function getRegistryUsage(db: Queries, id: number): Promise<RegistryUsage> {
  const row = await selectUsage(db).where("registry.id", "=", id).executeTakeFirstOrThrow();
  return toUsage(row);
}

const usageOfAccount = prepared((db, { accountId }: { accountId: number }) =>
  selectUsage(db)
    .select(REGISTRY_COLUMNS)
    .where("registry.account_id", "=", accountId)
    .where("registry.deleted_at", "is", null)
    .orderBy("registry.id"),
);

/** An account's registries with their counters, oldest first. */
export async function listRegistriesWithUsage(
  db: Queries,
  accountId: number,
): Promise<{ registry: Registry; usage: RegistryUsage }[]> {
  const rows = await usageOfAccount(db, { accountId });
  return rows.map((row) => ({ registry: toRegistry(row), usage: toUsage(row) }));
}

export interface SubscribedRegistry {
  registry: Registry;
  usage: RegistryUsage;
  /** Its account's. */
  subscription: Subscription | undefined;
}

const subscribedOfAccount = remembered(
  (db, { accountId }: { accountId: number }) =>
    selectUsage(db)
      .leftJoin("subscription", "subscription.account_id", "registry.account_id")
      .select(REGISTRY_COLUMNS)
      .select([
        "subscription.tier_slug",
        "subscription.created_at as subscribed_at",
        "subscription.updated_at as subscription_updated_at",
      ])
      .groupBy("subscription.account_id")
      .where("registry.account_id", "=", accountId)
      .where("registry.deleted_at", "is", null)
      .orderBy("registry.id"),
  (rows): SubscribedRegistry[] =>
    rows.map((row) => {
      const { tier_slug: tierSlug, subscribed_at: createdAt, subscription_updated_at: updatedAt } = row;
      // All three are null, or none is.
      const isSubscribed = tierSlug !== null && createdAt !== null && updatedAt !== null;
      return {
        registry: toRegistry(row),
        usage: toUsage(row),
        subscription: isSubscribed ? { tierSlug, createdAt, updatedAt } : undefined,
      };
    }),
);

/** As {@link listRegistriesWithUsage}, and what the account is subscribed to, in one query. */
export async function listSubscribedRegistries(
  db: Queries,
  accountId: number,
): Promise<readonly SubscribedRegistry[]> {
  return subscribedOfAccount(db, { accountId });
}

/** What an account has in all of its registries. */
export async function getAccountUsage(db: Queries, accountId: number): Promise<AccountUsage> {
  const registries = await listRegistriesWithUsage(db, accountId);
  const sum = { registries: registries.length, repositories: 0, storageBytes: 0 };
  for (const { usage } of registries) {
    sum.repositories += usage.repositoryCount;
    sum.storageBytes += usage.storageUsageBytes;
  }
  return sum;
}

function selectUsage(db: Queries) {
  return db
    .selectFrom("registry")
    .leftJoin("registry_change as change", "change.registry_id", "registry.id")
    .select(({ fn }) => [
      "registry.storage_usage_bytes",
      "registry.storage_usage_updated_at",
      "registry.repository_count",
      "registry.tagged_repository_count",
      fn.sum<number | string | null>("change.storage_usage_bytes").as("bytes_change"),
      fn.sum<number | string | null>("change.repository_count").as("repositories_change"),
      fn.sum<number | string | null>("change.tagged_repository_count").as("tagged_repositories_change"),
    ])
    .groupBy("registry.id");
}

function toUsage(row: {
  storage_usage_bytes: number;
  storage_usage_updated_at: number;
  repository_count: number;
  tagged_repository_count: number;
  bytes_change: number | string | null;
  repositories_change: number | string | null;
  tagged_repositories_change: number | string | null;
}): RegistryUsage {
  return {
    storageUsageBytes: row.storage_usage_bytes + Number(row.bytes_change ?? 0),
    storageUsageUpdatedAt: row.storage_usage_updated_at,
    repositoryCount: row.repository_count + Number(row.repositories_change ?? 0),
    taggedRepositoryCount: row.tagged_repository_count + Number(row.tagged_repositories_change ?? 0),
  };
}

/** What is to be added to a registry's counters, and to the sizes of one of its repositories. */
export interface RegistryChange {
  bytes?: number;
  repositories?: number;
  taggedRepositories?: number;
  repositoryId?: number;
  repositoryBytes?: number;
  repositoryUniqueBytes?: number;
}

interface ChangeValues extends Required<Omit<RegistryChange, "repositoryId">> {
  registryId: number;
  repositoryId: number | null;
}

const changeInsertion = prepared((db, change: ChangeValues) =>
  db.insertInto("registry_change").values({
    registry_id: change.registryId,
    storage_usage_bytes: change.bytes,
    repository_count: change.repositories,
    tagged_repository_count: change.taggedRepositories,
    repository_id: change.repositoryId,
    repository_size_bytes: change.repositoryBytes,
    repository_unique_bytes: change.repositoryUniqueBytes,
  }),
);

const NO_CHANGE = {
  bytes: 0,
  repositories: 0,
  taggedRepositories: 0,
  repositoryId: null,
  repositoryBytes: 0,
  repositoryUniqueBytes: 0,
} as const;

export async function insertRegistryChanges(
  db: Queries,
  registryId: number,
  changes: readonly RegistryChange[],
): Promise<void> {
  for (const change of changes) await changeInsertion(db, { ...NO_CHANGE, ...change, registryId });
}

/** A registry that has changes to fold, if any has. */
export async function findChangedRegistry(db: Queries): Promise<number | undefined> {
  const row = await db
    .selectFrom("registry_change")
    .select("registry_id")
    .orderBy("id")
    .limit(1)
    .executeTakeFirst();
  return row?.registry_id;
}

/** Adds up to `limit` recorded changes to the registry's counters, and removes them. Returns how many. */
export async function foldRegistryChanges(
  db: Queries,
  registryId: number,
  limit: number,
  now: number,
): Promise<number> {
  const changes = await db
    .deleteFrom("registry_change")
    .where("id", "in", (eb) =>
      eb
        .selectFrom("registry_change")
        .select("id")
        .where("registry_id", "=", registryId)
        .orderBy("id")
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning([
      "storage_usage_bytes",
      "repository_count",
      "tagged_repository_count",
      "repository_id",
      "repository_size_bytes",
      "repository_unique_bytes",
    ])
    .execute();
  if (changes.length === 0) return 0;
  const bytes = sumOf(changes, "storage_usage_bytes");
  await db
    .updateTable("registry")
    .set((eb) => ({
      storage_usage_bytes: eb("storage_usage_bytes", "+", bytes),
      repository_count: eb("repository_count", "+", sumOf(changes, "repository_count")),
      tagged_repository_count: eb("tagged_repository_count", "+", sumOf(changes, "tagged_repository_count")),
      storage_usage_updated_at: bytes === 0 ? eb.ref("storage_usage_updated_at") : now,
    }))
    .where("id", "=", registryId)
    .execute();
  const ofRepositories = Map.groupBy(changes, (change) => change.repository_id);
  for (const [id, some] of [...ofRepositories].sort(([a], [b]) => (a ?? 0) - (b ?? 0))) {
    if (id === null) continue;
    await db
      .updateTable("repository")
      .set((eb) => ({
        size_bytes: eb("size_bytes", "+", sumOf(some, "repository_size_bytes")),
        unique_bytes: eb("unique_bytes", "+", sumOf(some, "repository_unique_bytes")),
      }))
      .where("id", "=", id)
      .execute();
  }
  return changes.length;
}

function sumOf<Column extends string>(rows: readonly Record<Column, number>[], column: Column): number {
  return rows.reduce((sum, row) => sum + row[column], 0);
}

interface RegistryColumns {
  id: number;
  uuid: string;
  account_id: number;
  name: RegistryName;
  region: Region;
  read_only: number;
  public: number;
  created_at: number;
}

export function toRegistry(row: RegistryColumns): Registry {
  return {
    id: row.id,
    uuid: row.uuid,
    accountId: row.account_id,
    name: row.name,
    region: row.region,
    readOnly: row.read_only !== 0,
    isPublic: row.public !== 0,
    createdAt: row.created_at,
  };
}
