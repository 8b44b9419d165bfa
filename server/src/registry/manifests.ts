import { type Queries, transact } from "../metadata/database.ts";
import { insertEvents, type NewEvent } from "../metadata/events.ts";
import { countReferences, listBlobSizes, lockLinks, putEmptyLinks } from "../metadata/links.ts";
import {
  type Child,
  countHeld,
  countParents,
  deepenParents,
  deleteManifestRow,
  findManifestByDigest,
  findManifestByTag,
  insertManifest,
  leaseManifest,
  listBlobDigests,
  listChildDigests,
  listChildren,
  lockManifest,
  type ManifestHead,
  renewManifest,
} from "../metadata/manifests.ts";
import {
  getRepositorySettings,
  lockRepository,
  putLockedRepository,
  type Repository,
} from "../metadata/repositories.ts";
import { deleteTagsOfManifest } from "../metadata/tags.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { Digest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import type { Actor } from "../model/event.ts";
import { isForeign, type Manifest } from "../model/manifest.ts";
import { isIndex } from "../model/media-type.ts";
import type { Reference, TagName } from "../model/name.ts";
import { holds, type Precondition } from "../model/precondition.ts";
import type { Backend } from "./backend.ts";
import { eventPlaceOf, getRepository, type Place } from "./blobs.ts";
import { newLease, outlastsPromise } from "./leases.ts";
import { requireWritable } from "./registries.ts";
import { countContent } from "./repositories.ts";
import { requireRoomForContent, requireRoomForRepositories } from "./subscriptions.ts";
import { moveTag } from "./tags.ts";

/** Indexes list indexes, but nobody needs more levels: whoever follows them has an end. */
const MAX_DEPTH = 10;

/**
 * The manifest that a reference names. To a caller who may push, the answer is a promise: its lease is renewed, and what
 * the answer rests on is on disk.
 * @throws {RegistryError} NAME_UNKNOWN, MANIFEST_UNKNOWN
 */
export async function getManifest(
  backend: Backend,
  place: Place,
  reference: Reference,
  { mayPush }: { mayPush: boolean },
): Promise<ManifestHead> {
  const { db } = backend;
  const repository = await getRepository(backend, place);
  const manifest = await findManifest(db, repository.id, reference);
  if (manifest === undefined) throw unknownManifest(reference);
  if (!mayPush) return manifest;
  if (!outlastsPromise(backend, manifest.leasedUntil)) {
    const leased = await transact(db, (tx) => leaseManifest(tx, manifest.id, newLease(backend)));
    if (!leased) throw unknownManifest(reference);
  }
  await db.promisesDurable();
  return manifest;
}

/**
 * Stores a manifest, whose blobs and children the repository has, and points tags at it. Pushing it again changes nothing
 * but its lease and the tags. The precondition has to hold of each tag, or of the manifest where there is none. Returns
 * what is questionable about a manifest that was not here.
 * @throws {RegistryError} MANIFEST_BLOB_UNKNOWN, MANIFEST_INVALID, PRECONDITION_FAILED, TIER_LIMIT_EXCEEDED, STORAGE_FULL
 */
export async function pushManifest(
  backend: Backend,
  { registry, repository: name }: Place,
  manifest: Manifest,
  { tags, precondition, actor }: { tags: readonly TagName[]; precondition: Precondition; actor: Actor },
): Promise<readonly string[]> {
  const { db, now, activity } = backend;
  const warnings = await transact(db, async (tx) => {
    const repository = await putLockedRepository(tx, registry.id, name, now());
    const targets = tags.length > 0 ? tags.map((tag) => ({ tag })) : [{ digest: manifest.digest }];
    for (const target of targets) await requireToHold(tx, repository.id, precondition, target);
    const known = await renewManifest(tx, repository.id, manifest.digest, {
      leasedUntil: newLease(backend),
      now: now(),
    });
    // The same bytes are never two things: GHSA-qq97-vm5h-rrhg.
    if (known !== undefined && known.mediaType !== manifest.mediaType) throw otherType(manifest, known);
    if (known === undefined) {
      if (repository.manifestCount === 0)
        await requireRoomForRepositories(backend, tx, registry.accountId, 1);
      await requireRoomForContent(backend, tx, registry.accountId);
    }
    const { id: manifestId, warnings } =
      known === undefined
        ? await storeManifest(backend, tx, repository, manifest)
        : { id: known.id, warnings: [] };
    const { digest, mediaType } = manifest;
    const pushed = { kind: "push", digest, details: { media_type: mediaType } } as const;
    const events: NewEvent[] = tags.length > 0 ? tags.map((tag) => ({ ...pushed, tag })) : [pushed];
    let newTags = 0;
    for (const tag of tags) {
      const before = await moveTag(tx, { repositoryId: repository.id, name: tag, manifestId, now: now() });
      if (before === undefined) newTags++;
      else if (before !== digest) events.push({ kind: "tag_move", tag, digest, details: { from: before } });
    }
    await countContent(backend, tx, repository, {
      tags: newTags,
      manifests: known === undefined ? 1 : 0,
      pushedAt: now(),
    });
    await insertEvents(tx, { ...eventPlaceOf({ registry, repository: name }), actor }, events, now());
    return warnings;
  });
  activity.countPush(registry.id);
  return warnings;
}

