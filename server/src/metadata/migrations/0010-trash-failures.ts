import type { ColumnTypes } from "./column-types.ts";

/** How often the bytes of a key could not be deleted: each time they are left alone for longer. */
export function trashFailures(t: ColumnTypes): string[] {
  return [`ALTER TABLE trash ADD COLUMN failures ${t.int} NOT NULL DEFAULT 0`];
}
