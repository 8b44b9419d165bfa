/**
 * The house: the rules that both planes share, on rows and bytes. What may be pushed, mounted or deleted, and what it
 * then means, is decided here, whichever door it came in by. Nothing here knows HTTP.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { findDataFolder, insertDataFolder } from "../metadata/data-folder.ts";
import { Database, type Engine, requireMigrated, transact } from "../metadata/database.ts";
import { openPostgres } from "../metadata/postgres.ts";
import { openSqlite, openSqliteForReading } from "../metadata/sqlite.ts";
import type { Writes } from "../model/garbage-collection.ts";
import { REGIONS, type Region } from "../model/region.ts";
import { DOCUMENTED_TIERS, type Tiers } from "../model/tier.ts";
import type { UploadId } from "../model/upload-id.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import { FilesystemBlobStore } from "../storage/filesystem.ts";
import { createFolderId, findFolderId } from "../storage/folder-id.ts";
import { Activity } from "./activity.ts";
import { ManifestParser } from "./manifest-parser.ts";
import { RunningHashes } from "./running-hashes.ts";
import { SmallContents } from "./small-contents.ts";
import type { UnpackLimits } from "./unpacker.ts";
import { type UnderWay, UploadsUnderWay } from "./uploads-under-way.ts";
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
  /** How long an upload lasts that nobody goes on with. */
  uploadLifeMs: number;
  /** Whether a run of garbage collection pauses pushes, where neither it nor its registry says. */
  garbageCollectionWrites: Writes;
  underWay: UploadsUnderWay;
  /** Whether manifests are accepted without their content, where their repository does not say. */
  sparse: boolean;
  tiers: Tiers;
  /** Whether what a tier does not include is refused. */
  enforcesLimits: boolean;
  unpackLimits: UnpackLimits;
  hashes: RunningHashes;
  /** Uploads that this process began, whose row is on its way to disk, and when it is there. Any other's row is there. */
  begun: Map<UploadId, Promise<void>>;
  contents: SmallContents;
  manifests: ManifestParser;
  /** Pulls and pushes that are not in the rows yet. */
  activity: Activity;
  /** Rung when there is something for the background to do at once, and what. */
  wakeup: Wakeup;
}

const NO_LIMITS: UnderWay = {
  sessions: Number.POSITIVE_INFINITY,
  stagedBytes: Number.POSITIVE_INFINITY,
};

const UPLOAD_LIFE_SECONDS = 24 * 60 * 60;

/** Below them is every layer of an image that can be run; a bomb is cut off. */
const UNPACK_LIMITS: UnpackLimits = { bytes: 64 * 1024 ** 3, milliseconds: 10 * 60 * 1000 };

export interface BackendOptions {
  dataDir: string;
  /** A `postgres://` URL; SQLite in the data folder where there is none. */
  dbUrl: string | undefined;
  leaseSeconds: number;
  writeTokenLifeSeconds: number;
  /** `pause` where it is missing. */
  garbageCollectionWrites?: Writes;
  /** A day where it is missing. */
  uploadLifeSeconds?: number;
  /** What an account may upload at once; as much as it likes where it is missing. */
  uploadLimits?: UnderWay;
  /** `false` where it is missing. */
  sparse?: boolean;
  /** The documented ones where they are missing. */
  tiers?: Tiers;
  /** `documented` where it is missing. */
  limits?: "documented" | "none";
}

/** A database whose blobs lie in another folder. */
export class WrongDataFolderError extends Error {
  override readonly name = "WrongDataFolderError";
}

/** Below the data folder; in it a folder for each region. */
const BLOBS = "blobs";

/**
 * Opens the database, brought up to this version, and a store for each region.
 * @throws {DatabaseTooNewError, WrongDataFolderError}
 */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { dataDir, dbUrl } = options;
  await mkdir(join(dataDir, BLOBS), { recursive: true });
  if (dbUrl === undefined) return backendOn(await openSqlite(databaseIn(dataDir)), options);
  const backend = backendOn(await openPostgres(dbUrl), options);
  try {
    await bindDataFolder(backend.db, dataDir);
    return backend;
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Makes sure that a database that lies elsewhere has its blobs in this folder: with another one's rows, every blob would
 * be missing. The first folder that is used with a database is bound to it.
 * @throws {WrongDataFolderError}
 */
async function bindDataFolder(db: Database, dataDir: string): Promise<void> {
  const found = await findFolderId(dataDir);
  const bound = await findDataFolder(db);
  if (bound === undefined) {
    const id = found ?? (await createFolderId(dataDir));
    await transact(db, (tx) => insertDataFolder(tx, id));
    if ((await findDataFolder(db)) === id) return;
  } else if (bound === found) return;
  throw new WrongDataFolderError(
    `the database keeps its blobs in another data folder than ${dataDir}: start with that one, or give this one a database of its own`,
  );
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
    REGIONS.map((region) => [region, new FilesystemBlobStore(join(dataDir, BLOBS, region))]),
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
  uploadLifeSeconds?: number;
  uploadLimits?: UnderWay;
  sparse?: boolean;
  tiers?: Tiers;
  limits?: "documented" | "none";
  unpackLimits?: UnpackLimits;
  now?: () => number;
}): Backend {
  const { db, stores } = parts;
  const manifests = new ManifestParser();
  return {
    db,
    stores,
    now: parts.now ?? (() => db.now()),
    leaseMs: parts.leaseSeconds * 1000,
    writeTokenLifeMs: parts.writeTokenLifeSeconds * 1000,
    uploadLifeMs: (parts.uploadLifeSeconds ?? UPLOAD_LIFE_SECONDS) * 1000,
    garbageCollectionWrites: parts.garbageCollectionWrites ?? "pause",
    underWay: new UploadsUnderWay(parts.uploadLimits ?? NO_LIMITS),
    sparse: parts.sparse ?? false,
    tiers: parts.tiers ?? DOCUMENTED_TIERS,
    enforcesLimits: parts.limits !== "none",
    unpackLimits: parts.unpackLimits ?? UNPACK_LIMITS,
    hashes: new RunningHashes(),
    begun: new Map(),
    contents: new SmallContents(),
    manifests,
    activity: new Activity(),
    wakeup: new Wakeup(),
    async [Symbol.asyncDispose]() {
      await manifests[Symbol.asyncDispose]();
      await db[Symbol.asyncDispose]();
    },
  };
}

export function storeOf(backend: Backend, region: Region): BlobStore {
  const store = backend.stores.get(region);
  if (store === undefined) throw new Error(`no store is configured for the region ${region}`);
  return store;
}
