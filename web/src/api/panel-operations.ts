import type { GarbageCollection } from "@boxyard/client";
import { type CallOptions, type ClientOptions, callWith } from "../../../client/src/call.ts";

export type Kind = "image" | "index" | "helm" | "artifact";

export interface Platform {
  os: string;
  architecture: string;
  variant?: string | undefined;
  digest: string;
  size_bytes: number;
}

export interface RegistryEvent {
  id: string;
  kind: string;
  created_at: string;
  actor: string | null;
  repository: string | null;
  tag: string | null;
  digest: string | null;
  details: Record<string, unknown>;
}

export interface Overview {
  storage: {
    used_bytes: number;
    quota_bytes: number | null;
    tagged_bytes: number;
    untagged_bytes: number;
    reclaimable_bytes: number;
  };
  counts: { repositories: number; tags: number; manifests: number };
  pulls_today: number;
  pushes_today: number;
  largest_repositories: { name: string; unique_bytes: number; size_bytes: number }[];
  recent_events: RegistryEvent[];
  garbage_collection: GarbageCollection | null;
  health: { database: string; storage: string; version: string };
}

export interface RepositoryRow {
  name: string;
  tag_count: number;
  manifest_count: number;
  size_bytes: number;
  unique_bytes: number;
  last_pushed_at: string;
  last_pulled_at: string | null;
  pull_count: number;
  public: boolean;
  description: string | null;
}

export interface RepositoryDetails extends RepositoryRow {
  newest_tag: string | null;
  reclaimable_bytes: number;
  shared_bytes: number;
}

export interface TagRow {
  name: string;
  digest: string;
  media_type: string;
  artifact_type: string | null;
  kind: Kind;
  platforms: Platform[];
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
  kind: Kind;
  tags: string[];
  tag_count: number;
  parents: number;
  subject: string | null;
  size_bytes: number;
  platform: { os: string; architecture: string; variant?: string | undefined } | null;
  pushed_at: string;
  held_by: "tag" | "parent" | "subject" | "lease" | null;
}

export interface Layer {
  digest: string;
  media_type: string;
  size_bytes: number;
  shared_with_images: number;
  command: string | null;
}

export interface ImageConfig {
  digest: string;
  created: string | null;
  author: string | null;
  os: string | null;
  architecture: string | null;
  entrypoint: string[] | null;
  cmd: string[] | null;
  env: string[] | null;
  user: string | null;
  working_dir: string | null;
  exposed_ports: string[] | null;
  labels: Record<string, string> | null;
  volumes: string[] | null;
}

export interface HistoryStep {
  created: string | null;
  created_by: string | null;
  comment: string | null;
  empty_layer: boolean;
  layer_digest: string | null;
  size_bytes: number | null;
}

export interface ManifestDetails extends Omit<ManifestRow, "parents"> {
  annotations: Record<string, string>;
  platforms: Platform[];
  layers: Layer[];
  unique_bytes: number;
  shared_bytes: number;
  config: ImageConfig | null;
  history: HistoryStep[];
  children: ManifestRow[];
  parents: string[];
}

export interface Referrer {
  digest: string;
  artifact_type: string | null;
  kind: "signature" | "sbom" | "attestation" | "vulnerabilities" | "artifact";
  tool: string | null;
  annotations: Record<string, string>;
  size_bytes: number;
  pushed_at: string;
  children: Referrer[];
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
  database: string;
  storage: string;
  tls: boolean;
  limits: "documented" | "none";
  public_url: string | null;
}

export type TagSelection = { tags: string[] } | { matching: { q: string }; except: string[] };

export interface TagDeletionPreview {
  tags: number;
  tag_names: string[];
  manifests_left_untagged: { digest: string; tags: string[] }[];
  manifests_still_tagged: { digest: string; tags_that_stay: string[] }[];
  freed_bytes_by_next_collection: number;
}

interface InRegistry {
  registry_name: string;
}
interface InRepository extends InRegistry {
  repository_name: string;
}
interface Listing {
  per_page?: number | undefined;
  page_token?: string | undefined;
}
interface Sorted {
  q?: string | undefined;
  sort?: string | undefined;
  order?: "asc" | "desc" | undefined;
}
interface Listed {
  meta: { total: number };
  links: { pages?: { next?: string | undefined } | undefined };
}

export function panelOperations(options: ClientOptions) {
  const call = callWith(options);
  const get =
    <P extends object, A>(path: string) =>
    (parameters: P, callOptions?: CallOptions) =>
      call<A>("GET", path, parameters, callOptions);
  const send =
    <P extends object, A>(method: string, path: string) =>
    (parameters: P, callOptions?: CallOptions) =>
      call<A>(method, path, parameters, callOptions, "json");
  const registry = "/api/v1/registries/{registry_name}";
  const repository = `${registry}/repositories/{repository_name}`;
  return {
    getAbout: get<object, { about: About }>("/api/v1/about"),
    search: get<{ q: string }, { results: SearchResult[] }>("/api/v1/search{?q}"),
    getOverview: get<InRegistry, { overview: Overview }>(`${registry}/overview`),
    listEvents: get<
      InRegistry & Listing & { repository?: string | undefined; kind?: string | undefined },
      Listed & { events: RegistryEvent[] }
    >(`${registry}/events{?repository,kind,per_page,page_token}`),
    listRepositories: get<InRegistry & Listing & Sorted, Listed & { repositories: RepositoryRow[] }>(
      `${registry}/repositories{?q,sort,order,per_page,page_token}`,
    ),
    getRepository: get<InRepository, { repository: RepositoryDetails }>(repository),
    listTags: get<InRepository & Listing & Sorted, Listed & { tags: TagRow[] }>(
      `${repository}/tags{?q,sort,order,per_page,page_token}`,
    ),
    listManifests: get<
      InRepository & Listing & { filter?: string | undefined; q?: string | undefined },
      Listed & { manifests: ManifestRow[] }
    >(`${repository}/manifests{?filter,q,per_page,page_token}`),
    getManifest: get<InRepository & { manifest_digest: string }, { manifest: ManifestDetails }>(
      `${repository}/manifests/{manifest_digest}`,
    ),
    listReferrers: get<InRepository & { manifest_digest: string }, { referrers: Referrer[] }>(
      `${repository}/manifests/{manifest_digest}/referrers`,
    ),
    previewTagDeletion: send<InRepository & TagSelection, { preview: TagDeletionPreview }>(
      "POST",
      `${repository}/tag-deletion-preview`,
    ),
    createTagDeletion: send<
      InRepository & TagSelection,
      { tag_deletion: { id: string; deleted: number; missing: string[]; undo_until: string } }
    >("POST", `${repository}/tag-deletions`),
    undoTagDeletion: send<
      InRepository & { deletion_id: string },
      { tag_deletion: { id: string; restored: number; not_restored: { tag: string; reason: string }[] } }
    >("POST", `${repository}/tag-deletions/{deletion_id}/undo`),
    createManifestDeletion: send<InRepository & { digests: string[] }, unknown>(
      "POST",
      `${repository}/manifest-deletions`,
    ),
  };
}