/**
 * Removes a manifest and every tag on it. Indexes that list it stay, and hold it again when it is pushed again.
 * @throws {RegistryError} NAME_UNKNOWN, MANIFEST_UNKNOWN, GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteManifest(
  backend: Backend,
  place: Place,
  digest: Digest,
  actor: Actor,
): Promise<void> {
  const { db, now } = backend;
  await requireWritable(backend, place.registry);
  const found = await getRepository(backend, place);
  await transact(db, async (tx) => {
    const repository = await lockRepository(tx, found.id);
    const manifest = repository && (await lockManifest(tx, repository.id, digest));
    if (repository === undefined || manifest === undefined) throw unknownManifest({ digest });
    const { tags } = await removeManifest(backend, tx, repository, manifest);
    await insertEvents(tx, { ...eventPlaceOf(place), actor }, [deletionOf(digest, tags)], now());
  });
}

/** Tags that an event names; it counts the rest. */
export const MAX_TAGS_IN_EVENT = 100;

export function deletionOf(digest: Digest, tags: readonly TagName[]): NewEvent {
  const details = { tags: tags.slice(0, MAX_TAGS_IN_EVENT), tag_count: tags.length };
  return { kind: "manifest_delete", digest, details };
}

/**
 * Removes a locked manifest of a locked repository, with its tags, edges and references. Returns the tags, and the
 * repository with what it then counts.
 */
export async function removeManifest(
  backend: Backend,
  tx: Queries,
  repository: Repository,
  manifest: { id: number; digest: Digest },
): Promise<{ tags: TagName[]; left: Repository }> {
  const children = await listChildDigests(tx, manifest.id);
  const blobs = await listBlobDigests(tx, manifest.id);
  const tags = await deleteTagsOfManifest(tx, manifest.id);
  await countHeld(tx, repository.id, { digest: manifest.digest, children }, -1);
  await lockLinks(tx, repository.id, blobs);
  await countReferences(tx, repository.id, blobs, { references: -1, leasedUntil: 0 });
  await deleteManifestRow(tx, manifest.id);
  await countContent(backend, tx, repository, { tags: -tags.length, manifests: -1 });
  const { tagCount, manifestCount } = repository;
  return {
    tags,
    left: { ...repository, tagCount: tagCount - tags.length, manifestCount: manifestCount - 1 },
  };
}

/** Inserts a manifest that is not here yet, once all that it needs is. Returns its id, and what is questionable about it. */
async function storeManifest(
  backend: Backend,
  tx: Queries,
  repository: Repository,
  manifest: Manifest,
): Promise<{ id: number; warnings: readonly string[] }> {
  const { digest, subject, blobs } = manifest;
  const leasedUntil = newLease(backend);
  const { sparse = backend.sparse } = await getRepositorySettings(tx, repository.id);
  const children = await findChildren(tx, repository.id, manifest.children, sparse);
  const parents = await countParents(tx, repository.id, digest);
  const hasSubject = subject !== undefined && (await isHere(tx, repository.id, subject));
  const depth = isIndex(manifest.mediaType) ? 1 + deepest(children) : 0;
  const id = await insertManifest(tx, {
    repositoryId: repository.id,
    registryId: repository.registryId,
    manifest,
    compressedSizeBytes: sum([
      ...blobs.map((blob) => blob.sizeBytes),
      ...children.map((child) => child.compressedSizeBytes),
    ]),
    depth,
    holderCount: parents + (hasSubject ? 1 : 0),
    leasedUntil,
    now: backend.now(),
  });
  if (depth > 0) await limitDepth(tx, repository.id, digest, depth);
  await countHeld(tx, repository.id, { digest, children: manifest.children.map((child) => child.digest) }, 1);
  const missingBlobs = await referToBlobs(tx, repository, blobs, { leasedUntil, sparse });
  const missing = missingBlobs + manifest.children.length - children.length;
  return { id, warnings: warningsOf(manifest, { hasSubject, missing }) };
}

/** What the client should know about a manifest that was accepted. */
function warningsOf(
  { subject, warnings }: Manifest,
  { hasSubject, missing }: { hasSubject: boolean; missing: number },
): string[] {
  const all = [...warnings];
  if (subject !== undefined && !hasSubject) all.push(`the repository does not have the subject ${subject}`);
  if (missing > 0) all.push(`the repository lacks ${missing} of the blobs and manifests that this one names`);
  return all;
}

