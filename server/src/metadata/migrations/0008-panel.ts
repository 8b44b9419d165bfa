import type { ColumnTypes } from "./column-types.ts";

/** What the panel asks for: sessions, sorts, sizes of repositories, pulls, events, tags that may come back. */
export function panel(t: ColumnTypes): string[] {
  return [
    // Only a session's SHA-256 is stored. It is worth what its token is worth, and ends with it.
    `CREATE TABLE panel_session (
      sha256 ${t.text} PRIMARY KEY,
      api_token_id ${t.int} NOT NULL REFERENCES api_token (id) ON DELETE CASCADE,
      expires_at ${t.int} NOT NULL,
      created_at ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX panel_session_token ON panel_session (api_token_id)",
    "CREATE INDEX panel_session_expiry ON panel_session (expires_at)",

    // Links that open one session for the owner. Only the SHA-256 of a code is stored.
    `CREATE TABLE setup_link (
      sha256 ${t.text} PRIMARY KEY,
      expires_at ${t.int} NOT NULL
    ) ${t.options}`,

    // `size_bytes`: of all blobs that the repository links; `unique_bytes`: of those that it alone links in its registry.
    `ALTER TABLE repository ADD COLUMN description ${t.text}`,
    `ALTER TABLE repository ADD COLUMN pushed_at ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE repository ADD COLUMN pulled_at ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE repository ADD COLUMN pull_count ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE repository ADD COLUMN size_bytes ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE repository ADD COLUMN unique_bytes ${t.int} NOT NULL DEFAULT 0`,
    `UPDATE repository SET pushed_at = coalesce(
      (SELECT max(updated_at) FROM manifest WHERE manifest.repository_id = repository.id), 0)`,
    `UPDATE repository SET
      size_bytes = coalesce((SELECT sum(b.size_bytes) FROM repository_blob l
        JOIN blob b ON b.id = l.blob_id WHERE l.repository_id = repository.id), 0),
      unique_bytes = coalesce((SELECT sum(b.size_bytes) FROM repository_blob l
        JOIN blob b ON b.id = l.blob_id
        JOIN registry_blob u ON u.registry_id = l.registry_id AND u.blob_id = l.blob_id
        WHERE l.repository_id = repository.id AND u.link_count = 1), 0)`,
    ...["pushed_at", "pulled_at", "pull_count", "size_bytes", "tag_count"].map(
      (column) => `CREATE INDEX repository_by_${column} ON repository (registry_id, ${column}, name)
        WHERE manifest_count > 0 AND deleted_at IS NULL`,
    ),

    // What is still to be added to a repository's sizes travels with what is to be added to its registry's usage.
    `ALTER TABLE registry_change ADD COLUMN repository_id ${t.int}`,
    `ALTER TABLE registry_change ADD COLUMN repository_size_bytes ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE registry_change ADD COLUMN repository_unique_bytes ${t.int} NOT NULL DEFAULT 0`,
    `CREATE INDEX registry_change_repository ON registry_change (repository_id) WHERE repository_id IS NOT NULL`,

    // `natural_key` has the order of names in which 1.10 comes after 1.9; it is empty until the background has filled it.
    `ALTER TABLE tag ADD COLUMN natural_key ${t.text} NOT NULL DEFAULT ''`,
    `ALTER TABLE tag ADD COLUMN size_bytes ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE tag ADD COLUMN pulled_at ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE tag ADD COLUMN pull_count ${t.int} NOT NULL DEFAULT 0`,
    `UPDATE tag SET size_bytes = (SELECT compressed_size_bytes FROM manifest WHERE manifest.id = tag.manifest_id)`,
    ...["natural_key", "size_bytes", "pulled_at"].map(
      (column) => `CREATE INDEX tag_by_${column} ON tag (repository_id, ${column}, name)`,
    ),
    "CREATE INDEX tag_unordered ON tag (repository_id, name) WHERE natural_key = ''",

    // `evidence`: what a signature, an SBOM or an attestation is, in words separated by spaces; null where nobody has
    // looked. `platform`: os/architecture[/variant] of an image. `describe_after`: when the background looks at it next.
    `ALTER TABLE manifest ADD COLUMN evidence ${t.text}`,
    `ALTER TABLE manifest ADD COLUMN platform ${t.text}`,
    `ALTER TABLE manifest ADD COLUMN describe_after ${t.int} DEFAULT 0`,
    "CREATE INDEX manifest_undescribed ON manifest (describe_after, id) WHERE describe_after IS NOT NULL",
    `CREATE INDEX manifest_untagged ON manifest (repository_id, updated_at DESC, id DESC) WHERE holder_count = 0`,
    `CREATE INDEX manifest_referrers_newest ON manifest (repository_id, updated_at DESC, id DESC)
      WHERE subject IS NOT NULL`,

    // What an index says of a manifest that it lists: its platform, or the manifest that it attests to.
    `ALTER TABLE manifest_child ADD COLUMN platform ${t.text}`,
    `ALTER TABLE manifest_child ADD COLUMN attests ${t.text}`,

    `ALTER TABLE event ADD COLUMN repository_name ${t.text}`,
    "CREATE INDEX event_repository ON event (registry_id, repository_name, id) WHERE repository_name IS NOT NULL",
    "CREATE INDEX event_kind ON event (registry_id, kind, id)",
    // What is an account's and no registry's.
    "CREATE INDEX event_of_account ON event (account_id, id) WHERE registry_id IS NULL",

    // One row a registry and day in UTC, counted from 1970.
    `CREATE TABLE registry_day (
      registry_id ${t.int} NOT NULL,
      day ${t.int} NOT NULL,
      pulls ${t.int} NOT NULL,
      pushes ${t.int} NOT NULL,
      PRIMARY KEY (registry_id, day)
    ) ${t.options}`,

    // A deletion of tags that can be undone for some seconds.
    `CREATE TABLE tag_deletion (
      id ${t.text} PRIMARY KEY,
      repository_id ${t.int} NOT NULL,
      undo_until ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX tag_deletion_end ON tag_deletion (undo_until)",

    // A tag that may come back. It holds its manifest as the tag did.
    `CREATE TABLE deleted_tag (
      tag_deletion_id ${t.text} NOT NULL REFERENCES tag_deletion (id),
      repository_id ${t.int} NOT NULL,
      name ${t.text} NOT NULL,
      manifest_id ${t.int} NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
      created_at ${t.int} NOT NULL,
      updated_at ${t.int} NOT NULL,
      pulled_at ${t.int} NOT NULL,
      pull_count ${t.int} NOT NULL,
      PRIMARY KEY (tag_deletion_id, name)
    ) ${t.options}`,
    "CREATE INDEX deleted_tag_manifest ON deleted_tag (manifest_id)",
  ];
}
