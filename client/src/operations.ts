// Written by `npm run openapi` from openapi.json.
import type { Call, CallOptions } from "./call.ts";

export interface Refusal {
  /** A word for programs. */
  id: string;
  /** A sentence for people. */
  message: string;
  /** As in the header x-request-id and in the server's log. */
  request_id: string;
}

export interface Tier {
  name: string;
  slug: "starter" | "basic" | "professional";
  /** 0: unlimited. */
  included_repositories: number;
  included_storage_bytes: number;
  allow_storage_overage: boolean;
  included_bandwidth_bytes: number;
  monthly_price_in_cents: number;
  storage_overage_price_in_cents?: number | undefined;
}

export interface Subscription {
  tier: Tier;
  created_at: string;
  updated_at: string;
}

export interface SubscribedRegistry {
  name: string;
  uuid: string;
  created_at: string;
  region: string;
  storage_usage_bytes: number;
  storage_usage_bytes_updated_at: string;
  read_only: boolean;
  subscription?: Subscription | undefined;
}

export interface OfferedTier {
  name: string;
  slug: "starter" | "basic" | "professional";
  /** 0: unlimited. */
  included_repositories: number;
  included_storage_bytes: number;
  allow_storage_overage: boolean;
  included_bandwidth_bytes: number;
  monthly_price_in_cents: number;
  storage_overage_price_in_cents?: number | undefined;
  eligible: boolean;
  eligibility_reasons?: ("OverRepositoryLimit" | "OverStorageLimit")[] | undefined;
}

/** A docker config.json. */
export interface DockerCredentials {
  auths: Record<string, {
    auth: string;
  }>;
}

export interface Tag {
  registry_name: string;
  repository: string;
  tag: string;
  manifest_digest: string;
  compressed_size_bytes: number;
  size_bytes: number;
  updated_at: string;
}

export interface TaggedRepository {
  registry_name: string;
  name: string;
  latest_tag: Tag;
  tag_count: number;
}

export interface Links {
  pages?: {
    first?: string | undefined;
    prev?: string | undefined;
    next?: string | undefined;
    last?: string | undefined;
  } | undefined;
}

export interface Manifest {
  digest: string;
  registry_name: string;
  repository: string;
  compressed_size_bytes: number;
  size_bytes: number;
  updated_at: string;
  tags: string[];
  blobs: {
    digest: string;
    compressed_size_bytes: number;
  }[];
}

export interface Repository {
  registry_name: string;
  name: string;
  latest_manifest?: Manifest | undefined;
  tag_count: number;
  manifest_count: number;
}

export interface GarbageCollection {
  uuid: string;
  registry_name: string;
  status: "requested" | "waiting for write JWTs to expire" | "scanning manifests" | "deleting unreferenced blobs" | "cancelling" | "cancelled" | "succeeded" | "failed";
  type: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs";
  created_at: string;
  updated_at: string;
  blobs_deleted: number;
  freed_bytes: number;
  failures: number;
  failure: string | null;
}

export interface Registry {
  name: string;
  uuid: string;
  created_at: string;
  region: string;
  storage_usage_bytes: number;
  storage_usage_bytes_updated_at: string;
  read_only: boolean;
}

export interface Account {
  droplet_limit: number;
  floating_ip_limit: number;
  email: string;
  name: string;
  uuid: string;
  email_verified: boolean;
  status: "active";
  status_message: string;
  team: {
    uuid: string;
    name: string;
  };
}

export interface TokenInfo {
  resource_owner_id: number;
  scopes: string[];
  expires_in_seconds: number | null;
  created_at: number;
}

export interface RegistrySettings {
  public: boolean;
  garbage_collection: {
    writes: "pause" | "continue" | null;
    schedule: {
      /** A cron expression of five fields, in UTC. */
      cron: string;
      type: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs";
    } | null;
    next_run_at: string | null;
  };
}

export interface RepositorySettings {
  /** Text of up to 10000 bytes. */
  description: string | null;
  public: boolean;
  sparse: boolean | null;
}

export interface GarbageCollectionPreview {
  type: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs";
  manifests_deleted: number;
  blobs_deleted: number;
  freed_bytes: number;
  /** The largest. */
  repositories: {
    name: string;
    manifests: number;
    blobs: number;
    bytes: number;
  }[];
  /** A page of those that a run would delete. */
  manifests: {
    repository: string;
    digest: string;
    compressed_size_bytes: number;
    updated_at: string;
  }[];
  /** What recent pushes keep. */
  held: {
    manifests: number;
    blobs: number;
    bytes: number;
    until: string | null;
    write_tokens: number;
    last_write_token_expires_at: string | null;
    open_uploads: number;
  };
}

export interface SigningKey {
  id: string;
  created_at: string;
}

export interface ListedAccount {
  uuid: string;
  name: string;
  created_at: string;
}

