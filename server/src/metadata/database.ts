/**
 * The cellar of rows: which database, its transactions, and when what was committed is on disk. One query text serves
 * SQLite and PostgreSQL; the queries are one file a noun beside this one. No rule of the registry is decided here.
 */
import { type Dialect, Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { RegistryError } from "../model/errors.ts";
import type { ColumnTypes } from "./migrations/column-types.ts";
import { MIGRATION_NAMES, migrationsFor } from "./migrations/index.ts";
import type { Schema } from "./schema.ts";
import { Turns } from "./turns.ts";

/** What a query runs on: the database, or a transaction on it. */
export type Queries = Kysely<Schema>;

/** How an engine differs, beyond its dialect. */
export interface Engine {
  name: "SQLite" | "PostgreSQL";
  dialect: Dialect;
  /** Resolves when all that was committed before the call is on disk. */
  durable(): Promise<void>;
  /** How many transactions have written something so far, where nobody but this process writes. */
  commits?(): number | undefined;
  /** Milliseconds since 1970 by the clock that leases and expiries go by. */
  now(): number;
  close(): Promise<void>;
}

/** A written database that this version does not know. */
export class DatabaseTooNewError extends Error {
  override readonly name = "DatabaseTooNewError";
}

/** Outside a transaction it only reads: whoever writes calls {@link transact}. */
export class Database extends Kysely<Schema> {
  readonly #engine: Engine;
  readonly #background = new Turns();
  /** Transactions that were begun to promise something, and of which it is not known yet that they are on disk. */
  #unkept = 0;

  constructor(engine: Engine) {
    super({ dialect: engine.dialect });
    this.#engine = engine;
  }

  /** Resolves when all that was committed before the call is on disk. */
  durable(): Promise<void> {
    return this.#engine.durable();
  }

  /**
   * As {@link durable}, for what was promised alone. Who promises something after a mere read waits for this: the read may have
   * seen what a power cut takes back. What goes on by itself only takes away, and nobody has to wait for its commits.
   */
  async promisesDurable(): Promise<void> {
    if (this.#unkept > 0) await this.#engine.durable();
  }

  /** Notes that a transaction is to promise something; what it returns is called when that is on disk, or never will be. */
  beginPromise(): () => void {
    this.#unkept++;
    return () => {
      this.#unkept--;
    };
  }

  /**
   * Resolves, with what ends it, when it is the turn of something that goes on by itself. Where SQL runs on the event loop that
   * is once a turn of the loop: requests come between two such transactions.
   */
  async takeBackgroundTurn(): Promise<() => void> {
    if (this.#engine.name !== "SQLite") return () => {};
    const end = await this.#background.take();
    await new Promise((resolve) => setImmediate(resolve));
    return end;
  }

  /** How many transactions have written something so far; `undefined` where other processes write too. */
  commits(): number | undefined {
    return this.#engine.commits?.();
  }

  now(): number {
    return this.#engine.now();
  }

  get name(): Engine["name"] {
    return this.#engine.name;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
    await this.#engine.close();
  }
}

/**
 * Runs `work` in one transaction and returns when its commit is on disk. Inside, nothing but SQL on `tx` is awaited.
 * What the database refuses for the sake of order (a deadlock, a serialisation failure) is tried again.
 * @throws {RegistryError} STORAGE_FULL
 */
export async function transact<T>(db: Database, work: (tx: Queries) => Promise<T>): Promise<T> {
  const { result, onDisk } = await transactEarly(db, work);
  await onDisk;
  return result;
}

/** As {@link transact}, but returns at the commit, with when it will be on disk. */
export async function transactEarly<T>(
  db: Database,
  work: (tx: Queries) => Promise<T>,
): Promise<{ result: T; onDisk: Promise<void> }> {
  const end = db.beginPromise();
  try {
    const result = await transactRelaxed(db, work);
    const onDisk = db.durable();
    onDisk.then(end, end);
    return { result, onDisk };
  } catch (error) {
    end();
    throw error;
  }
}

/** As {@link transact}, but returns at the commit: for what nobody was promised. It survives the process, not the power. */
export async function transactRelaxed<T>(db: Database, work: (tx: Queries) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (isDiskFull(error)) throw storageFull(error);
      if (attempt === MAX_ATTEMPTS || !isRetryable(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 ** attempt * 5));
    }
  }
}

/** As {@link transactRelaxed}, for what no request waits for. It never makes what a promise rests on. */
export async function transactInBackground<T>(db: Database, work: (tx: Queries) => Promise<T>): Promise<T> {
  const end = await db.takeBackgroundTurn();
  try {
    return await transactRelaxed(db, work);
  } finally {
    end();
  }
}

const MAX_ATTEMPTS = 8;

/**
 * Brings the tables up to this version.
 * @throws {DatabaseTooNewError}
 */
export async function migrate(db: Kysely<Schema>, types: ColumnTypes): Promise<void> {
  const migrations = migrationsFor(types);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const unknown = (await executedMigrations(db)).filter((name) => !(name in migrations));
  if (unknown.length > 0) throw tooNew(unknown);
  throw error;
}

/**
 * Makes sure that the tables are this version's, without changing them.
 * @throws {DatabaseTooNewError}
 */
export async function requireMigrated(db: Kysely<Schema>): Promise<void> {
  const known = MIGRATION_NAMES;
  const executed = await executedMigrations(db);
  const unknown = executed.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw tooNew(unknown);
  if (executed.length < known.length) {
    throw new Error(
      "the database was written by an older Boxyard: start the server once, which brings it up to date",
    );
  }
}

async function executedMigrations(db: Kysely<Schema>): Promise<string[]> {
  const rows = await (db as unknown as Kysely<{ kysely_migration: { name: string } }>)
    .selectFrom("kysely_migration")
    .select("name")
    .orderBy("name")
    .execute();
  return rows.map((row) => row.name);
}

function tooNew(unknown: readonly string[]): DatabaseTooNewError {
  return new DatabaseTooNewError(
    `the database was written by a newer Boxyard (it has the migration ${unknown.at(-1)}): start that version again, or restore a backup`,
  );
}

/**
 * Splits a list that goes into one statement's parameters: both databases limit them to 32,766. Between two pieces
 * requests have their turn, so that a manifest of thousands of layers holds nobody up, though a transaction on SQLite then
 * outlives its turn of the event loop: other writers wait for it, readers do not.
 */
export async function* batches<T>(items: readonly T[], size = 500): AsyncGenerator<T[]> {
  for (let start = 0; start < items.length; start += size) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    yield items.slice(start, start + size);
  }
}

const SQLITE_FULL = 13;
const POSTGRES_DISK_FULL = "53100";
const POSTGRES_RETRYABLE = new Set(["40001", "40P01"]); // serialization_failure, deadlock_detected

function isDiskFull(error: unknown): boolean {
  return (
    error instanceof Error &&
    (("errcode" in error && error.errcode === SQLITE_FULL) ||
      ("code" in error && error.code === POSTGRES_DISK_FULL))
  );
}

function isRetryable(error: unknown): boolean {
  return error instanceof Error && "code" in error && POSTGRES_RETRYABLE.has(String(error.code));
}

function storageFull(cause: unknown): RegistryError {
  return new RegistryError("STORAGE_FULL", "the server's disk is full: free some space, then try again", {
    cause,
  });
}
