import type { ColumnTypes } from "./column-types.ts";

/**
 * The tables of the first version. Ids are never used again, so that what refers to a row that is gone (a review, a
 * JWT) cannot meet another. Only parents that nothing locks against their children have foreign keys: a reference to
 * `registry` from a link or a write token would take that row's lock last, against the order of docs/locks.md.
 */
export function initial(t: ColumnTypes): string[] {
  return [
    // One row: who inserts it sets the installation up.
    `CREATE TABLE installation (
      id ${t.int} PRIMARY KEY CHECK (id = 1),
      created_at ${t.int} NOT NULL,
      probed_at ${t.int} NOT NULL
    ) ${t.options}`,

    // One row: the data folder that the blobs lie in, where the database is not in it itself.
    `CREATE TABLE data_folder (
      id ${t.int} PRIMARY KEY CHECK (id = 1),
      folder_id ${t.text} NOT NULL
    ) ${t.options}`,

    // A team.
    `CREATE TABLE account (
      id ${t.id},
      uuid ${t.text} NOT NULL UNIQUE,
      name ${t.text} NOT NULL,
      created_at ${t.int} NOT NULL
    ) ${t.options}`,

    // Only a token's SHA-256 is stored. `registry_id` binds it to one registry.
    `CREATE TABLE api_token (
      id ${t.id},
      account_id ${t.int} NOT NULL REFERENCES account (id),
      kind ${t.text} NOT NULL,
      name ${t.text} NOT NULL,
      token_sha256 ${t.text} NOT NULL UNIQUE,
      scopes ${t.text} NOT NULL,
      registry_id ${t.int},
      expires_at ${t.int},
      last_used_at ${t.int},
      created_at ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX api_token_account ON api_token (account_id, id)",
    "CREATE INDEX api_token_registry ON api_token (registry_id) WHERE registry_id IS NOT NULL",

    `CREATE TABLE subscription (
      account_id ${t.int} PRIMARY KEY REFERENCES account (id),
      tier_slug ${t.text} NOT NULL,
      created_at ${t.int} NOT NULL,
      updated_at ${t.int} NOT NULL
    ) ${t.options}`,

    // A name is unique among the living: a deleted registry is hidden by `deleted_at` and emptied in steps.
    `CREATE TABLE registry (
      id ${t.id},
      uuid ${t.text} NOT NULL UNIQUE,
      account_id ${t.int} NOT NULL REFERENCES account (id),
      name ${t.text} NOT NULL,
      region ${t.text} NOT NULL,
      read_only ${t.int} NOT NULL DEFAULT 0,
      storage_usage_bytes ${t.int} NOT NULL DEFAULT 0,
      storage_usage_updated_at ${t.int} NOT NULL,
      repository_count ${t.int} NOT NULL DEFAULT 0,
      garbage_collection_writes ${t.text},
      garbage_collection_schedule ${t.text},
      garbage_collection_schedule_type ${t.text},
      garbage_collection_next_at ${t.int},
      created_at ${t.int} NOT NULL,
      deleted_at ${t.int}
    ) ${t.options}`,
    "CREATE UNIQUE INDEX registry_name ON registry (name) WHERE deleted_at IS NULL",
    "CREATE INDEX registry_account ON registry (account_id, id) WHERE deleted_at IS NULL",
    `CREATE INDEX registry_garbage_collection_due ON registry (garbage_collection_next_at)
      WHERE garbage_collection_next_at IS NOT NULL`,
    "CREATE INDEX registry_hidden ON registry (id) WHERE deleted_at IS NOT NULL",

    // What is still to be added to a registry's counters: pushes insert, and do not queue for the registry's row.
    `CREATE TABLE registry_change (
      id ${t.id},
      registry_id ${t.int} NOT NULL,
      storage_usage_bytes ${t.int} NOT NULL,
      repository_count ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX registry_change_registry ON registry_change (registry_id)",

    // One row a write JWT and registry: whether somebody is pushing.
    `CREATE TABLE write_token (
      id ${t.text} NOT NULL,
      registry_id ${t.int} NOT NULL,
      expires_at ${t.int} NOT NULL,
      PRIMARY KEY (registry_id, id)
    ) ${t.options}`,
    "CREATE INDEX write_token_registry_expiry ON write_token (registry_id, expires_at)",
    "CREATE INDEX write_token_expiry ON write_token (expires_at)",

    // Its row is the lock of every change of its manifests and tags. One without manifests is not shown.
    `CREATE TABLE repository (
      id ${t.id},
      registry_id ${t.int} NOT NULL REFERENCES registry (id),
      name ${t.text} NOT NULL,
      tag_count ${t.int} NOT NULL DEFAULT 0,
      manifest_count ${t.int} NOT NULL DEFAULT 0,
      created_at ${t.int} NOT NULL,
      updated_at ${t.int} NOT NULL,
      deleted_at ${t.int}
    ) ${t.options}`,
    "CREATE UNIQUE INDEX repository_name ON repository (registry_id, name) WHERE deleted_at IS NULL",
    `CREATE INDEX repository_listed ON repository (registry_id, name)
      WHERE manifest_count > 0 AND deleted_at IS NULL`,
    "CREATE INDEX repository_hidden ON repository (id) WHERE deleted_at IS NOT NULL",

    // `holder_count`: tags on it, indexes that list it, and its subject where that is here.
    `CREATE TABLE manifest (
      id ${t.id},
      repository_id ${t.int} NOT NULL REFERENCES repository (id),
      registry_id ${t.int} NOT NULL,
      digest ${t.text} NOT NULL,
      media_type ${t.text} NOT NULL,
      size_bytes ${t.int} NOT NULL,
      subject ${t.text},
      artifact_type ${t.text},
      compressed_size_bytes ${t.int} NOT NULL,
      uncompressed_size_bytes ${t.int} NOT NULL DEFAULT 0,
      holder_count ${t.int} NOT NULL,
      leased_until ${t.int} NOT NULL,
      created_at ${t.int} NOT NULL,
      updated_at ${t.int} NOT NULL,
      UNIQUE (repository_id, digest)
    ) ${t.options}`,
    "CREATE INDEX manifest_newest ON manifest (repository_id, updated_at DESC, id DESC)",
    "CREATE INDEX manifest_subject ON manifest (repository_id, subject) WHERE subject IS NOT NULL",
    "CREATE INDEX manifest_garbage ON manifest (registry_id, leased_until) WHERE holder_count = 0",

    `CREATE TABLE manifest_payload (
      manifest_id ${t.int} PRIMARY KEY REFERENCES manifest (id) ON DELETE CASCADE,
      content ${t.bytes} NOT NULL,
      annotations ${t.text} NOT NULL
    ) ${t.options}`,

    // Edges name digests, not rows: what is pushed after, or again, is held at once.
    `CREATE TABLE manifest_blob (
      manifest_id ${t.int} NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
      repository_id ${t.int} NOT NULL,
      digest ${t.text} NOT NULL,
      position ${t.int} NOT NULL,
      size_bytes ${t.int} NOT NULL,
      media_type ${t.text} NOT NULL,
      PRIMARY KEY (manifest_id, digest)
    ) ${t.options}`,
    "CREATE INDEX manifest_blob_digest ON manifest_blob (repository_id, digest)",

    `CREATE TABLE manifest_child (
      manifest_id ${t.int} NOT NULL REFERENCES manifest (id) ON DELETE CASCADE,
      repository_id ${t.int} NOT NULL,
      digest ${t.text} NOT NULL,
      position ${t.int} NOT NULL,
      PRIMARY KEY (manifest_id, digest)
    ) ${t.options}`,
    "CREATE INDEX manifest_child_digest ON manifest_child (repository_id, digest)",

    `CREATE TABLE tag (
      repository_id ${t.int} NOT NULL REFERENCES repository (id),
      name ${t.text} NOT NULL,
      manifest_id ${t.int} NOT NULL REFERENCES manifest (id),
      created_at ${t.int} NOT NULL,
      updated_at ${t.int} NOT NULL,
      PRIMARY KEY (repository_id, name)
    ) ${t.options}`,
    "CREATE INDEX tag_newest ON tag (repository_id, updated_at DESC, name)",
    "CREATE INDEX tag_manifest ON tag (manifest_id, name)",

    // Content that lies in a region, once.
    `CREATE TABLE blob (
      id ${t.id},
      region ${t.text} NOT NULL,
      digest ${t.text} NOT NULL,
      size_bytes ${t.int} NOT NULL,
      storage_key ${t.text} NOT NULL UNIQUE,
      created_at ${t.int} NOT NULL,
      UNIQUE (region, digest)
    ) ${t.options}`,

    // The link: this repository may serve this blob. Both things that a sweep asks stand in this row. `blob_id` is
    // null where a manifest was accepted without the blob.
    `CREATE TABLE repository_blob (
      repository_id ${t.int} NOT NULL REFERENCES repository (id),
      registry_id ${t.int} NOT NULL,
      digest ${t.text} NOT NULL,
      blob_id ${t.int} REFERENCES blob (id),
      reference_count ${t.int} NOT NULL,
      leased_until ${t.int} NOT NULL,
      PRIMARY KEY (repository_id, digest)
    ) ${t.options}`,
    "CREATE INDEX repository_blob_blob ON repository_blob (blob_id)",
    `CREATE INDEX repository_blob_garbage ON repository_blob (registry_id, leased_until)
      WHERE reference_count = 0`,

    // Each blob once a registry, with how many of the registry's repositories link it: for usage.
    `CREATE TABLE registry_blob (
      registry_id ${t.int} NOT NULL,
      blob_id ${t.int} NOT NULL REFERENCES blob (id),
      link_count ${t.int} NOT NULL,
      PRIMARY KEY (registry_id, blob_id)
    ) ${t.options}`,
    "CREATE INDEX registry_blob_blob ON registry_blob (blob_id)",

    // Blobs whose last link may be gone.
    // Not unique by blob: who asks for a review must not wait for one that is under way.
    `CREATE TABLE blob_review (
      id ${t.id},
      blob_id ${t.int} NOT NULL,
      queued_at ${t.int} NOT NULL
    ) ${t.options}`,

    // Keys whose bytes have no blob any more.
    `CREATE TABLE trash (
      id ${t.id},
      region ${t.text} NOT NULL,
      storage_key ${t.text} NOT NULL UNIQUE,
      staged ${t.text},
      delete_after ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX trash_due ON trash (delete_after)",

    // Bytes on their way to becoming a blob.
    `CREATE TABLE upload_session (
      id ${t.text} PRIMARY KEY,
      repository_id ${t.int} NOT NULL REFERENCES repository (id),
      registry_id ${t.int} NOT NULL,
      region ${t.text} NOT NULL,
      api_token_id ${t.int} NOT NULL,
      write_token_id ${t.text} NOT NULL,
      storage_key ${t.text} NOT NULL UNIQUE,
      length ${t.int} NOT NULL,
      staged ${t.text} NOT NULL,
      expires_at ${t.int} NOT NULL,
      created_at ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX upload_session_expiry ON upload_session (expires_at)",
    "CREATE INDEX upload_session_registry ON upload_session (registry_id)",
    "CREATE INDEX upload_session_repository ON upload_session (repository_id)",

    `CREATE TABLE garbage_collection (
      id ${t.id},
      uuid ${t.text} NOT NULL UNIQUE,
      registry_id ${t.int} NOT NULL,
      registry_name ${t.text} NOT NULL,
      type ${t.text} NOT NULL,
      writes ${t.text} NOT NULL,
      status ${t.text} NOT NULL,
      blobs_deleted ${t.int} NOT NULL DEFAULT 0,
      freed_bytes ${t.int} NOT NULL DEFAULT 0,
      failures ${t.int} NOT NULL DEFAULT 0,
      leased_until ${t.int} NOT NULL DEFAULT 0,
      created_at ${t.int} NOT NULL,
      updated_at ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX garbage_collection_registry ON garbage_collection (registry_id, id)",
    `CREATE UNIQUE INDEX garbage_collection_active ON garbage_collection (registry_id)
      WHERE status NOT IN ('succeeded', 'failed', 'cancelled')`,

    // Append-only: the activity feed, the audit log and the webhook outbox read it.
    `CREATE TABLE event (
      id ${t.id},
      account_id ${t.int} NOT NULL,
      registry_id ${t.int},
      kind ${t.text} NOT NULL,
      payload ${t.text} NOT NULL,
      created_at ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX event_account ON event (account_id, id)",
    "CREATE INDEX event_registry ON event (registry_id, id)",

    // Long work: a row in a state, taken by lease.
    `CREATE TABLE job (
      id ${t.id},
      kind ${t.text} NOT NULL,
      payload ${t.text} NOT NULL,
      run_after ${t.int} NOT NULL,
      failures ${t.int} NOT NULL DEFAULT 0,
      leased_until ${t.int} NOT NULL DEFAULT 0,
      created_at ${t.int} NOT NULL
    ) ${t.options}`,
    "CREATE INDEX job_due ON job (run_after)",

    // What signs the data plane's JWTs; `id` is the key's id in their header.
    `CREATE TABLE signing_key (
      id ${t.text} PRIMARY KEY,
      private_jwk ${t.text} NOT NULL,
      created_at ${t.int} NOT NULL
    ) ${t.options}`,
  ];
}