export interface Token {
  id: number;
  name: string;
  kind: "owner" | "personal" | "docker_credential" | "robot";
  scopes: ("account:read" | "registry:create" | "registry:delete" | "registry:read" | "registry:update" | "read" | "write")[];
  /** The only registry that it opens. */
  registry_name: string | null;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

export interface NewToken {
  id: number;
  name: string;
  kind: "owner" | "personal" | "docker_credential" | "robot";
  scopes: ("account:read" | "registry:create" | "registry:delete" | "registry:read" | "registry:update" | "read" | "write")[];
  /** The only registry that it opens. */
  registry_name: string | null;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  /** Shown this once. */
  secret: string;
}

export interface Session {
  account: {
    name: string;
    uuid: string;
  };
  token: {
    id: number;
    name: string;
    kind: "owner" | "personal" | "robot";
    scopes: ("account:read" | "registry:create" | "registry:delete" | "registry:read" | "registry:update")[];
    expires_at: string | null;
  };
  expires_at: string;
  /** Whether the token is the installation's owner's. */
  is_owner: boolean;
  version: string;
  /** What the names of images begin with. */
  registry_host: string;
}

export interface SetupLink {
  url: string;
  expires_at: string;
}

export interface Event {
  id: number;
  kind: "push" | "tag_move" | "tag_delete" | "tag_restore" | "manifest_delete" | "repository_delete" | "registry_create" | "registry_delete" | "settings_change" | "token_create" | "token_revoke" | "garbage_collection_start" | "garbage_collection_end";
  created_at: string;
  /** The name of the token; null is the server itself. */
  actor: string | null;
  repository: string | null;
  tag: string | null;
  digest: string | null;
  details: Record<string, unknown>;
}

export interface Overview {
  storage: {
    used_bytes: number;
    /** What the subscription includes. */
    quota_bytes: number | null;
    /** What tags lead to. */
    tagged_bytes: number;
    /** What nothing leads to. */
    untagged_bytes: number;
    /** What of that a collection would free now: leases keep the rest. */
    reclaimable_bytes: number;
  };
  counts: {
    repositories: number;
    tags: number;
    manifests: number;
  };
  pulls_today: number;
  pushes_today: number;
  largest_repositories: {
    name: string;
    unique_bytes: number;
    size_bytes: number;
  }[];
  recent_events: Event[];
  garbage_collection: GarbageCollection | null;
  health: {
    database: string;
    storage: string;
    version: string;
  };
}

export interface SearchResult {
  kind: "registry" | "repository" | "tag" | "manifest";
  registry: string;
  repository?: string | undefined;
  tag?: string | undefined;
  digest?: string | undefined;
}

export interface About {
  version: string;
  database: "SQLite" | "PostgreSQL";
  storage: string;
  tls: boolean;
  limits: "documented" | "none";
  public_url: string;
}

export interface RepositoryRow {
  name: string;
  tag_count: number;
  manifest_count: number;
  /** Of all blobs that it has, each once. */
  size_bytes: number;
  /** Of those that no other repository of the registry has. */
  unique_bytes: number;
  last_pushed_at: string;
  last_pulled_at: string | null;
  pull_count: number;
  public: boolean;
  description: string | null;
}

export interface RepositoryDetails {
  name: string;
  tag_count: number;
  manifest_count: number;
  /** Of all blobs that it has, each once. */
  size_bytes: number;
  /** Of those that no other repository of the registry has. */
  unique_bytes: number;
  last_pushed_at: string;
  last_pulled_at: string | null;
  pull_count: number;
  public: boolean;
  description: string | null;
  newest_tag: string | null;
  shared_bytes: number;
  /** What a collection of untagged manifests and unreferenced blobs would free now. */
  reclaimable_bytes: number;
}

export interface PlatformOfManifest {
  os: string;
  architecture: string;
  variant?: string | undefined;
  digest: string;
  size_bytes: number;
}

export interface TagRow {
  name: string;
  digest: string;
  media_type: string;
  artifact_type: string | null;
  kind: "image" | "index" | "helm" | "artifact";
  platforms: PlatformOfManifest[];
  /** Compressed, of all that it reaches. */
  size_bytes: number;
  pushed_at: string;
  pulled_at: string | null;
  pull_count: number;
  signed: boolean;
  sboms: number;
  attestations: number;
}

export interface ManifestRow {
  digest: string;
  media_type: string;
  artifact_type: string | null;
  kind: "image" | "index" | "helm" | "artifact";
  /** The first of them. */
  tags: string[];
  tag_count: number;
  /** How many indexes list it. */
  parents: number;
  subject: string | null;
  size_bytes: number;
  platform: string | null;
  pushed_at: string;
  /** What keeps it from being collected. */
  held_by: "tag" | "parent" | "subject" | "lease" | null;
}

export interface Layer {
  digest: string;
  media_type: string;
  size_bytes: number;
  /** Other manifests of the registry that have it. */
  shared_with_images: number;
  command: string | null;
}

export interface ImageConfig {
  digest: string;
  created: string | null;
  author: string | null;
  os: string | null;
  architecture: string | null;
  entrypoint: string[];
  cmd: string[];
  env: string[];
  user: string | null;
  working_dir: string | null;
  exposed_ports: string[];
  labels: Record<string, string>;
  volumes: string[];
}

export interface HistoryEntry {
  created: string | null;
  created_by: string | null;
  comment: string | null;
  empty_layer: boolean;
  layer_digest: string | null;
  size_bytes: number | null;
}

export interface ManifestDetails {
  digest: string;
  media_type: string;
  artifact_type: string | null;
  kind: "image" | "index" | "helm" | "artifact";
  /** The first of them. */
  tags: string[];
  tag_count: number;
  /** How many indexes list it. */
  parents: number;
  subject: string | null;
  size_bytes: number;
  platform: string | null;
  pushed_at: string;
  /** What keeps it from being collected. */
  held_by: "tag" | "parent" | "subject" | "lease" | null;
  annotations: Record<string, string>;
  platforms: PlatformOfManifest[];
  layers: Layer[];
  /** Of blobs that no other manifest of the registry needs. */
  unique_bytes: number;
  shared_bytes: number;
  config: ImageConfig | null;
  history: HistoryEntry[];
  children: ManifestRow[];
  parent_digests: string[];
}

export interface ReferrerRow {
  digest: string;
  artifact_type: string | null;
  kind: "signature" | "sbom" | "vulnerabilities" | "attestation" | "artifact";
  /** All that it is. */
  kinds: ("signature" | "sbom" | "vulnerabilities" | "attestation")[];
  tool: string | null;
  annotations: Record<string, string>;
  size_bytes: number;
  pushed_at: string;
  children: Record<string, unknown>[];
}

export interface TagDeletionPreview {
  tags: number;
  tag_names: string[];
  manifests_left_untagged: {
    digest: string;
    tags: string[];
  }[];
  manifests_still_tagged: {
    digest: string;
    tags_that_stay: string[];
  }[];
  /** What the next collection frees more than it would without this deletion. */
  freed_bytes_by_next_collection: number;
}

export interface TagDeletion {
  id: string;
  deleted: number;
  /** Those that somebody else deleted first. */
  missing: string[];
  undo_until: string;
}

export interface UndoneTagDeletion {
  id: string;
  restored: number;
  not_restored: {
    tag: string;
    reason: string;
  }[];
}

export interface ManifestDeletion {
  deleted: number;
  tags_deleted: number;
  missing: string[];
}

export type RegistryGetAnswer = {
  registry: SubscribedRegistry;
};

export interface RegistryCreateParameters {
  name: string;
  subscription_tier_slug?: "starter" | "basic" | "professional" | undefined;
  region?: "nyc3" | "sfo3" | "ams3" | "sgp1" | "fra1" | "sfo2" | "blr1" | "syd1" | undefined;
}

export type RegistryCreateAnswer = {
  registry: SubscribedRegistry;
};

export interface RegistryValidateNameParameters {
  name: string;
}

export type RegistryGetSubscriptionAnswer = {
  subscription: Subscription;
};

export interface RegistryUpdateSubscriptionParameters {
  tier_slug: "starter" | "basic" | "professional";
}

export type RegistryUpdateSubscriptionAnswer = {
  subscription: Subscription;
};

export type RegistryGetOptionsAnswer = {
  options: {
    available_regions: string[];
    subscription_tiers: OfferedTier[];
  };
};

export interface RegistryGetDockerCredentialsParameters {
  /** For how many seconds it lives; 0: until it is revoked. */
  expiry_seconds?: number | undefined;
  /** Whether it may push and delete; that takes registry:update too. */
  read_write?: boolean | undefined;
}

export type RegistryGetDockerCredentialsAnswer = DockerCredentials;

export interface RegistryListRepositoriesParameters {
  registry_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistryListRepositoriesAnswer = {
  repositories: TaggedRepository[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistryListRepositoriesV2Parameters {
  registry_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
  page_token?: string | undefined;
}

export type RegistryListRepositoriesV2Answer = {
  repositories: Repository[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistryListRepositoryTagsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistryListRepositoryTagsAnswer = {
  tags: Tag[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistryDeleteRepositoryTagParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  repository_tag: string;
}

export interface RegistryListRepositoryManifestsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistryListRepositoryManifestsAnswer = {
  manifests: Manifest[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistryDeleteRepositoryManifestParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  manifest_digest: string;
}

export interface RegistryRunGarbageCollectionParameters {
  registry_name: string;
  type?: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs" | undefined;
  writes?: "pause" | "continue" | undefined;
}

export type RegistryRunGarbageCollectionAnswer = {
  garbage_collection: GarbageCollection;
};

export interface RegistryGetGarbageCollectionParameters {
  registry_name: string;
}

export type RegistryGetGarbageCollectionAnswer = {
  garbage_collection: GarbageCollection;
};

export interface RegistryListGarbageCollectionsParameters {
  registry_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistryListGarbageCollectionsAnswer = {
  garbage_collections: GarbageCollection[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistryUpdateGarbageCollectionParameters {
  registry_name: string;
  garbage_collection_uuid: string;
  cancel?: boolean | undefined;
}

export type RegistryUpdateGarbageCollectionAnswer = {
  garbage_collection: GarbageCollection;
};

export interface RegistriesListParameters {
  uuid?: string | undefined;
}

export type RegistriesListAnswer = {
  registries: SubscribedRegistry[];
  total_storage_usage_bytes: number;
  registry?: SubscribedRegistry | undefined;
};

export interface RegistriesCreateParameters {
  name: string;
  subscription_tier_slug?: "starter" | "basic" | "professional" | undefined;
  region?: "nyc3" | "sfo3" | "ams3" | "sgp1" | "fra1" | "sfo2" | "blr1" | "syd1" | undefined;
}

export type RegistriesCreateAnswer = {
  registry: Registry;
};

export interface RegistriesGetParameters {
  registry_name: string;
}

export type RegistriesGetAnswer = {
  registry: Registry;
};

export interface RegistriesDeleteParameters {
  registry_name: string;
}

export interface RegistriesValidateNameParameters {
  name: string;
}

export type RegistriesGetSubscriptionAnswer = {
  subscription: Subscription;
};

export interface RegistriesUpdateSubscriptionParameters {
  tier_slug: "starter" | "basic" | "professional";
}

export type RegistriesUpdateSubscriptionAnswer = {
  subscription: Subscription;
};

export type RegistriesGetOptionsAnswer = {
  options: {
    available_regions: string[];
    subscription_tiers: OfferedTier[];
  };
};

export interface RegistriesGetDockerCredentialsParameters {
  registry_name: string;
  /** For how many seconds it lives; 0: until it is revoked. */
  expiry_seconds?: number | undefined;
  /** Whether it may push and delete; that takes registry:update too. */
  read_write?: boolean | undefined;
}

export type RegistriesGetDockerCredentialsAnswer = DockerCredentials;

export interface RegistriesListRepositoriesV2Parameters {
  registry_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
  page_token?: string | undefined;
}

export type RegistriesListRepositoriesV2Answer = {
  repositories: Repository[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistriesDeleteRepositoryParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
}

export interface RegistriesListRepositoryTagsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistriesListRepositoryTagsAnswer = {
  tags: Tag[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistriesDeleteRepositoryTagParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  repository_tag: string;
}

export interface RegistriesListRepositoryManifestsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistriesListRepositoryManifestsAnswer = {
  manifests: Manifest[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistriesDeleteRepositoryManifestParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  manifest_digest: string;
}

export interface RegistriesRunGarbageCollectionParameters {
  registry_name: string;
  type?: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs" | undefined;
  writes?: "pause" | "continue" | undefined;
}

export type RegistriesRunGarbageCollectionAnswer = {
  garbage_collection: GarbageCollection;
};

export interface RegistriesGetGarbageCollectionParameters {
  registry_name: string;
}

export type RegistriesGetGarbageCollectionAnswer = {
  garbage_collection: GarbageCollection;
};

export interface RegistriesListGarbageCollectionsParameters {
  registry_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type RegistriesListGarbageCollectionsAnswer = {
  garbage_collections: GarbageCollection[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface RegistriesUpdateGarbageCollectionParameters {
  registry_name: string;
  garbage_collection_uuid: string;
  cancel?: boolean | undefined;
}

export type RegistriesUpdateGarbageCollectionAnswer = {
  garbage_collection: GarbageCollection;
};

export type AccountGetAnswer = {
  account: Account;
};

export type OauthGetTokenInfoAnswer = TokenInfo;

export interface OauthRevokeParameters {
  token?: string | undefined;
}

export type OauthRevokeAnswer = {};

export interface BoxyardGetRegistrySettingsParameters {
  registry_name: string;
}

export type BoxyardGetRegistrySettingsAnswer = {
  settings: RegistrySettings;
};

export interface BoxyardUpdateRegistrySettingsParameters {
  registry_name: string;
  public?: boolean | null | undefined;
  garbage_collection?: {
    writes?: "pause" | "continue" | null | undefined;
    schedule?: {
      /** A cron expression of five fields, in UTC. */
      cron: string;
      type?: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs" | undefined;
    } | null | undefined;
  } | undefined;
}

export type BoxyardUpdateRegistrySettingsAnswer = {
  settings: RegistrySettings;
};

export interface BoxyardGetRepositorySettingsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
}

export type BoxyardGetRepositorySettingsAnswer = {
  settings: RepositorySettings;
};

export interface BoxyardUpdateRepositorySettingsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  /** Text of up to 10000 bytes. */
  description?: string | null | undefined;
  public?: boolean | null | undefined;
  sparse?: boolean | null | undefined;
}

export type BoxyardUpdateRepositorySettingsAnswer = {
  settings: RepositorySettings;
};

export interface BoxyardPreviewGarbageCollectionParameters {
  registry_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
  type?: "untagged manifests only" | "unreferenced blobs only" | "untagged manifests and unreferenced blobs" | undefined;
}

export type BoxyardPreviewGarbageCollectionAnswer = {
  preview: GarbageCollectionPreview;
  links: Links;
  meta: {
    total: number;
  };
};

export type BoxyardCreateSigningKeyAnswer = {
  signing_key: SigningKey;
};

export interface BoxyardListAccountsParameters {
  page?: number | undefined;
  per_page?: number | undefined;
}

export type BoxyardListAccountsAnswer = {
  accounts: ListedAccount[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardCreateAccountParameters {
  name: string;
}

export type BoxyardCreateAccountAnswer = {
  account: ListedAccount;
};

export interface BoxyardListTokensParameters {
  page?: number | undefined;
  per_page?: number | undefined;
}

export type BoxyardListTokensAnswer = {
  tokens: Token[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardCreateTokenParameters {
  name: string;
  scopes: ("account:read" | "registry:create" | "registry:delete" | "registry:read" | "registry:update" | "read" | "write")[];
  /** For how many seconds it lives; 0: until it is revoked. */
  expiry_seconds?: number | undefined;
}

export type BoxyardCreateTokenAnswer = {
  token: NewToken;
};

export interface BoxyardRevokeTokenParameters {
  token_id: string;
}

export interface BoxyardListAccountTokensParameters {
  account_name: string;
  page?: number | undefined;
  per_page?: number | undefined;
}

export type BoxyardListAccountTokensAnswer = {
  tokens: Token[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardCreateAccountTokenParameters {
  account_name: string;
  name: string;
  scopes: ("account:read" | "registry:create" | "registry:delete" | "registry:read" | "registry:update" | "read" | "write")[];
  /** For how many seconds it lives; 0: until it is revoked. */
  expiry_seconds?: number | undefined;
}

export type BoxyardCreateAccountTokenAnswer = {
  token: NewToken;
};

export interface BoxyardCreateSessionParameters {
  /** An API token. */
  token?: string | undefined;
  /** What follows the # of a setup link. */
  setup_code?: string | undefined;
}

export type BoxyardCreateSessionAnswer = {
  session: Session;
};

export type BoxyardGetSessionAnswer = {
  session: Session;
};

export type BoxyardCreateSetupLinkAnswer = {
  setup_link: SetupLink;
};

export interface BoxyardGetOverviewParameters {
  registry_name: string;
}

export type BoxyardGetOverviewAnswer = {
  overview: Overview;
};

export interface BoxyardSearchParameters {
  /** A text to look for. */
  q: string;
}

export type BoxyardSearchAnswer = {
  results: SearchResult[];
};

export type BoxyardGetAboutAnswer = {
  about: About;
};

export interface BoxyardListRepositoriesParameters {
  registry_name: string;
  per_page?: number | undefined;
  /** As the list before has it in its link. */
  page_token?: string | undefined;
  /** A text to look for. */
  q?: string | undefined;
  sort?: "name" | "updated" | "pulled" | "pulls" | "size" | "tags" | undefined;
  order?: "asc" | "desc" | undefined;
}

export type BoxyardListRepositoriesAnswer = {
  repositories: RepositoryRow[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardGetRepositoryParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
}

export type BoxyardGetRepositoryAnswer = {
  repository: RepositoryDetails;
};

export interface BoxyardListTagsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  per_page?: number | undefined;
  /** As the list before has it in its link. */
  page_token?: string | undefined;
  /** A text to look for. */
  q?: string | undefined;
  /** `name` puts 1.10 after 1.9. */
  sort?: "name" | "pushed" | "pulled" | "size" | undefined;
  order?: "asc" | "desc" | undefined;
}

export type BoxyardListTagsAnswer = {
  tags: TagRow[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardListManifestsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  per_page?: number | undefined;
  /** As the list before has it in its link. */
  page_token?: string | undefined;
  filter?: "all" | "tagged" | "untagged" | "referrers" | undefined;
  /** A text to look for. */
  q?: string | undefined;
}

export type BoxyardListManifestsAnswer = {
  manifests: ManifestRow[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardGetManifestParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  manifest_digest: string;
}

export type BoxyardGetManifestAnswer = {
  manifest: ManifestDetails;
};

export interface BoxyardGetManifestContentParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  manifest_digest: string;
}

export type BoxyardGetManifestContentAnswer = Record<string, unknown>;

export interface BoxyardGetManifestConfigParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  manifest_digest: string;
}

export type BoxyardGetManifestConfigAnswer = Record<string, unknown>;

export interface BoxyardListReferrersParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  manifest_digest: string;
}

export type BoxyardListReferrersAnswer = {
  referrers: ReferrerRow[];
};

export interface BoxyardListEventsParameters {
  registry_name: string;
  per_page?: number | undefined;
  /** As the list before has it in its link. */
  page_token?: string | undefined;
  repository?: string | undefined;
  kind?: "push" | "tag_move" | "tag_delete" | "tag_restore" | "manifest_delete" | "repository_delete" | "registry_create" | "registry_delete" | "settings_change" | "token_create" | "token_revoke" | "garbage_collection_start" | "garbage_collection_end" | undefined;
}

export type BoxyardListEventsAnswer = {
  events: Event[];
  links: Links;
  meta: {
    total: number;
  };
};

export interface BoxyardPreviewTagDeletionParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  tags?: string[] | undefined;
  matching?: {
    /** Where it is empty, all tags. */
    q: string;
  } | undefined;
  except?: string[] | undefined;
}

export type BoxyardPreviewTagDeletionAnswer = {
  preview: TagDeletionPreview;
};

export interface BoxyardDeleteTagsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  tags?: string[] | undefined;
  matching?: {
    /** Where it is empty, all tags. */
    q: string;
  } | undefined;
  except?: string[] | undefined;
}

export type BoxyardDeleteTagsAnswer = {
  tag_deletion: TagDeletion;
};

export interface BoxyardUndoTagDeletionParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  tag_deletion_id: string;
}

export type BoxyardUndoTagDeletionAnswer = {
  tag_deletion: UndoneTagDeletion;
};

export interface BoxyardDeleteManifestsParameters {
  registry_name: string;
  /** A slash in it is written `%2F`. */
  repository_name: string;
  digests: string[];
}

export type BoxyardDeleteManifestsAnswer = {
  manifest_deletion: ManifestDeletion;
};

export interface Operations {
  /** An account's only registry, and those that are named. */
  readonly registry: {
    /** Get the account's only registry. */
    readonly get: (options?: CallOptions) => Promise<RegistryGetAnswer>;
    /** Create the account's first registry, and its subscription. */
    readonly create: (parameters: RegistryCreateParameters, options?: CallOptions) => Promise<RegistryCreateAnswer>;
    /** Delete the account's only registry, and all that is in it. */
    readonly delete: (options?: CallOptions) => Promise<void>;
    /** Say whether a registry of that name could be created. */
    readonly validateName: (parameters: RegistryValidateNameParameters, options?: CallOptions) => Promise<void>;
    /** Get the account's subscription. */
    readonly getSubscription: (options?: CallOptions) => Promise<RegistryGetSubscriptionAnswer>;
    /** Move the account to another tier. */
    readonly updateSubscription: (parameters: RegistryUpdateSubscriptionParameters, options?: CallOptions) => Promise<RegistryUpdateSubscriptionAnswer>;
    /** List regions and tiers, and whether the account may move to each. */
    readonly getOptions: (options?: CallOptions) => Promise<RegistryGetOptionsAnswer>;
    /** Make a credential for the account's oldest registry. */
    readonly getDockerCredentials: (parameters?: RegistryGetDockerCredentialsParameters, options?: CallOptions) => Promise<RegistryGetDockerCredentialsAnswer>;
    /** List a registry's repositories that have tags, by name. */
    readonly listRepositories: (parameters: RegistryListRepositoriesParameters, options?: CallOptions) => Promise<RegistryListRepositoriesAnswer>;
    /** List a registry's repositories, by name. */
    readonly listRepositoriesV2: (parameters: RegistryListRepositoriesV2Parameters, options?: CallOptions) => Promise<RegistryListRepositoriesV2Answer>;
    /** List a repository's tags, newest first. */
    readonly listRepositoryTags: (parameters: RegistryListRepositoryTagsParameters, options?: CallOptions) => Promise<RegistryListRepositoryTagsAnswer>;
    /** Delete a tag; its manifest stays. */
    readonly deleteRepositoryTag: (parameters: RegistryDeleteRepositoryTagParameters, options?: CallOptions) => Promise<void>;
    /** List a repository's manifests, newest first. */
    readonly listRepositoryManifests: (parameters: RegistryListRepositoryManifestsParameters, options?: CallOptions) => Promise<RegistryListRepositoryManifestsAnswer>;
    /** Delete a manifest, and every tag on it. */
    readonly deleteRepositoryManifest: (parameters: RegistryDeleteRepositoryManifestParameters, options?: CallOptions) => Promise<void>;
    /** Start garbage collection. */
    readonly runGarbageCollection: (parameters: RegistryRunGarbageCollectionParameters, options?: CallOptions) => Promise<RegistryRunGarbageCollectionAnswer>;
    /** Get the garbage collection that is active. */
    readonly getGarbageCollection: (parameters: RegistryGetGarbageCollectionParameters, options?: CallOptions) => Promise<RegistryGetGarbageCollectionAnswer>;
    /** List a registry's garbage collections, newest first. */
    readonly listGarbageCollections: (parameters: RegistryListGarbageCollectionsParameters, options?: CallOptions) => Promise<RegistryListGarbageCollectionsAnswer>;
    /** Cancel the garbage collection that is active. */
    readonly updateGarbageCollection: (parameters: RegistryUpdateGarbageCollectionParameters, options?: CallOptions) => Promise<RegistryUpdateGarbageCollectionAnswer>;
  };
  /** An account's registries. */
  readonly registries: {
    /** List the account's registries, oldest first. */
    readonly list: (parameters?: RegistriesListParameters, options?: CallOptions) => Promise<RegistriesListAnswer>;
    /** Create a registry. */
    readonly create: (parameters: RegistriesCreateParameters, options?: CallOptions) => Promise<RegistriesCreateAnswer>;
    /** Get a registry by its name, or by its UUID. */
    readonly get: (parameters: RegistriesGetParameters, options?: CallOptions) => Promise<RegistriesGetAnswer>;
    /** Delete a registry, and all that is in it. */
    readonly delete: (parameters: RegistriesDeleteParameters, options?: CallOptions) => Promise<void>;
    /** Say whether a registry of that name could be created. */
    readonly validateName: (parameters: RegistriesValidateNameParameters, options?: CallOptions) => Promise<void>;
    /** Get the account's subscription. */
    readonly getSubscription: (options?: CallOptions) => Promise<RegistriesGetSubscriptionAnswer>;
    /** Move the account to another tier. */
    readonly updateSubscription: (parameters: RegistriesUpdateSubscriptionParameters, options?: CallOptions) => Promise<RegistriesUpdateSubscriptionAnswer>;
    /** List regions and tiers, and whether the account may move to each. */
    readonly getOptions: (options?: CallOptions) => Promise<RegistriesGetOptionsAnswer>;
    /** Make a credential for a registry. */
    readonly getDockerCredentials: (parameters: RegistriesGetDockerCredentialsParameters, options?: CallOptions) => Promise<RegistriesGetDockerCredentialsAnswer>;
    /** List a registry's repositories, by name. */
    readonly listRepositoriesV2: (parameters: RegistriesListRepositoriesV2Parameters, options?: CallOptions) => Promise<RegistriesListRepositoriesV2Answer>;
    /** Delete a repository, and all that is in it. */
    readonly deleteRepository: (parameters: RegistriesDeleteRepositoryParameters, options?: CallOptions) => Promise<void>;
    /** List a repository's tags, newest first. */
    readonly listRepositoryTags: (parameters: RegistriesListRepositoryTagsParameters, options?: CallOptions) => Promise<RegistriesListRepositoryTagsAnswer>;
    /** Delete a tag; its manifest stays. */
    readonly deleteRepositoryTag: (parameters: RegistriesDeleteRepositoryTagParameters, options?: CallOptions) => Promise<void>;
    /** List a repository's manifests, newest first. */
    readonly listRepositoryManifests: (parameters: RegistriesListRepositoryManifestsParameters, options?: CallOptions) => Promise<RegistriesListRepositoryManifestsAnswer>;
    /** Delete a manifest, and every tag on it. */
    readonly deleteRepositoryManifest: (parameters: RegistriesDeleteRepositoryManifestParameters, options?: CallOptions) => Promise<void>;
    /** Start garbage collection. */
    readonly runGarbageCollection: (parameters: RegistriesRunGarbageCollectionParameters, options?: CallOptions) => Promise<RegistriesRunGarbageCollectionAnswer>;
    /** Get the garbage collection that is active. */
    readonly getGarbageCollection: (parameters: RegistriesGetGarbageCollectionParameters, options?: CallOptions) => Promise<RegistriesGetGarbageCollectionAnswer>;
    /** List a registry's garbage collections, newest first. */
    readonly listGarbageCollections: (parameters: RegistriesListGarbageCollectionsParameters, options?: CallOptions) => Promise<RegistriesListGarbageCollectionsAnswer>;
    /** Cancel the garbage collection that is active. */
    readonly updateGarbageCollection: (parameters: RegistriesUpdateGarbageCollectionParameters, options?: CallOptions) => Promise<RegistriesUpdateGarbageCollectionAnswer>;
  };
  /** The account. */
  readonly account: {
    /** Get the account that the token is of. */
    readonly get: (options?: CallOptions) => Promise<AccountGetAnswer>;
  };
  /** What clients ask when they log in and out. */
  readonly oauth: {
    /** Say what the token is that the request is made with. */
    readonly getTokenInfo: (options?: CallOptions) => Promise<OauthGetTokenInfoAnswer>;
    /** End the token, or the refresh token, that the body's field of that name holds. */
    readonly revoke: (parameters?: OauthRevokeParameters, options?: CallOptions) => Promise<OauthRevokeAnswer>;
  };
  /** What DigitalOcean's API has no words for. */
  readonly boxyard: {
    /** Get a registry's settings. */
    readonly getRegistrySettings: (parameters: BoxyardGetRegistrySettingsParameters, options?: CallOptions) => Promise<BoxyardGetRegistrySettingsAnswer>;
    /** Change those of a registry's settings that are named; null puts one back. */
    readonly updateRegistrySettings: (parameters: BoxyardUpdateRegistrySettingsParameters, options?: CallOptions) => Promise<BoxyardUpdateRegistrySettingsAnswer>;
    /** Get a repository's settings. */
    readonly getRepositorySettings: (parameters: BoxyardGetRepositorySettingsParameters, options?: CallOptions) => Promise<BoxyardGetRepositorySettingsAnswer>;
    /** Change those of a repository's settings that are named; null puts one back. */
    readonly updateRepositorySettings: (parameters: BoxyardUpdateRepositorySettingsParameters, options?: CallOptions) => Promise<BoxyardUpdateRepositorySettingsAnswer>;
    /** Say what a garbage collection would delete and free now, without running it. */
    readonly previewGarbageCollection: (parameters: BoxyardPreviewGarbageCollectionParameters, options?: CallOptions) => Promise<BoxyardPreviewGarbageCollectionAnswer>;
    /** Sign JWTs with a new key from now on; for the owner's token alone. */
    readonly createSigningKey: (options?: CallOptions) => Promise<BoxyardCreateSigningKeyAnswer>;
    /** List the accounts of the installation, by name; for the owner's token alone. */
    readonly listAccounts: (parameters?: BoxyardListAccountsParameters, options?: CallOptions) => Promise<BoxyardListAccountsAnswer>;
    /** Make an account; for the owner's token alone. */
    readonly createAccount: (parameters: BoxyardCreateAccountParameters, options?: CallOptions) => Promise<BoxyardCreateAccountAnswer>;
    /** List the account's tokens, newest first. */
    readonly listTokens: (parameters?: BoxyardListTokensParameters, options?: CallOptions) => Promise<BoxyardListTokensAnswer>;
    /** Make a token. */
    readonly createToken: (parameters: BoxyardCreateTokenParameters, options?: CallOptions) => Promise<BoxyardCreateTokenAnswer>;
    /** Revoke a token. */
    readonly revokeToken: (parameters: BoxyardRevokeTokenParameters, options?: CallOptions) => Promise<void>;
    /** List an account's tokens, newest first; for the owner's token alone. */
    readonly listAccountTokens: (parameters: BoxyardListAccountTokensParameters, options?: CallOptions) => Promise<BoxyardListAccountTokensAnswer>;
    /** Make a token of an account; for the owner's token alone. */
    readonly createAccountToken: (parameters: BoxyardCreateAccountTokenParameters, options?: CallOptions) => Promise<BoxyardCreateAccountTokenAnswer>;
    /** Sign in to the panel: a cookie that stands for a token. */
    readonly createSession: (parameters?: BoxyardCreateSessionParameters, options?: CallOptions) => Promise<BoxyardCreateSessionAnswer>;
    /** Get the session that the cookie is of. */
    readonly getSession: (options?: CallOptions) => Promise<BoxyardGetSessionAnswer>;
    /** Sign out: the session ends. */
    readonly deleteSession: (options?: CallOptions) => Promise<void>;
    /** Make a link that opens the panel for the owner, once; for the owner's token alone. */
    readonly createSetupLink: (options?: CallOptions) => Promise<BoxyardCreateSetupLinkAnswer>;
    /** Get a registry at a glance: storage, counts, the largest repositories, the latest events. */
    readonly getOverview: (parameters: BoxyardGetOverviewParameters, options?: CallOptions) => Promise<BoxyardGetOverviewAnswer>;
    /** Find registries and repositories by a part of their name, tags and manifests by how they begin. */
    readonly search: (parameters: BoxyardSearchParameters, options?: CallOptions) => Promise<BoxyardSearchAnswer>;
    /** Say what this server is. */
    readonly getAbout: (options?: CallOptions) => Promise<BoxyardGetAboutAnswer>;
    /** List a registry's repositories in any order. */
    readonly listRepositories: (parameters: BoxyardListRepositoriesParameters, options?: CallOptions) => Promise<BoxyardListRepositoriesAnswer>;
    /** Get a repository, with its sizes. */
    readonly getRepository: (parameters: BoxyardGetRepositoryParameters, options?: CallOptions) => Promise<BoxyardGetRepositoryAnswer>;
    /** List a repository's tags in any order, with their platforms and what vouches for them. */
    readonly listTags: (parameters: BoxyardListTagsParameters, options?: CallOptions) => Promise<BoxyardListTagsAnswer>;
    /** List a repository's manifests, newest first, with what holds each. */
    readonly listManifests: (parameters: BoxyardListManifestsParameters, options?: CallOptions) => Promise<BoxyardListManifestsAnswer>;
    /** Get a manifest: what it is made of, what it shares, its config and its history. */
    readonly getManifest: (parameters: BoxyardGetManifestParameters, options?: CallOptions) => Promise<BoxyardGetManifestAnswer>;
    /** Get a manifest byte for byte. */
    readonly getManifestContent: (parameters: BoxyardGetManifestContentParameters, options?: CallOptions) => Promise<BoxyardGetManifestContentAnswer>;
    /** Get the config that a manifest names, byte for byte. */
    readonly getManifestConfig: (parameters: BoxyardGetManifestConfigParameters, options?: CallOptions) => Promise<BoxyardGetManifestConfigAnswer>;
    /** List what refers to a manifest, as a tree: signatures, SBOMs, attestations and whatever else. */
    readonly listReferrers: (parameters: BoxyardListReferrersParameters, options?: CallOptions) => Promise<BoxyardListReferrersAnswer>;
    /** List what happened in a registry in the last 90 days, newest first. */
    readonly listEvents: (parameters: BoxyardListEventsParameters, options?: CallOptions) => Promise<BoxyardListEventsAnswer>;
    /** Say what deleting tags would leave, and free, without doing it. */
    readonly previewTagDeletion: (parameters: BoxyardPreviewTagDeletionParameters, options?: CallOptions) => Promise<BoxyardPreviewTagDeletionAnswer>;
    /** Delete tags, and have ten seconds to undo it; their manifests stay. */
    readonly deleteTags: (parameters: BoxyardDeleteTagsParameters, options?: CallOptions) => Promise<BoxyardDeleteTagsAnswer>;
    /** Put deleted tags back, but for those that somebody has pushed since. */
    readonly undoTagDeletion: (parameters: BoxyardUndoTagDeletionParameters, options?: CallOptions) => Promise<BoxyardUndoTagDeletionAnswer>;
    /** Delete manifests, and every tag on them; it cannot be undone. */
    readonly deleteManifests: (parameters: BoxyardDeleteManifestsParameters, options?: CallOptions) => Promise<BoxyardDeleteManifestsAnswer>;
  };
}

export function operationsWith(call: Call): Operations {
  return {
    registry: {
      get: (options) => call("GET", "/v2/registry", {}, options),
      create: (parameters, options) => call("POST", "/v2/registry", parameters, options, "json"),
      delete: (options) => call("DELETE", "/v2/registry", {}, options),
      validateName: (parameters, options) => call("POST", "/v2/registry/validate-name", parameters, options, "json"),
      getSubscription: (options) => call("GET", "/v2/registry/subscription", {}, options),
      updateSubscription: (parameters, options) => call("POST", "/v2/registry/subscription", parameters, options, "json"),
      getOptions: (options) => call("GET", "/v2/registry/options", {}, options),
      getDockerCredentials: (parameters = {}, options) => call("GET", "/v2/registry/docker-credentials{?expiry_seconds,read_write}", parameters, options),
      listRepositories: (parameters, options) => call("GET", "/v2/registry/{registry_name}/repositories{?page,per_page}", parameters, options),
      listRepositoriesV2: (parameters, options) => call("GET", "/v2/registry/{registry_name}/repositoriesV2{?page,per_page,page_token}", parameters, options),
      listRepositoryTags: (parameters, options) => call("GET", "/v2/registry/{registry_name}/repositories/{repository_name}/tags{?page,per_page}", parameters, options),
      deleteRepositoryTag: (parameters, options) => call("DELETE", "/v2/registry/{registry_name}/repositories/{repository_name}/tags/{repository_tag}", parameters, options),
      listRepositoryManifests: (parameters, options) => call("GET", "/v2/registry/{registry_name}/repositories/{repository_name}/digests{?page,per_page}", parameters, options),
      deleteRepositoryManifest: (parameters, options) => call("DELETE", "/v2/registry/{registry_name}/repositories/{repository_name}/digests/{manifest_digest}", parameters, options),
      runGarbageCollection: (parameters, options) => call("POST", "/v2/registry/{registry_name}/garbage-collection", parameters, options, "json"),
      getGarbageCollection: (parameters, options) => call("GET", "/v2/registry/{registry_name}/garbage-collection", parameters, options),
      listGarbageCollections: (parameters, options) => call("GET", "/v2/registry/{registry_name}/garbage-collections{?page,per_page}", parameters, options),
      updateGarbageCollection: (parameters, options) => call("PUT", "/v2/registry/{registry_name}/garbage-collection/{garbage_collection_uuid}", parameters, options, "json"),
    },
    registries: {
      list: (parameters = {}, options) => call("GET", "/v2/registries{?uuid}", parameters, options),
      create: (parameters, options) => call("POST", "/v2/registries", parameters, options, "json"),
      get: (parameters, options) => call("GET", "/v2/registries/{registry_name}", parameters, options),
      delete: (parameters, options) => call("DELETE", "/v2/registries/{registry_name}", parameters, options),
      validateName: (parameters, options) => call("POST", "/v2/registries/validate-name", parameters, options, "json"),
      getSubscription: (options) => call("GET", "/v2/registries/subscription", {}, options),
      updateSubscription: (parameters, options) => call("POST", "/v2/registries/subscription", parameters, options, "json"),
      getOptions: (options) => call("GET", "/v2/registries/options", {}, options),
      getDockerCredentials: (parameters, options) => call("GET", "/v2/registries/{registry_name}/docker-credentials{?expiry_seconds,read_write}", parameters, options),
      listRepositoriesV2: (parameters, options) => call("GET", "/v2/registries/{registry_name}/repositoriesV2{?page,per_page,page_token}", parameters, options),
      deleteRepository: (parameters, options) => call("DELETE", "/v2/registries/{registry_name}/repositories/{repository_name}", parameters, options),
      listRepositoryTags: (parameters, options) => call("GET", "/v2/registries/{registry_name}/repositories/{repository_name}/tags{?page,per_page}", parameters, options),
      deleteRepositoryTag: (parameters, options) => call("DELETE", "/v2/registries/{registry_name}/repositories/{repository_name}/tags/{repository_tag}", parameters, options),
      listRepositoryManifests: (parameters, options) => call("GET", "/v2/registries/{registry_name}/repositories/{repository_name}/digests{?page,per_page}", parameters, options),
      deleteRepositoryManifest: (parameters, options) => call("DELETE", "/v2/registries/{registry_name}/repositories/{repository_name}/digests/{manifest_digest}", parameters, options),
      runGarbageCollection: (parameters, options) => call("POST", "/v2/registries/{registry_name}/garbage-collection", parameters, options, "json"),
      getGarbageCollection: (parameters, options) => call("GET", "/v2/registries/{registry_name}/garbage-collection", parameters, options),
      listGarbageCollections: (parameters, options) => call("GET", "/v2/registries/{registry_name}/garbage-collections{?page,per_page}", parameters, options),
      updateGarbageCollection: (parameters, options) => call("PUT", "/v2/registries/{registry_name}/garbage-collection/{garbage_collection_uuid}", parameters, options, "json"),
    },
    account: {
      get: (options) => call("GET", "/v2/account", {}, options),
    },
    oauth: {
      getTokenInfo: (options) => call("GET", "/v1/oauth/token/info", {}, options),
      revoke: (parameters = {}, options) => call("POST", "/v1/oauth/revoke", parameters, options, "form"),
    },
    boxyard: {
      getRegistrySettings: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/settings", parameters, options),
      updateRegistrySettings: (parameters, options) => call("PATCH", "/api/v1/registries/{registry_name}/settings", parameters, options, "json"),
      getRepositorySettings: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/settings", parameters, options),
      updateRepositorySettings: (parameters, options) => call("PATCH", "/api/v1/registries/{registry_name}/repositories/{repository_name}/settings", parameters, options, "json"),
      previewGarbageCollection: (parameters, options) => call("POST", "/api/v1/registries/{registry_name}/garbage-collection-preview{?page,per_page}", parameters, options, "json"),
      createSigningKey: (options) => call("POST", "/api/v1/signing-keys", {}, options),
      listAccounts: (parameters = {}, options) => call("GET", "/api/v1/accounts{?page,per_page}", parameters, options),
      createAccount: (parameters, options) => call("POST", "/api/v1/accounts", parameters, options, "json"),
      listTokens: (parameters = {}, options) => call("GET", "/api/v1/tokens{?page,per_page}", parameters, options),
      createToken: (parameters, options) => call("POST", "/api/v1/tokens", parameters, options, "json"),
      revokeToken: (parameters, options) => call("DELETE", "/api/v1/tokens/{token_id}", parameters, options),
      listAccountTokens: (parameters, options) => call("GET", "/api/v1/accounts/{account_name}/tokens{?page,per_page}", parameters, options),
      createAccountToken: (parameters, options) => call("POST", "/api/v1/accounts/{account_name}/tokens", parameters, options, "json"),
      createSession: (parameters = {}, options) => call("POST", "/api/v1/session", parameters, options, "json"),
      getSession: (options) => call("GET", "/api/v1/session", {}, options),
      deleteSession: (options) => call("DELETE", "/api/v1/session", {}, options),
      createSetupLink: (options) => call("POST", "/api/v1/setup-links", {}, options),
      getOverview: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/overview", parameters, options),
      search: (parameters, options) => call("GET", "/api/v1/search{?q}", parameters, options),
      getAbout: (options) => call("GET", "/api/v1/about", {}, options),
      listRepositories: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories{?per_page,page_token,q,sort,order}", parameters, options),
      getRepository: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}", parameters, options),
      listTags: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/tags{?per_page,page_token,q,sort,order}", parameters, options),
      listManifests: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/manifests{?per_page,page_token,filter,q}", parameters, options),
      getManifest: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/manifests/{manifest_digest}", parameters, options),
      getManifestContent: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/manifests/{manifest_digest}/raw", parameters, options),
      getManifestConfig: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/manifests/{manifest_digest}/config", parameters, options),
      listReferrers: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/repositories/{repository_name}/manifests/{manifest_digest}/referrers", parameters, options),
      listEvents: (parameters, options) => call("GET", "/api/v1/registries/{registry_name}/events{?per_page,page_token,repository,kind}", parameters, options),
      previewTagDeletion: (parameters, options) => call("POST", "/api/v1/registries/{registry_name}/repositories/{repository_name}/tag-deletion-preview", parameters, options, "json"),
      deleteTags: (parameters, options) => call("POST", "/api/v1/registries/{registry_name}/repositories/{repository_name}/tag-deletions", parameters, options, "json"),
      undoTagDeletion: (parameters, options) => call("POST", "/api/v1/registries/{registry_name}/repositories/{repository_name}/tag-deletions/{tag_deletion_id}/undo", parameters, options),
      deleteManifests: (parameters, options) => call("POST", "/api/v1/registries/{registry_name}/repositories/{repository_name}/manifest-deletions", parameters, options, "json"),
    },
  };
}
