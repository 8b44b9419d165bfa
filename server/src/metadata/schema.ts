import type { Generated } from "kysely";
import type { Digest } from "../model/digest.ts";
import type { EventKind } from "../model/event.ts";
import type { GarbageCollectionStatus, GarbageCollectionType, Writes } from "../model/garbage-collection.ts";
import type { AccountName, RegistryName, RepositoryName, TagName } from "../model/name.ts";
import type { Region } from "../model/region.ts";
import type { TierSlug } from "../model/tier.ts";

/**
 * The rows, as TypeScript sees them on both databases: times are milliseconds since 1970, flags 0 or 1, JSON is text.
 * What each table is for stands beside its statement in migrations/.
 */
export interface Schema {
  installation: InstallationRow;
  data_folder: DataFolderRow;
  account: AccountRow;
  api_token: ApiTokenRow;
  subscription: SubscriptionRow;
  registry: RegistryRow;
  registry_change: RegistryChangeRow;
  registry_blob: RegistryBlobRow;
  write_token: WriteTokenRow;
  repository: RepositoryRow;
  manifest: ManifestRow;
  manifest_payload: ManifestPayloadRow;
  manifest_blob: ManifestBlobRow;
  manifest_child: ManifestChildRow;
  tag: TagRow;
  repository_blob: RepositoryBlobRow;
  blob: BlobRow;
  blob_review: BlobReviewRow;
  trash: TrashRow;
  upload_session: UploadSessionRow;
  garbage_collection: GarbageCollectionRow;
  event: EventRow;
  panel_session: PanelSessionRow;
  setup_link: SetupLinkRow;
  registry_day: RegistryDayRow;
  tag_deletion: TagDeletionRow;
  deleted_tag: DeletedTagRow;
  job: JobRow;
  signing_key: SigningKeyRow;
}

export interface InstallationRow {
  id: number;
  created_at: number;
  probed_at: number;
}

export interface DataFolderRow {
  id: number;
  folder_id: string;
}

export interface AccountRow {
  id: Generated<number>;
  uuid: string;
  name: AccountName;
  created_at: number;
}

export type ApiTokenKind = "owner" | "personal" | "docker_credential" | "robot";

export interface ApiTokenRow {
  id: Generated<number>;
  account_id: number;
  kind: ApiTokenKind;
  name: string;
  token_sha256: string;
  scopes: string;
  registry_id: number | null;
  expires_at: number | null;
  last_used_at: number | null;
  refresh_token_sha256: string | null;
  refresh_tokens_ended: Generated<number>;
  created_at: number;
}

export interface SubscriptionRow {
  account_id: number;
  tier_slug: TierSlug;
  created_at: number;
  updated_at: number;
}

export interface RegistryRow {
  id: Generated<number>;
  uuid: string;
  account_id: number;
  name: RegistryName;
  region: Region;
  read_only: Generated<number>;
  public: Generated<number>;
  storage_usage_bytes: Generated<number>;
  storage_usage_updated_at: number;
  repository_count: Generated<number>;
  tagged_repository_count: Generated<number>;
  garbage_collection_writes: Generated<Writes | null>;
  garbage_collection_schedule: Generated<string | null>;
  garbage_collection_schedule_type: Generated<GarbageCollectionType | null>;
  garbage_collection_next_at: Generated<number | null>;
  created_at: number;
  deleted_at: number | null;
}

export interface RegistryChangeRow {
  id: Generated<number>;
  registry_id: number;
  storage_usage_bytes: number;
  repository_count: number;
  tagged_repository_count: Generated<number>;
  repository_id: Generated<number | null>;
  repository_size_bytes: Generated<number>;
  repository_unique_bytes: Generated<number>;
}

export interface RegistryBlobRow {
  registry_id: number;
  blob_id: number;
  link_count: number;
}

export interface WriteTokenRow {
  id: string;
  registry_id: number;
  expires_at: number;
}

export interface RepositoryRow {
  id: Generated<number>;
  registry_id: number;
  name: RepositoryName;
  public: Generated<number>;
  tag_count: Generated<number>;
  manifest_count: Generated<number>;
  sparse: Generated<number | null>;
  description: Generated<string | null>;
  pushed_at: Generated<number>;
  pulled_at: Generated<number>;
  pull_count: Generated<number>;
  size_bytes: Generated<number>;
  unique_bytes: Generated<number>;
  created_at: number;
  updated_at: number;
  deleted_at: number | null;
}

