/**
 * The house: the rules that both planes share, on rows and bytes. What may be pushed, mounted or deleted, and what it
 * then means, is decided here, whichever door it came in by. Nothing here knows HTTP.
 */
import { join } from "node:path";
import { Database, type Engine, requireMigrated } from "../metadata/database.ts";
import { openPostgres } from "../metadata/postgres.ts";
import { openSqlite, openSqliteForReading } from "../metadata/sqlite.ts";
import type { Writes } from "../model/garbage-collection.ts";
import { REGIONS, type Region } from "../model/region.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import { FilesystemBlobStore } from "../storage/filesystem.ts";
import { RunningHashes } from "./running-hashes.ts";
import { Wakeup } from "./wakeup.ts";

/** What the rules act on. */
export interface Backend extends AsyncDisposable {
  db: Database;
  /** Where each region's bytes lie. */
  stores: ReadonlyMap<Region, BlobStore>;
  /** Milliseconds since 1970 by the clock of leases and expiries: the database's, where replicas share one. */
  now: () => number;
  /** How long a lease lasts. An answer may be relied on for half of it. */
  leaseMs: number;
  writeTokenLifeMs: number;
  /** Whether a run of garbage collection pauses pushes, where neither it nor its registry says. */
  garbageCollectionWrites: Writes;
  hashes: RunningHashes;
  /** Rung when there is something for the background to do at once. */
  wakeup: Wakeup;
}

export interface BackendOptions {
  dataDir: string;
  /** A `postgres://` URL; SQLite in the data folder where there is none. */
  dbUrl: string | undefined;
  leaseSeconds: number;
  writeTokenLifeSeconds: number;
  /** `pause` where it is missing. */
  garbageCollectionWrites?: Writes;
}

/**
 * Opens the database, brought up to this version, and a store for each region.
 * @throws {DatabaseTooNewError}
 */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { dataDir, dbUrl } = options;
  const engine = dbUrl === undefined ? await openSqlite(databaseIn(dataDir)) : await openPostgres(dbUrl);
  return backendOn(engine, options);
}

/**
 * The same to look at, beside a server that may be running: rows are read as they are, and nothing is written.
 * @throws {DatabaseTooNewError}
 */
export async function openBackendForReading(options: BackendOptions): Promise<Backend> {
  const { dataDir, dbUrl } = options;
  const engine =
    dbUrl === undefined
      ? await openSqliteForReading(databaseIn(dataDir))
      : await openPostgres(dbUrl, { readOnly: true });
  const backend = backendOn(engine, options);
  await requireMigrated(backend.db);
  return backend;
}

function databaseIn(dataDir: string): string {
  return join(dataDir, "db.sqlite");
}

function backendOn(engine: Engine, options: BackendOptions): Backend {
  const { dataDir } = options;
  const stores = new Map<Region, BlobStore>(
    REGIONS.map((region) => [region, new FilesystemBlobStore(join(dataDir, "blobs", region))]),
  );
  return createBackend({ ...options, db: new Database(engine), stores });
}

/** A backend on a database and stores that are open already. */
export function createBackend(parts: {
  db: Database;
  stores: ReadonlyMap<Region, BlobStore>;
  leaseSeconds: number;
  writeTokenLifeSeconds: number;
  garbageCollectionWrites?: Writes;
  now?: () => number;
}): Backend {
  const { db, stores } = parts;
  return {
    db,
    stores,
    now: parts.now ?? (() => db.now()),
    leaseMs: parts.leaseSeconds * 1000,
    writeTokenLifeMs: parts.writeTokenLifeSeconds * 1000,
    garbageCollectionWrites: parts.garbageCollectionWrites ?? "pause",
    hashes: new RunningHashes(),
    wakeup: new Wakeup(),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  };
}

export function storeOf(backend: Backend, region: Region): BlobStore {
  const store = backend.stores.get(region);
  if (store === undefined) throw new Error(`no store is configured for the region ${region}`);
  return store;
}
