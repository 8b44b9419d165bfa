/** Pages in any order that an index has: each goes on after the last row of the one before. */
import { type RawBuilder, sql } from "kysely";

export type Order = "asc" | "desc";

/** A place in an order: the value that is sorted by, and the name that decides between equal ones. */
export interface Place {
  value: string | number;
  name: string;
}

/** A condition that rows after a place meet. Both columns go in the same direction, as their index does. */
export function isAfter(column: string, name: string, place: Place, order: Order): RawBuilder<boolean> {
  const columns = sql`(${sql.ref(column)}, ${sql.ref(name)})`;
  const values = sql`(${place.value}, ${place.name})`;
  return order === "asc" ? sql<boolean>`${columns} > ${values}` : sql<boolean>`${columns} < ${values}`;
}

/** A condition that names meet which have this text in them, in letters of any case. */
export function contains(column: string, text: string): RawBuilder<boolean> {
  const pattern = `%${text.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`;
  return sql<boolean>`lower(${sql.ref(column)}) LIKE ${pattern} ESCAPE '\\'`;
}