export interface ManifestRow {
  id: Generated<number>;
  repository_id: number;
  registry_id: number;
  digest: Digest;
  media_type: string;
  size_bytes: number;
  subject: Digest | null;
  artifact_type: string | null;
  compressed_size_bytes: number;
  uncompressed_size_bytes: Generated<number>;
  holder_count: number;
  leased_until: number;
  depth: Generated<number>;
  measure_after: Generated<number | null>;
  evidence: Generated<string | null>;
  platform: Generated<string | null>;
  describe_after: Generated<number | null>;
  created_at: number;
  updated_at: number;
}

export interface ManifestPayloadRow {
  manifest_id: number;
  content: Uint8Array;
  annotations: string;
}

export interface ManifestBlobRow {
  manifest_id: number;
  repository_id: number;
  digest: Digest;
  position: number;
  size_bytes: number;
  media_type: string;
}

export interface ManifestChildRow {
  manifest_id: number;
  repository_id: number;
  digest: Digest;
  position: number;
  platform: Generated<string | null>;
  attests: Generated<Digest | null>;
}

export interface TagRow {
  repository_id: number;
  name: TagName;
  manifest_id: number;
  natural_key: Generated<string>;
  size_bytes: Generated<number>;
  pulled_at: Generated<number>;
  pull_count: Generated<number>;
  created_at: number;
  updated_at: number;
}

export interface RepositoryBlobRow {
  repository_id: number;
  registry_id: number;
  digest: Digest;
  blob_id: number | null;
  reference_count: number;
  leased_until: number;
}

export interface BlobRow {
  id: Generated<number>;
  region: Region;
  digest: Digest;
  size_bytes: number;
  uncompressed_size_bytes: Generated<number | null>;
  measure_after: Generated<number | null>;
  storage_key: string;
  created_at: number;
}

export interface BlobReviewRow {
  id: Generated<number>;
  blob_id: number;
  queued_at: number;
}

export interface TrashRow {
  id: Generated<number>;
  region: Region;
  storage_key: string;
  staged: string | null;
  delete_after: number;
  failures: Generated<number>;
}

export interface UploadSessionRow {
  id: string;
  repository_id: number;
  registry_id: number;
  region: Region;
  api_token_id: number;
  write_token_id: string;
  storage_key: string;
  length: number;
  staged: string;
  expires_at: number;
  created_at: number;
}

export interface GarbageCollectionRow {
  id: Generated<number>;
  uuid: string;
  registry_id: number;
  registry_name: RegistryName;
  type: GarbageCollectionType;
  writes: Writes;
  status: GarbageCollectionStatus;
  blobs_deleted: Generated<number>;
  freed_bytes: Generated<number>;
  failures: Generated<number>;
  failure: Generated<string | null>;
  leased_until: Generated<number>;
  created_at: number;
  updated_at: number;
}

export interface EventRow {
  id: Generated<number>;
  account_id: number;
  registry_id: number | null;
  kind: EventKind;
  repository_name: Generated<RepositoryName | null>;
  payload: string;
  created_at: number;
}

export interface PanelSessionRow {
  sha256: string;
  api_token_id: number;
  expires_at: number;
  created_at: number;
}

export interface SetupLinkRow {
  sha256: string;
  expires_at: number;
}

export interface RegistryDayRow {
  registry_id: number;
  day: number;
  pulls: number;
  pushes: number;
}

export interface TagDeletionRow {
  id: string;
  repository_id: number;
  undo_until: number;
}

export interface DeletedTagRow {
  tag_deletion_id: string;
  repository_id: number;
  name: TagName;
  manifest_id: number;
  created_at: number;
  updated_at: number;
  pulled_at: number;
  pull_count: number;
}

export interface JobRow {
  id: Generated<number>;
  kind: string;
  payload: string;
  run_after: number;
  failures: Generated<number>;
  leased_until: Generated<number>;
  created_at: number;
}

export interface SigningKeyRow {
  id: string;
  private_jwk: string;
  created_at: number;
}
