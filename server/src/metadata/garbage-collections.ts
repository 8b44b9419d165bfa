import { sql } from "kysely";
import type { GarbageCollectionStatus, GarbageCollectionType, Writes } from "../model/garbage-collection.ts";
import type { RegistryName } from "../model/name.ts";
import type { Queries } from "./database.ts";
import { later } from "./later.ts";

/** One run: a row in a state. Progress is in it as it goes. */
export interface GarbageCollection {
  id: number;
  uuid: string;
  registryId: number;
  registryName: RegistryName;
  type: GarbageCollectionType;
  writes: Writes;
  status: GarbageCollectionStatus;
  blobsDeleted: number;
  freedBytes: number;
  /** How often its present step has failed in a row. */
  failures: number;
  /** Why, the last time. */
  failure: string | null;
  createdAt: number;
  updatedAt: number;
}

const COLUMNS = [
  "id",
  "uuid",
  "registry_id as registryId",
  "registry_name as registryName",
  "type",
  "writes",
  "status",
  "blobs_deleted as blobsDeleted",
  "freed_bytes as freedBytes",
  "failures",
  "failure",
  "created_at as createdAt",
  "updated_at as updatedAt",
] as const;

/** In the words of the index of active runs: it is not chosen for parameters. */
const IS_ACTIVE = sql<boolean>`status NOT IN ('succeeded', 'failed', 'cancelled')`;

export async function insertGarbageCollection(
  db: Queries,
  run: Pick<GarbageCollection, "uuid" | "registryId" | "registryName" | "type" | "writes"> & { now: number },
): Promise<GarbageCollection> {
  return db
    .insertInto("garbage_collection")
    .values({
      uuid: run.uuid,
      registry_id: run.registryId,
      registry_name: run.registryName,
      type: run.type,
      writes: run.writes,
      status: "requested",
      created_at: run.now,
      updated_at: run.now,
    })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow();
}

export async function findActiveGarbageCollection(
  db: Queries,
  registryId: number,
): Promise<GarbageCollection | undefined> {
  return db
    .selectFrom("garbage_collection")
    .select(COLUMNS)
    .where("registry_id", "=", registryId)
    .where(IS_ACTIVE)
    .executeTakeFirst();
}

export async function findGarbageCollection(db: Queries, id: number): Promise<GarbageCollection | undefined> {
  return db.selectFrom("garbage_collection").select(COLUMNS).where("id", "=", id).executeTakeFirst();
}

/** A page of a registry's runs, newest first, the active one included. */
export async function listGarbageCollections(
  db: Queries,
  registryId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<GarbageCollection[]> {
  return db
    .selectFrom("garbage_collection")
    .select(COLUMNS)
    .where("registry_id", "=", registryId)
    .orderBy("id", "desc")
    .limit(limit)
    .offset(offset)
    .execute();
}

export async function countGarbageCollections(db: Queries, registryId: number): Promise<number> {
  const { count } = await db
    .selectFrom("garbage_collection")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("registry_id", "=", registryId)
    .executeTakeFirstOrThrow();
  return count;
}

/** Takes an active run that no process works on, for as long as until `leasedUntil`. */
export async function takeGarbageCollection(
  db: Queries,
  now: number,
  leasedUntil: number,
): Promise<GarbageCollection | undefined> {
  return db
    .updateTable("garbage_collection")
    .set({ leased_until: leasedUntil })
    .where("id", "in", (eb) =>
      eb
        .selectFrom("garbage_collection")
        .select("id")
        .where(IS_ACTIVE)
        .where("leased_until", "<=", now)
        .orderBy("leased_until")
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returning(COLUMNS)
    .executeTakeFirst();
}

/** Keeps a run for longer, or, with a time that is over, gives it back. */
export async function leaseGarbageCollection(db: Queries, id: number, leasedUntil: number): Promise<void> {
  await db
    .updateTable("garbage_collection")
    .set({ leased_until: leasedUntil })
    .where("id", "=", id)
    .execute();
}

/** Moves a run on, if it still stands where the caller saw it. Returns whether it did. One that failed keeps to say why. */
export async function advanceGarbageCollection(
  db: Queries,
  run: Pick<GarbageCollection, "id" | "status">,
  status: GarbageCollectionStatus,
  now: number,
): Promise<boolean> {
  const row = await db
    .updateTable("garbage_collection")
    .set({
      status,
      updated_at: later("updated_at", now),
      ...(status === "failed" ? {} : { failures: 0, failure: null }),
    })
    .where("id", "=", run.id)
    .where("status", "=", run.status)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Adds to what a run has done. */
export async function recordProgress(
  db: Queries,
  id: number,
  { blobs, bytes, now }: { blobs: number; bytes: number; now: number },
): Promise<void> {
  await db
    .updateTable("garbage_collection")
    .set((eb) => ({
      blobs_deleted: eb("blobs_deleted", "+", blobs),
      freed_bytes: eb("freed_bytes", "+", bytes),
      failures: 0,
      failure: null,
      updated_at: later("updated_at", now),
    }))
    .where("id", "=", id)
    .execute();
}

/** Says that a run's step went well: those that failed before it no longer count. */
export async function forgetFailures(db: Queries, id: number): Promise<void> {
  await db
    .updateTable("garbage_collection")
    .set({ failures: 0, failure: null })
    .where("id", "=", id)
    .execute();
}

/** Counts a failure of a run's step, and has it rest until `leasedUntil`. Returns how many there were in a row. */
export async function recordFailure(
  db: Queries,
  id: number,
  { failure, leasedUntil, now }: { failure: string; leasedUntil: number; now: number },
): Promise<number> {
  const row = await db
    .updateTable("garbage_collection")
    .set((eb) => ({
      failures: eb("failures", "+", 1),
      failure,
      leased_until: leasedUntil,
      updated_at: later("updated_at", now),
    }))
    .where("id", "=", id)
    .returning("failures")
    .executeTakeFirst();
  return row?.failures ?? 0;
}
