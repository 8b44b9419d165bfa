/**
 * Moments: just before and just after each statement, begin, commit, flush and call of a store. A test may hold a
 * request there, or end the process there. It wraps what the server is built on, so that the server has nothing in it
 * for this.
 */
import type { Readable } from "node:stream";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from "kysely";
import type { Engine } from "../../src/metadata/database.ts";
import type { ByteRange } from "../../src/model/range.ts";
import type { Staged, StorageKey } from "../../src/model/storage-key.ts";
import type { BlobStore, Keep, Take } from "../../src/storage/blob-store.ts";

export interface Moment {
  when: "before" | "after";
  /** Such as `insert tag`, `commit`, `flush`, `store delete`. */
  what: string;
  /** The process of PostgreSQL that works on the statement. */
  pid?: number;
  /** Why it failed, after it has. */
  error?: unknown;
}

/** Told of each moment; what is watched goes on when this returns. */
export type Watcher = (moment: Moment) => Promise<void> | void;

/** An engine whose every statement, begin, commit, rollback and flush is watched. */
export function watchEngine(engine: Engine, database: "SQLite" | "PostgreSQL", watcher: Watcher): Engine {
  return {
    name: engine.name,
    dialect: watchDialect(engine.dialect, database, watcher),
    durable: () => around(watcher, { what: "flush" }, () => engine.durable()),
    ...(engine.commits && { commits: () => engine.commits?.() }),
    now: () => engine.now(),
    close: () => engine.close(),
  };
}

/** A store whose every call is watched, but for those that only look. */
export function watchStore(store: BlobStore, watcher: Watcher): BlobStore {
  const call = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    around(watcher, { what: `store ${name}` }, work);
  return {
    append: (key: StorageKey, staged: Staged, source: Readable, keep: Keep) =>
      call("append", () => store.append(key, staged, source, keep)),
    seal: (key: StorageKey, staged: Staged) => call("seal", () => store.seal(key, staged)),
    read: (key: StorageKey, range?: ByteRange) => store.read(key, range),
    send: (key: StorageKey, range: ByteRange, take: Take) => call("send", () => store.send(key, range, take)),
    redirectUrl: (key: StorageKey) => store.redirectUrl(key),
    delete: (key: StorageKey, staged?: Staged) => call("delete", () => store.delete(key, staged)),
    has: (key: StorageKey) => store.has(key),
    keys: () => store.keys(),
    probe: () => store.probe(),
  };
}

async function around<T>(
  watcher: Watcher,
  moment: Pick<Moment, "what" | "pid">,
  work: () => Promise<T>,
): Promise<T> {
  await watcher({ when: "before", ...moment });
  try {
    const result = await work();
    await watcher({ when: "after", ...moment });
    return result;
  } catch (error) {
    await watcher({ when: "after", ...moment, error });
    throw error;
  }
}

function watchDialect(inner: Dialect, database: "SQLite" | "PostgreSQL", watcher: Watcher): Dialect {
  return {
    createAdapter: () => inner.createAdapter(),
    createIntrospector: (db) => inner.createIntrospector(db),
    createQueryCompiler: () => inner.createQueryCompiler(),
    createDriver: () => new WatchedDriver(inner.createDriver(), database, watcher),
  };
}

class WatchedDriver implements Driver {
  readonly #inner: Driver;
  readonly #database: "SQLite" | "PostgreSQL";
  readonly #watcher: Watcher;
  readonly #pids = new WeakMap<DatabaseConnection, number>();

  constructor(inner: Driver, database: "SQLite" | "PostgreSQL", watcher: Watcher) {
    this.#inner = inner;
    this.#database = database;
    this.#watcher = watcher;
  }

  init(): Promise<void> {
    return this.#inner.init();
  }

  async acquireConnection(): Promise<WatchedConnection> {
    const inner = await this.#inner.acquireConnection();
    return new WatchedConnection(inner, await this.#pidOf(inner), this.#watcher);
  }

  async #pidOf(inner: DatabaseConnection): Promise<number | undefined> {
    if (this.#database === "SQLite") return undefined;
    let pid = this.#pids.get(inner);
    if (pid === undefined) {
      const { rows } = await inner.executeQuery<{ pid: number }>(
        CompiledQuery.raw("SELECT pg_backend_pid() AS pid"),
      );
      pid = rows[0]?.pid as number;
      this.#pids.set(inner, pid);
    }
    return pid;
  }

  beginTransaction(connection: WatchedConnection, settings: TransactionSettings): Promise<void> {
    return connection.around("begin", (inner) => this.#inner.beginTransaction(inner, settings));
  }

  commitTransaction(connection: WatchedConnection): Promise<void> {
    return connection.around("commit", (inner) => this.#inner.commitTransaction(inner));
  }

  rollbackTransaction(connection: WatchedConnection): Promise<void> {
    return connection.around("rollback", (inner) => this.#inner.rollbackTransaction(inner));
  }

  releaseConnection(connection: WatchedConnection): Promise<void> {
    return this.#inner.releaseConnection(connection.inner);
  }

  destroy(): Promise<void> {
    return this.#inner.destroy();
  }
}

class WatchedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #pid: number | undefined;
  readonly #watcher: Watcher;

  constructor(inner: DatabaseConnection, pid: number | undefined, watcher: Watcher) {
    this.inner = inner;
    this.#pid = pid;
    this.#watcher = watcher;
  }

  around<T>(what: string, work: (inner: DatabaseConnection) => Promise<T>): Promise<T> {
    return around(this.#watcher, { what, ...(this.#pid !== undefined && { pid: this.#pid }) }, () =>
      work(this.inner),
    );
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.around(nameOf(query.sql), (inner) => inner.executeQuery<R>(query));
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize);
  }
}

/** `delete repository_blob` for `delete from "repository_blob" where …`. */
function nameOf(statement: string): string {
  const [verb = ""] = /^\w+/.exec(statement.toLowerCase()) ?? [];
  const table = /(?:from|into|update)\s+"?(\w+)/i.exec(statement)?.[1] ?? "";
  return `${verb} ${table}`.trim();
}
