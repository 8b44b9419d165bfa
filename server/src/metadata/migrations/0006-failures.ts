import type { ColumnTypes } from "./column-types.ts";

/** Why a run of garbage collection makes no progress. */
export function failures(t: ColumnTypes): string[] {
  return [
    // In words for the registry's owner; null while its present step has not failed.
    `ALTER TABLE garbage_collection ADD COLUMN failure ${t.text}`,
  ];
}
