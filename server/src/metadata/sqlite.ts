/**
 * SQLite through node:sqlite, so that the event loop never waits for the disk. SQL runs on the loop: one connection
 * reads, one writes, a transaction at a time. `synchronous=NORMAL` in WAL mode makes a commit append to the log and no
 * more; `durable()` shares one fdatasync of the log among all who wait. Checkpoints, which read and sync, run in a
 * worker thread. One process owns the file.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  type SelectQueryNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { LRUCache } from "lru-cache";
import { SharedFlush } from "../model/shared-flush.ts";
import { Checkpointer } from "./checkpointer.ts";
import { type Engine, migrate } from "./database.ts";
import { SQLITE_TYPES } from "./migrations/column-types.ts";
import type { Schema } from "./schema.ts";
import { Turns } from "./turns.ts";

const CACHE_KIB = 16 * 1024;
const MAX_STATEMENTS = 300;

/** Opens the database file at `path`, creates it if need be, and brings it up to this version. */
export async function openSqlite(path: string): Promise<Engine> {
  const writer = new Connection(path, { readOnly: false });
  try {
    await migrate(new Kysely<Schema>({ dialect: dialect(writer, writer) }), SQLITE_TYPES);
  } catch (error) {
    writer.close();
    throw error;
  }
  const wal = fs.openSync(`${path}-wal`, "r");
  syncFolder(dirname(path));
  const reader = new Connection(path, { readOnly: true });
  const turns = new Turns();
  const flush = new SharedFlush(syncOf(wal));
  const checkpointer = new Checkpointer(path, wal, turns, () => writer.commits);
  // What a process that was killed had committed lies in the log, and perhaps not on the disk.
  await flush.wait();
  let flushed = writer.commits;
  return {
    name: "SQLite",
    dialect: dialect(reader, writer, turns),
    async durable() {
      const commits = writer.commits;
      if (flushed >= commits) return;
      await flush.wait();
      flushed = Math.max(flushed, commits);
    },
    commits: () => writer.commits,
    now: Date.now,
    async close() {
      await checkpointer[Symbol.asyncDispose]();
      await flush.wait();
      reader.close();
      writer.close();
      fs.closeSync(wal);
    },
  };
}

/** Opens a database that another process may be writing, to read it and nothing else. */
export async function openSqliteForReading(path: string): Promise<Engine> {
  const reader = new Connection(path, { readOnly: true });
  return {
    name: "SQLite",
    dialect: dialect(reader, reader),
    durable: async () => {},
    now: Date.now,
    close: async () => reader.close(),
  };
}

/** The entries of files that were made just now: the database and its log. */
function syncFolder(path: string): void {
  const folder = fs.openSync(path, "r");
  fs.fsyncSync(folder);
  fs.closeSync(folder);
}

/**
 * Syncs the log. The first failure is the end of this process: whether the pages that it left in the cache will ever
 * reach the disk nobody can say, and the system would call the next sync a success.
 */
function syncOf(wal: number): () => Promise<void> {
  let failure: Error | undefined;
  return async () => {
    if (failure !== undefined) throw failure;
    try {
      await fdatasync(wal);
    } catch (cause) {
      const error = new Error("the database's log could not be synced to disk", { cause });
      failure = error;
      setImmediate(() => {
        throw error;
      });
      throw error;
    }
  };
}

function fdatasync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => (error ? reject(error) : resolve()));
  });
}

interface PreparedStatement {
  statement: StatementSync;
  returnsRows: boolean;
  writes: boolean;
}

class Connection {
  readonly #db: DatabaseSync;
  readonly #readOnly: boolean;
  readonly #statements = new LRUCache<string, PreparedStatement>({
    max: MAX_STATEMENTS,
  });
  /** Transactions that wrote something. */
  commits = 0;
  #wrote = false;

  constructor(path: string, { readOnly }: { readOnly: boolean }) {
    this.#readOnly = readOnly;
    this.#db = new DatabaseSync(path, { readOnly, timeout: 5000, enableForeignKeyConstraints: true });
    this.#db.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY`);
    if (readOnly) return;
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0");
  }

  execute<R>({ sql, parameters }: CompiledQuery): QueryResult<R> {
    const { statement, returnsRows, writes } = this.#prepare(sql);
    const values = parameters as readonly SQLInputValue[];
    if (returnsRows) {
      const rows = statement.all(...values) as R[];
      this.#wrote ||= writes && rows.length > 0;
      return { rows };
    }
    const { changes } = statement.run(...values);
    this.#wrote ||= changes > 0;
    return { rows: [], numAffectedRows: BigInt(changes) };
  }

  begin(): void {
    this.#wrote = false;
    this.#prepare(this.#readOnly ? "BEGIN" : "BEGIN IMMEDIATE").statement.run();
  }

  commit(): void {
    this.#prepare("COMMIT").statement.run();
    if (this.#wrote) this.commits++;
  }

  rollback(): void {
    // A full disk has rolled it back already.
    if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
  }

  close(): void {
    this.#db.close();
  }

  #prepare(sql: string) {
    let prepared = this.#statements.get(sql);
    if (prepared === undefined) {
      const statement = this.#db.prepare(sql);
      prepared = {
        statement,
        returnsRows: statement.columns().length > 0,
        writes: !/^(?:select|pragma)/i.test(sql),
      };
      this.#statements.set(sql, prepared);
    }
    return prepared;
  }
}

function dialect(reader: Connection, writer: Connection, turns = new Turns()): Dialect {
  return {
    createDriver: () => new SqliteDriver(reader, writer, turns),
    createQueryCompiler: () => new LocklessQueryCompiler(),
    createAdapter: () => new TransactionalAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  };
}

/** Row locks (`FOR UPDATE` and its kin) are for PostgreSQL: here one transaction writes at a time. */
class LocklessQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectQuery({ endModifiers: _, ...node }: SelectQueryNode): void {
    super.visitSelectQuery(node);
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }

  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** Reads go to the reader, until a transaction begins: then everything goes to the writer, whose turn it waits for. */
class SqliteSession implements DatabaseConnection {
  readonly #reader: Connection;
  readonly #writer: Connection;
  readonly #turns: Turns;
  #endTurn: (() => void) | undefined;

  constructor(reader: Connection, writer: Connection, turns: Turns) {
    this.#reader = reader;
    this.#writer = writer;
    this.#turns = turns;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return (this.#endTurn === undefined ? this.#reader : this.#writer).execute<R>(query);
  }

  // biome-ignore lint/correctness/useYield: Kysely's interface wants a generator; no query here is streamed.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("queries are not streamed: pages are small");
  }

  async begin(): Promise<void> {
    this.#endTurn = await this.#turns.take();
    this.#writer.begin();
  }

  commit(): void {
    this.#writer.commit();
  }

  rollback(): void {
    this.#writer.rollback();
  }

  release(): void {
    this.#endTurn?.();
    this.#endTurn = undefined;
  }
}

class SqliteDriver implements Driver {
  readonly #open: () => SqliteSession;

  constructor(reader: Connection, writer: Connection, turns: Turns) {
    this.#open = () => new SqliteSession(reader, writer, turns);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<SqliteSession> {
    return this.#open();
  }

  async beginTransaction(session: SqliteSession): Promise<void> {
    await session.begin();
  }

  async commitTransaction(session: SqliteSession): Promise<void> {
    session.commit();
  }

  async rollbackTransaction(session: SqliteSession): Promise<void> {
    session.rollback();
  }

  async releaseConnection(session: SqliteSession): Promise<void> {
    session.release();
  }

  async destroy(): Promise<void> {}
}
