/**
 * Runs of garbage collection: a row in a state, moved on in small repeatable steps. Nothing is ever half done, so that a
 * run that is killed goes on where it stood, a cancelled one has nothing to undo, and two processes that work on one run
 * do no harm.
 *
 *     requested ─▶ waiting for write JWTs to expire ─▶ scanning manifests ─▶ deleting unreferenced blobs ─▶ succeeded
 *         └──────────────────┴──────────────┬────────────────┴──────────────────────────┘
 *                                           ├─▶ cancelling ─▶ cancelled
 *                                           └─▶ failed, after five failures of one step
 *
 * With `writes: pause` the registry is read-only from the first step to the last; whatever ends the run ends that too.
 */
import { randomUUID } from "node:crypto";
import { type Queries, transact, transactInBackground } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import {
  advanceGarbageCollection,
  findActiveGarbageCollection,
  findGarbageCollection,
  forgetFailures,
  type GarbageCollection,
  insertGarbageCollection,
  leaseGarbageCollection,
  recordFailure,
  takeGarbageCollection,
} from "../metadata/garbage-collections.ts";
import { lockRegistry, type Registry, setReadOnly } from "../metadata/registries.ts";
import { findLastWriteTokenExpiry } from "../metadata/write-tokens.ts";
import { RegistryError } from "../model/errors.ts";
import type { Actor } from "../model/event.ts";
import {
  deletesBlobs,
  deletesManifests,
  type GarbageCollectionStatus,
  type GarbageCollectionType,
  isActive,
  type Writes,
} from "../model/garbage-collection.ts";
import type { Backend } from "../registry/backend.ts";
import { sweepLinks } from "./links.ts";
import { sweepManifests } from "./manifests.ts";

/** Rows that one step takes: what SQLite does in a few milliseconds. */
const MANIFESTS_PER_STEP = 10;
const LINKS_PER_STEP = 50;
/** However long write tokens live, a registry is not kept read-only for longer than this before the scan. */
const LONGEST_WAIT_MS = 30 * 60 * 1000;
const MAX_FAILURES = 5;
/** How long one run is worked on before another that waits has its turn. */
const TURN_MS = 1000;
/** Another process takes a run over when the one that works on it has not been heard of for so long. */
const LEASE_MS = 30_000;
const WAIT_POLL_MS = 500;

export interface WantedRun {
  type: GarbageCollectionType;
  writes: Writes;
  /** Missing where the schedule starts it. */
  actor?: Actor;
}

/**
 * Starts a run.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE, REGISTRY_UNKNOWN
 */
export async function startGarbageCollection(
  { db, now, wakeup }: Backend,
  registry: Registry,
  wanted: WantedRun,
): Promise<GarbageCollection> {
  const run = await transact(db, async (tx) => {
    if ((await lockRegistry(tx, registry.id)) === undefined) {
      throw new RegistryError("REGISTRY_UNKNOWN", "registry does not exist");
    }
    const active = await findActiveGarbageCollection(tx, registry.id);
    if (active !== undefined) {
      throw new RegistryError(
        "GARBAGE_COLLECTION_ACTIVE",
        `a garbage collection (${active.uuid}) is already in progress for this registry: wait for it, or cancel it`,
      );
    }
    return insertRun(tx, registry, wanted, now());
  });
  wakeup.ring("runs");
  return run;
}

/** A new run of a locked registry that has no active one. */
export async function insertRun(
  tx: Queries,
  { id: registryId, name: registryName, accountId }: Registry,
  { type, writes, actor }: WantedRun,
  now: number,
): Promise<GarbageCollection> {
  const uuid = randomUUID();
  const event = { kind: "garbage_collection_start", details: { uuid, type, writes } } as const;
  await insertEvents(tx, { accountId, registryId, actor }, [event], now);
  return insertGarbageCollection(tx, { uuid, registryId, registryName, type, writes, now });
}

/**
 * Asks a registry's active run to stop; it is `cancelled` a moment later. Asked again, nothing changes.
 * @throws {RegistryError} GARBAGE_COLLECTION_UNKNOWN
 */
export async function cancelGarbageCollection(
  { db, now, wakeup }: Backend,
  registry: Registry,
  uuid: string,
): Promise<GarbageCollection> {
  const cancelling = await transact(db, async (tx) => {
    const run = await findActiveGarbageCollection(tx, registry.id);
    if (run?.uuid !== uuid) throw unknownRun();
    if (run.status !== "cancelling" && !(await advanceGarbageCollection(tx, run, "cancelling", now()))) {
      throw unknownRun();
    }
    return (await findGarbageCollection(tx, run.id)) ?? run;
  });
  wakeup.ring("runs");
  return cancelling;
}

/**
 * The registry's active run, if it is the one that `uuid` names, where one is named.
 * @throws {RegistryError} GARBAGE_COLLECTION_UNKNOWN
 */
export async function getActiveGarbageCollection(
  { db }: Backend,
  registry: Registry,
  uuid?: string,
): Promise<GarbageCollection> {
  const run = await findActiveGarbageCollection(db, registry.id);
  if (run === undefined)
    throw new RegistryError("GARBAGE_COLLECTION_UNKNOWN", "no active garbage collection");
  if (uuid !== undefined && run.uuid !== uuid) throw unknownRun();
  return run;
}

