/** What happens to registries, as their activity shows it. */
export const EVENT_KINDS = [
  "push",
  "tag_move",
  "tag_delete",
  "tag_restore",
  "manifest_delete",
  "repository_delete",
  "registry_create",
  "registry_delete",
  "settings_change",
  "token_create",
  "token_revoke",
  "garbage_collection_start",
  "garbage_collection_end",
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Whose doing a change is: the name of the API token; `undefined` for what the server does by itself. */
export type Actor = string | undefined;
