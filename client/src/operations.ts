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
    },
  };
}
