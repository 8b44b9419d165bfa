import { type RawBuilder, sql } from "kysely";

/** The later of a column and a time: `greatest(…)` on PostgreSQL, `max(…)` on SQLite, in the words of both. */
export function later(column: string, time: number): RawBuilder<number> {
  const stored = sql.ref<number>(column);
  return sql`CASE WHEN ${stored} > ${time} THEN ${stored} ELSE ${time} END`;
}
