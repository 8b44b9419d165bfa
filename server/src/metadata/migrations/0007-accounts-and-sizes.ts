import type { ColumnTypes } from "./column-types.ts";

/** Accounts by name, and what content comes to when it is unpacked. */
export function accountsAndSizes(t: ColumnTypes): string[] {
  return [
    "CREATE UNIQUE INDEX account_name ON account (name)",

    // `measure_after`: when the background looks at the row next; null once its uncompressed size is known.
    `ALTER TABLE blob ADD COLUMN uncompressed_size_bytes ${t.int}`,
    `ALTER TABLE blob ADD COLUMN measure_after ${t.int} DEFAULT 0`,
    "CREATE INDEX blob_unmeasured ON blob (measure_after, id) WHERE measure_after IS NOT NULL",
    `ALTER TABLE manifest ADD COLUMN measure_after ${t.int} DEFAULT 0`,
    "CREATE INDEX manifest_unmeasured ON manifest (measure_after, id) WHERE measure_after IS NOT NULL",
  ];
}
