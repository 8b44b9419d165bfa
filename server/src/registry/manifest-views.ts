/** Manifests with what a person wants to know of them: what holds them, what they are made of, what refers to them. */
import type { Queries } from "../metadata/database.ts";
import { findLinkedBlob } from "../metadata/links.ts";
import {
  type BlobEdge,
  countParentsOf,
  countReferencesInRegistry,
  listBlobEdges,
  listFirstTags,
  listManifestRowsByDigest,
  listManifestRowsByTag,
  listParents,
  listReferrerRows,
  type ManifestRow,
} from "../metadata/manifest-pages.ts";
import { countPushes } from "../metadata/preview.ts";
import { findAnnotations } from "../metadata/referrers.ts";
import type { Repository } from "../metadata/repositories.ts";
import { type ChildRow, listChildRows } from "../metadata/tag-pages.ts";
import type { Digest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { isImageManifest, isIndex } from "../model/media-type.ts";
import type { TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";
import { readJson } from "./descriptions.ts";
import { cosignTags, type PlatformView, platformsOf } from "./tag-views.ts";

const FIRST_TAGS = 5;
const TAGS_OF_ONE = 100;
const MAX_PARENTS = 100;
/** What a page shows of a manifest's referrers, over all levels. */
const MAX_REFERRERS = 1000;
const MAX_LEVELS = 5;

export type Holder = "tag" | "parent" | "subject" | "lease";

export interface ManifestView extends ManifestRow {
  tags: TagName[];
  tagCount: number;
  parents: number;
  /** What keeps it from being collected; `undefined`: nothing. */
  heldBy: Holder | undefined;
}

/** Rows of manifests with what holds them, in four queries however many they are. */
export async function viewManifests(
  { db, now }: Backend,
  { id: repositoryId, registryId }: Repository,
  rows: readonly ManifestRow[],
  tagsShown = FIRST_TAGS,
): Promise<ManifestView[]> {
  const ids = rows.map((row) => row.id);
  const tagsOf = await listFirstTags(db, ids, tagsShown);
  const parentsOf = await countParentsOf(
    db,
    repositoryId,
    rows.map((row) => row.digest),
  );
  const subjects = rows.map((row) => row.subject).filter((subject) => subject !== null);
  const present = new Set(
    (await listManifestRowsByDigest(db, repositoryId, subjects)).map((row) => row.digest),
  );
  const pushes = await countPushes(db, registryId, now());
  // Leases are worth something only while somebody pushes.
  const leasesCountFrom = pushes.writeTokens + pushes.uploads > 0 ? now() : Number.POSITIVE_INFINITY;
  return rows.map((row) => {
    const { names, count } = tagsOf.get(row.id) ?? { names: [], count: 0 };
    const parents = parentsOf.get(row.digest) ?? 0;
    return { ...row, tags: names, tagCount: count, parents, heldBy: holderOf(row) };

    function holderOf({ subject, holderCount, leasedUntil }: ManifestRow): Holder | undefined {
      if (count > 0) return "tag";
      if (parents > 0) return "parent";
      if (subject !== null && present.has(subject)) return "subject";
      // A tag that may come back holds it for some seconds more.
      return holderCount > 0 || leasedUntil > leasesCountFrom ? "lease" : undefined;
    }
  });
}

/**
 * @throws {RegistryError} MANIFEST_UNKNOWN
 */
export async function getManifestRow(
  db: Queries,
  repositoryId: number,
  digest: Digest,
): Promise<ManifestRow> {
  const [row] = await listManifestRowsByDigest(db, repositoryId, [digest]);
  if (row !== undefined) return row;
  throw new RegistryError("MANIFEST_UNKNOWN", `the repository has no manifest ${digest}`);
}

export interface LayerView extends BlobEdge {
  /** How many other manifests of the registry have it too. */
  sharedWith: number;
}

/** One manifest, whole. */
export interface ManifestDetails {
  view: ManifestView;
  annotations: Record<string, string>;
  platforms: PlatformView[];
  layers: LayerView[];
  /** Of what it reaches, the bytes that no other manifest of the registry needs, and the rest. */
  uniqueBytes: number;
  sharedBytes: number;
  /** An image's config as it is stored, where it is a JSON object of a sensible size. */
  config: { digest: Digest; document: Record<string, unknown> } | undefined;
  children: ManifestView[];
  parentDigests: Digest[];
}

export async function getManifestDetails(
  backend: Backend,
  repository: Repository,
  digest: Digest,
): Promise<ManifestDetails> {
  const { db } = backend;
  const row = await getManifestRow(db, repository.id, digest);
  const [view] = await viewManifests(backend, repository, [row], TAGS_OF_ONE);
  const annotations = await findAnnotations(db, [row.id]);
  const reached = await listReached(db, repository.id, row);
  const edges = await listBlobEdges(db, reached.ids);
  const own = edges.filter((edge) => edge.manifestId === row.id);
  const references = await countReferencesInRegistry(db, repository.registryId, repository.id, [
    ...new Set(edges.map((edge) => edge.digest)),
  ]);
  const isImage = isImageManifest(row.mediaType);
  const layers = own.filter((edge) => edge.position > 0);
  const children = await listManifestRowsByDigest(
    db,
    repository.id,
    reached.children.map((child) => child.digest),
  );
  const order = new Map(reached.children.map((child, position) => [child.digest, position]));
  children.sort((a, b) => (order.get(a.digest) ?? 0) - (order.get(b.digest) ?? 0));
  return {
    view: view as ManifestView,
    annotations: JSON.parse(annotations.get(row.id) ?? "{}"),
    platforms: platformsOf(row, reached.children),
    layers: layers.map((edge) => ({ ...edge, sharedWith: (references.get(edge.digest) ?? 1) - 1 })),
    ...splitBytes(edges, references),
    config: isImage ? await readConfig(backend, repository.id, own[0]?.digest) : undefined,
    children: await viewManifests(backend, repository, children),
    parentDigests: await listParents(db, repository.id, digest, MAX_PARENTS),
  };
}

/** A manifest with all that it lists, level by level, and what it lists itself. */
async function listReached(
  db: Queries,
  repositoryId: number,
  row: ManifestRow,
): Promise<{ ids: number[]; children: ChildRow[] }> {
  const ids = new Set([row.id]);
  const children = isIndex(row.mediaType) ? await listChildRows(db, [row.id]) : [];
  for (let level = children; level.length > 0; ) {
    const found = await listManifestRowsByDigest(
      db,
      repositoryId,
      level.map((child) => child.digest),
    );
    const fresh = found.filter((manifest) => !ids.has(manifest.id));
    for (const { id } of fresh) ids.add(id);
    const indexes = fresh.filter((manifest) => isIndex(manifest.mediaType)).map(({ id }) => id);
    level = await listChildRows(db, indexes);
  }
  return { ids: [...ids], children };
}

/** Each blob once: unique is what only these manifests name. */
function splitBytes(
  edges: readonly BlobEdge[],
  references: ReadonlyMap<Digest, number>,
): { uniqueBytes: number; sharedBytes: number } {
  let uniqueBytes = 0;
  let sharedBytes = 0;
  for (const [digest, some] of Map.groupBy(edges, (edge) => edge.digest)) {
    const sizeBytes = some[0]?.sizeBytes ?? 0;
    if ((references.get(digest) ?? 0) > some.length) sharedBytes += sizeBytes;
    else uniqueBytes += sizeBytes;
  }
  return { uniqueBytes, sharedBytes };
}

async function readConfig(
  backend: Backend,
  repositoryId: number,
  digest: Digest | undefined,
): Promise<ManifestDetails["config"]> {
  const blob = digest && (await findLinkedBlob(backend.db, repositoryId, digest));
  const document = blob && (await readJson(backend, blob));
  return digest && document && { digest, document };
}

/** A manifest that refers to another, and what refers to it. */
export interface ReferrerView extends ManifestRow {
  annotations: Record<string, string>;
  children: ReferrerView[];
}

/**
 * What refers to a manifest, as a tree: its referrers, what cosign keeps under tags, and the attestations that an index
 * lists beside its images.
 */
export async function getReferrerTree(
  { db }: Backend,
  repositoryId: number,
  digest: Digest,
): Promise<ReferrerView[]> {
  const row = await getManifestRow(db, repositoryId, digest);
  const attestations = (isIndex(row.mediaType) ? await listChildRows(db, [row.id]) : []).filter(
    (child) => child.attests !== null,
  );
  const first = [
    ...(await listReferrerRows(db, repositoryId, [digest], MAX_REFERRERS)),
    ...(await listManifestRowsByTag(db, repositoryId, cosignTags(digest))),
    ...(await listManifestRowsByDigest(
      db,
      repositoryId,
      attestations.map((child) => child.digest),
    )),
  ];
  const roots = eachOnce(first, new Set([row.id]));
  const seen = new Set([row.id, ...roots.map(({ id }) => id)]);
  const all = new Map<Digest, ReferrerView>();
  let level: ManifestRow[] = roots;
  for (let depth = 0; level.length > 0; depth++) {
    const annotations = await findAnnotations(
      db,
      level.map(({ id }) => id),
    );
    for (const one of level) {
      const view = { ...one, annotations: JSON.parse(annotations.get(one.id) ?? "{}"), children: [] };
      all.set(one.digest, view);
      if (depth > 0 && one.subject !== null) all.get(one.subject)?.children.push(view);
    }
    if (depth === MAX_LEVELS || seen.size >= MAX_REFERRERS) break;
    const subjects = level.map((one) => one.digest);
    level = eachOnce(await listReferrerRows(db, repositoryId, subjects, MAX_REFERRERS), seen);
    for (const { id } of level) seen.add(id);
  }
  return roots.map((root) => all.get(root.digest) as ReferrerView);
}

function eachOnce(rows: readonly ManifestRow[], seen: ReadonlySet<number>): ManifestRow[] {
  return [...new Map(rows.filter(({ id }) => !seen.has(id)).map((row) => [row.id, row])).values()];
}