/** Counts one more reference on the link of each blob. Returns how many the repository lacks, though it should have them. */
async function referToBlobs(
  tx: Queries,
  repository: Repository,
  blobs: readonly Descriptor[],
  { leasedUntil, sparse }: { leasedUntil: number; sparse: boolean },
): Promise<number> {
  const digests = blobs.map((blob) => blob.digest);
  const foreign = new Set(blobs.filter(isForeign).map((blob) => blob.digest));
  await putEmptyLinks(tx, repository.id, repository.registryId, sparse ? digests : [...foreign]);
  const links = await lockLinks(tx, repository.id, digests);
  const missing = digests.filter((digest) => !foreign.has(digest) && links.get(digest)?.blobId == null);
  if (missing.length > 0 && !sparse) throw unknownContent(missing);
  const sizes = await listBlobSizes(tx, repository.id, digests);
  for (const { digest, sizeBytes } of blobs) {
    const actual = sizes.get(digest);
    if (actual !== undefined && actual !== sizeBytes) throw wrongSize(digest, sizeBytes, actual);
  }
  await countReferences(tx, repository.id, digests, { references: 1, leasedUntil });
  return missing.length;
}

/** Those of an index's manifests that the repository has: all, unless it takes an index without them. */
async function findChildren(
  tx: Queries,
  repositoryId: number,
  children: readonly Descriptor[],
  sparse: boolean,
): Promise<Child[]> {
  const digests = children.map((child) => child.digest);
  const here = await listChildren(tx, repositoryId, digests);
  const missing = digests.filter((digest) => !here.has(digest));
  if (missing.length > 0 && !sparse) throw unknownContent(missing);
  for (const { digest, mediaType, sizeBytes } of children) {
    const child = here.get(digest);
    if (child === undefined) continue;
    if (child.sizeBytes !== sizeBytes) throw wrongSize(digest, sizeBytes, child.sizeBytes);
    if (isIndex(mediaType) !== isIndex(child.mediaType)) throw wrongType(digest, mediaType, child.mediaType);
  }
  return [...here.values()];
}

function deepest(children: readonly Child[]): number {
  return children.reduce((depth, child) => Math.max(depth, child.depth), 0);
}

async function isHere(tx: Queries, repositoryId: number, digest: Digest): Promise<boolean> {
  return (await findManifestByDigest(tx, repositoryId, digest)) !== undefined;
}

/**
 * Refuses an index that is nested too deep, or makes another one so: where indexes are taken without their manifests,
 * the outer one may be here first.
 */
async function limitDepth(tx: Queries, repositoryId: number, digest: Digest, depth: number): Promise<void> {
  let level = depth;
  for (let digests = [digest]; digests.length > 0; level++) {
    if (level > MAX_DEPTH) {
      throw new RegistryError(
        "MANIFEST_INVALID",
        `indexes of indexes are nested too deep: ${MAX_DEPTH} levels are the most`,
      );
    }
    digests = await deepenParents(tx, repositoryId, digests, level + 1);
  }
}

async function requireToHold(
  tx: Queries,
  repositoryId: number,
  precondition: Precondition,
  target: Reference,
): Promise<void> {
  if (precondition.ifMatch === undefined && precondition.ifNoneMatch === undefined) return;
  const current = await findManifest(tx, repositoryId, target);
  if (holds(precondition, current?.digest)) return;
  const [name] = Object.values(target);
  throw new RegistryError(
    "PRECONDITION_FAILED",
    `${name} is ${current === undefined ? "not here" : `at ${current.digest}`}, which is not what the request asks for`,
    { detail: target },
  );
}

function findManifest(
  db: Queries,
  repositoryId: number,
  reference: Reference,
): Promise<ManifestHead | undefined> {
  return "tag" in reference
    ? findManifestByTag(db, repositoryId, reference.tag)
    : findManifestByDigest(db, repositoryId, reference.digest);
}

/** What a foreign layer says of its size, nobody can check: it may be more than a counter holds. */
function sum(sizes: readonly number[]): number {
  const total = sizes.reduce((total, size) => total + size, 0);
  if (Number.isSafeInteger(total)) return total;
  throw new RegistryError("MANIFEST_INVALID", "the sizes in the manifest add up to more than can be counted");
}

function unknownManifest(reference: Reference): RegistryError {
  const message =
    "tag" in reference
      ? `the repository has no tag ${reference.tag}`
      : `the repository has no manifest ${reference.digest}`;
  return new RegistryError("MANIFEST_UNKNOWN", message, { detail: reference });
}

/** One error for each digest, as the spec asks: `detail` carries the list, and the door spreads it. */
function unknownContent(digests: readonly Digest[]): RegistryError {
  return new RegistryError(
    "MANIFEST_BLOB_UNKNOWN",
    "the manifest names content that the repository does not have: push that first",
    { detail: digests.map((digest) => ({ digest })) },
  );
}

function otherType({ digest, mediaType }: Manifest, known: { mediaType: string }): RegistryError {
  return new RegistryError(
    "MANIFEST_INVALID",
    `the push calls it ${mediaType}, but the repository has ${digest} as ${known.mediaType}`,
    { detail: { digest } },
  );
}

function wrongType(digest: Digest, said: string, actual: string): RegistryError {
  return new RegistryError(
    "MANIFEST_INVALID",
    `the index says that ${digest} is ${said}, but it is ${actual}`,
    {
      detail: { digest },
    },
  );
}

function wrongSize(digest: Digest, said: number, actual: number): RegistryError {
  return new RegistryError(
    "MANIFEST_INVALID",
    `the manifest says that ${digest} has ${said} bytes, but it has ${actual}`,
    { detail: { digest } },
  );
}
