import { type Queries, transact } from "../metadata/database.ts";
import { countReferences, listBlobSizes, lockLinks, putForeignLinks } from "../metadata/links.ts";
import {
  countHeld,
  countHolders,
  deleteManifestRow,
  findManifestByDigest,
  findManifestByTag,
  insertManifest,
  leaseManifest,
  listBlobDigests,
  listChildDigests,
  listManifestSizes,
  lockManifest,
  type ManifestHead,
  renewManifest,
} from "../metadata/manifests.ts";
import { insertRegistryChange } from "../metadata/registries.ts";
import {
  countInRepository,
  lockRepository,
  putLockedRepository,
  type Repository,
} from "../metadata/repositories.ts";
import { deleteTagsOfManifest } from "../metadata/tags.ts";
import type { Descriptor } from "../model/descriptor.ts";
import type { Digest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { isForeign, type Manifest } from "../model/manifest.ts";
import type { Reference, TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";
import { getRepository, type Place } from "./blobs.ts";
import { newLease, outlastsPromise } from "./leases.ts";
import { requireWritable } from "./registries.ts";
import { moveTag } from "./tags.ts";

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
  const manifest =
    "tag" in reference
      ? await findManifestByTag(db, repository.id, reference.tag)
      : await findManifestByDigest(db, repository.id, reference.digest);
  if (manifest === undefined) throw unknownManifest(reference);
  if (!mayPush) return manifest;
  if (!outlastsPromise(backend, manifest.leasedUntil)) {
    const leased = await transact(db, (tx) => leaseManifest(tx, manifest.id, newLease(backend)));
    if (!leased) throw unknownManifest(reference);
  }
  await db.durable();
  return manifest;
}

/**
 * Stores a manifest, whose blobs and children the repository has, and points a tag at it where one is given. Pushing it
 * again changes nothing but its lease and the tag.
 * @throws {RegistryError} MANIFEST_BLOB_UNKNOWN, MANIFEST_INVALID, STORAGE_FULL
 */
export async function pushManifest(
  backend: Backend,
  { registry, repository: name }: Place,
  manifest: Manifest,
  tag: TagName | undefined,
): Promise<void> {
  const { db, now } = backend;
  await transact(db, async (tx) => {
    const repository = await putLockedRepository(tx, registry.id, name, now());
    const known = await renewManifest(tx, repository.id, manifest.digest, {
      leasedUntil: newLease(backend),
      now: now(),
    });
    const manifestId = known ?? (await storeManifest(backend, tx, repository, manifest));
    const newTags =
      tag === undefined
        ? 0
        : await moveTag(tx, { repositoryId: repository.id, name: tag, manifestId, now: now() });
    const newManifests = known === undefined ? 1 : 0;
    await countInRepository(tx, repository.id, { tags: newTags, manifests: newManifests, now: now() });
    if (repository.manifestCount === 0 && newManifests === 1) {
      await insertRegistryChange(tx, registry.id, { repositories: 1 });
    }
  });
}

/**
 * Removes a manifest and every tag on it. Indexes that list it stay, and hold it again when it is pushed again.
 * @throws {RegistryError} NAME_UNKNOWN, MANIFEST_UNKNOWN, GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteManifest(backend: Backend, place: Place, digest: Digest): Promise<void> {
  const { db } = backend;
  await requireWritable(backend, place.registry);
  const found = await getRepository(backend, place);
  await transact(db, async (tx) => {
    const repository = await lockRepository(tx, found.id);
    const manifest = repository && (await lockManifest(tx, repository.id, digest));
    if (repository === undefined || manifest === undefined) throw unknownManifest({ digest });
    await removeManifest(backend, tx, repository, manifest);
  });
}

/** Removes a locked manifest of a locked repository, with its tags, edges and references. */
export async function removeManifest(
  { now }: Backend,
  tx: Queries,
  repository: Repository,
  manifest: { id: number; digest: Digest },
): Promise<void> {
  const children = await listChildDigests(tx, manifest.id);
  const blobs = await listBlobDigests(tx, manifest.id);
  const tags = await deleteTagsOfManifest(tx, manifest.id);
  await countHeld(tx, repository.id, { digest: manifest.digest, children }, -1);
  await lockLinks(tx, repository.id, blobs);
  await countReferences(tx, repository.id, blobs, { references: -1, leasedUntil: 0 });
  await deleteManifestRow(tx, manifest.id);
  await countInRepository(tx, repository.id, { tags: -tags, manifests: -1, now: now() });
  if (repository.manifestCount === 1) {
    await insertRegistryChange(tx, repository.registryId, { repositories: -1 });
  }
}

/** Inserts a manifest that is not here yet, once all that it needs is. */
async function storeManifest(
  backend: Backend,
  tx: Queries,
  repository: Repository,
  manifest: Manifest,
): Promise<number> {
  const leasedUntil = newLease(backend);
  const children = await requireChildren(tx, repository.id, manifest.children);
  const manifestId = await insertManifest(tx, {
    repositoryId: repository.id,
    registryId: repository.registryId,
    manifest,
    compressedSizeBytes: sum([...manifest.blobs.map((blob) => blob.sizeBytes), ...children]),
    holderCount: await countHolders(tx, repository.id, manifest),
    leasedUntil,
    now: backend.now(),
  });
  await countHeld(
    tx,
    repository.id,
    { digest: manifest.digest, children: manifest.children.map((child) => child.digest) },
    1,
  );
  await referToBlobs(tx, repository, manifest.blobs, leasedUntil);
  return manifestId;
}

/** Counts one more reference on the link of each blob. */
async function referToBlobs(
  tx: Queries,
  repository: Repository,
  blobs: readonly Descriptor[],
  leasedUntil: number,
): Promise<void> {
  const digests = blobs.map((blob) => blob.digest);
  const foreign = new Set(blobs.filter(isForeign).map((blob) => blob.digest));
  await putForeignLinks(tx, repository.id, repository.registryId, [...foreign]);
  const links = await lockLinks(tx, repository.id, digests);
  const missing = digests.filter((digest) => !foreign.has(digest) && links.get(digest)?.blobId == null);
  if (missing.length > 0) throw unknownContent(missing);
  const sizes = await listBlobSizes(tx, repository.id, digests);
  for (const { digest, sizeBytes } of blobs) {
    const actual = sizes.get(digest);
    if (actual !== undefined && actual !== sizeBytes) throw wrongSize(digest, sizeBytes, actual);
  }
  await countReferences(tx, repository.id, digests, { references: 1, leasedUntil });
}

/** The compressed sizes of an index's manifests, all of which are in the repository. */
async function requireChildren(
  tx: Queries,
  repositoryId: number,
  children: readonly Descriptor[],
): Promise<number[]> {
  const sizes = await listManifestSizes(
    tx,
    repositoryId,
    children.map((child) => child.digest),
  );
  const missing = children.map((child) => child.digest).filter((digest) => !sizes.has(digest));
  if (missing.length > 0) throw unknownContent(missing);
  return children.map(({ digest, sizeBytes }) => {
    const actual = sizes.get(digest);
    if (actual?.sizeBytes !== sizeBytes) throw wrongSize(digest, sizeBytes, actual?.sizeBytes);
    return actual.compressedSizeBytes;
  });
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

function wrongSize(digest: Digest, said: number, actual: number | undefined): RegistryError {
  return new RegistryError(
    "MANIFEST_INVALID",
    `the manifest says that ${digest} has ${said} bytes, but it has ${actual}`,
    { detail: { digest } },
  );
}
