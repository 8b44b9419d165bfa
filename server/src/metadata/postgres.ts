/**
 * PostgreSQL through `pg`. A commit that has returned is on disk (`synchronous_commit` is left on), and leases go by the
 * server's clock: the processes that share it need not agree about the time. READ COMMITTED, as it comes.
 */
import { Kysely, PostgresDialect } from "kysely";
import { type Engine, migrate } from "./database.ts";
import { POSTGRES_TYPES } from "./migrations/column-types.ts";
import type { Schema } from "./schema.ts";

const MAX_CONNECTIONS = 20;
const CLOCK_INTERVAL_MS = 60_000;
const INT8 = 20;

/** Connects to `url` and brings the database up to this version, unless it is only to be read. */
export async function openPostgres(url: string, { readOnly = false } = {}): Promise<Engine> {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: 10_000,
    types: {
      getTypeParser: (oid: number, format?: "text" | "binary") =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format as "text"),
    },
  });
  // An idle connection that breaks is replaced; one in use throws where it is used.
  pool.on("error", () => {});
  const dialect = new PostgresDialect({ pool });
  try {
    if (!readOnly) await migrate(new Kysely<Schema>({ dialect }), POSTGRES_TYPES);
    const clock = new DatabaseClock(async () => {
      const { rows } = await pool.query<{ now: number }>(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now",
      );
      return rows[0]?.now ?? Number.NaN;
    });
    await clock.set();
    return {
      name: "PostgreSQL",
      dialect,
      durable: async () => {},
      now: () => clock.now(),
      close: async () => clock[Symbol.dispose](),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** The database's time, kept between two looks at it by this process's monotonic clock. */
class DatabaseClock {
  readonly #read: () => Promise<number>;
  readonly #timer: NodeJS.Timeout;
  #offset = 0;

  constructor(read: () => Promise<number>) {
    this.#read = read;
    this.#timer = setInterval(() => {
      // A database that cannot be asked now is asked again at the next interval.
      this.set().catch(() => {});
    }, CLOCK_INTERVAL_MS);
    this.#timer.unref();
  }

  async set(): Promise<void> {
    const before = performance.now();
    const databaseNow = await this.#read();
    this.#offset = databaseNow - (before + performance.now()) / 2;
  }

  now(): number {
    return Math.round(performance.now() + this.#offset);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