/**
 * Takes one active run as far as it goes now, or until its turn is over. Returns how many steps that were: 0 where there
 * was no run to take. Where a run stands was promised to nobody: after a power cut it goes on from an earlier state, and
 * pushes need not wait for more flushes.
 */
export async function workOnRuns(backend: Backend): Promise<number> {
  const { db, now } = backend;
  const taken = await transactInBackground(db, (tx) => takeGarbageCollection(tx, now(), now() + LEASE_MS));
  if (taken === undefined) return 0;
  let steps = 0;
  const takenAt = now();
  for (let run: GarbageCollection | undefined = taken; run !== undefined && isActive(run.status); steps++) {
    let next: GarbageCollectionStatus;
    try {
      next = await step(backend, run);
    } catch (error) {
      await fail(backend, run, error);
      return steps + 1;
    }
    if (next === run.status && run.failures > 0)
      await transactInBackground(db, (tx) => forgetFailures(tx, taken.id));
    if (next !== run.status)
      await transactInBackground(db, (tx) => move(tx, run as GarbageCollection, next, now()));
    else if (run.status === "waiting for write JWTs to expire") {
      await transactInBackground(db, (tx) => leaseGarbageCollection(tx, taken.id, now() + WAIT_POLL_MS));
      return steps;
    } else if (now() - takenAt >= TURN_MS) {
      // The run that has waited longest is taken next.
      await transactInBackground(db, (tx) => leaseGarbageCollection(tx, taken.id, now()));
      return steps + 1;
    }
    run = await findGarbageCollection(db, taken.id);
  }
  // Blobs that lost their last link are looked at now, and not when their turn comes round by itself.
  backend.wakeup.ring("blob reviews");
  return steps;
}

/** Takes a run one step further and returns the status that it then has. */
async function step(backend: Backend, run: GarbageCollection): Promise<GarbageCollectionStatus> {
  const { db, now } = backend;
  switch (run.status) {
    case "requested":
      if (run.writes === "pause") await transactInBackground(db, (tx) => stopWrites(tx, run));
      return "waiting for write JWTs to expire";
    case "waiting for write JWTs to expire": {
      if (run.writes === "continue" || now() >= run.createdAt + LONGEST_WAIT_MS) return "scanning manifests";
      const until = await findLastWriteTokenExpiry(db, run.registryId, now());
      return until === undefined ? "scanning manifests" : run.status;
    }
    case "scanning manifests": {
      if (!deletesManifests(run.type)) return "deleting unreferenced blobs";
      const swept = await sweepManifests(backend, run, MANIFESTS_PER_STEP);
      return swept > 0 ? run.status : "deleting unreferenced blobs";
    }
    case "deleting unreferenced blobs": {
      if (!deletesBlobs(run.type)) return "succeeded";
      const swept = await sweepLinks(backend, run, LINKS_PER_STEP);
      return swept > 0 ? run.status : "succeeded";
    }
    case "cancelling":
      return "cancelled"; // nothing is half done
    case "cancelled":
    case "succeeded":
    case "failed":
      return run.status;
  }
}

/**
 * No new write token is issued from here on: issuing one reads the flag under a lock that this waits for. A run that
 * another process has ended meanwhile no longer pauses anything.
 */
async function stopWrites(tx: Queries, run: GarbageCollection): Promise<void> {
  await lockRegistry(tx, run.registryId);
  const current = await findGarbageCollection(tx, run.id);
  if (current?.status === run.status) await setReadOnly(tx, run.registryId, true);
}

/** Stores a new status if the old one still stands. One that ends the run makes the registry writable with it. */
async function move(
  tx: Queries,
  run: GarbageCollection,
  next: GarbageCollectionStatus,
  now: number,
): Promise<void> {
  if (isActive(next)) {
    await advanceGarbageCollection(tx, run, next, now);
    return;
  }
  const registry = await lockRegistry(tx, run.registryId);
  if (!(await advanceGarbageCollection(tx, run, next, now))) return;
  if (run.writes === "pause") await setReadOnly(tx, run.registryId, false);
  // Hidden meanwhile: nobody looks at its activity.
  if (registry === undefined) return;
  const { uuid, type, blobsDeleted, freedBytes } = run;
  const details = { uuid, type, status: next, blobs_deleted: blobsDeleted, freed_bytes: freedBytes };
  const event = { kind: "garbage_collection_end", details } as const;
  const { id: registryId, accountId } = registry;
  await insertEvents(tx, { accountId, registryId, actor: undefined }, [event], now);
}

/** Has a failed step tried again after a while; the fifth failure in a row ends the run. */
async function fail({ db, now }: Backend, run: GarbageCollection, error: unknown): Promise<void> {
  const pauseMs = 200 * 2 ** run.failures;
  await transact(db, async (tx) => {
    await lockRegistry(tx, run.registryId);
    const failures = await recordFailure(tx, run.id, {
      failure: describeFailure(error),
      leasedUntil: now() + pauseMs,
      now: now(),
    });
    if (failures >= MAX_FAILURES) await move(tx, run, "failed", now());
  });
  throw error;
}

/** For the registry's owner, who may not be the operator: what the database said is in the server's log. */
function describeFailure(error: unknown): string {
  if (error instanceof RegistryError) return error.message;
  const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
  return `the database refused a step${code}: the server's log says more`;
}

function unknownRun(): RegistryError {
  return new RegistryError(
    "GARBAGE_COLLECTION_UNKNOWN",
    "there is no such garbage collection, or it has ended: only the active one can be cancelled",
  );
}
