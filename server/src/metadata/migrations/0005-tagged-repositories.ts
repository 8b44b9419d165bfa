import type { ColumnTypes } from "./column-types.ts";

/** Repositories that have a tag, counted and in the order of their names: the older list of repositories shows only these. */
export function taggedRepositories(t: ColumnTypes): string[] {
  return [
    `ALTER TABLE registry ADD COLUMN tagged_repository_count ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE registry_change ADD COLUMN tagged_repository_count ${t.int} NOT NULL DEFAULT 0`,
    `UPDATE registry SET tagged_repository_count = (SELECT count(*) FROM repository
      WHERE repository.registry_id = registry.id AND repository.tag_count > 0 AND repository.deleted_at IS NULL)`,
    `CREATE INDEX repository_tagged ON repository (registry_id, name)
      WHERE tag_count > 0 AND deleted_at IS NULL`,
  ];
}
