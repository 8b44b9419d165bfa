import { buffer } from "node:stream/consumers";
import { insertBlob, lockBlob, lockBlobByDigest } from "../metadata/blobs.ts";
import { type Queries, transact } from "../metadata/database.ts";
import type { EventPlace } from "../metadata/events.ts";
import {
  deleteUnreferencedLink,
  findLinkedBlob,
  findReferenceCount,
  type LinkedBlob,
  leaseLink,
  putLink,
} from "../metadata/links.ts";
import type { Registry } from "../metadata/registries.ts";
import { findRepository, putRepository, type Repository } from "../metadata/repositories.ts";
import type { Digest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import type { RepositoryName } from "../model/name.ts";
import type { ByteRange } from "../model/range.ts";
import type { Region } from "../model/region.ts";
import type { StorageKey } from "../model/storage-key.ts";
import type { Take } from "../storage/blob-store.ts";
import { type Backend, storeOf } from "./backend.ts";
import { newLease, outlastsPromise } from "./leases.ts";
import { requireWritable } from "./registries.ts";
import { addUsage, releaseLinks } from "./usage.ts";

/** Where a request acts: a repository by its name, in a registry that is there. */
export interface Place {
  registry: Registry;
  repository: RepositoryName;
  /** The repository's row, where the request has been let in by it. */
  found?: Repository | undefined;
}

/** Where an event is, that happens in a repository. */
export function eventPlaceOf({ registry, repository }: Place): Omit<EventPlace, "actor"> {
  return { accountId: registry.accountId, registryId: registry.id, repository };
}

/**
 * @throws {RegistryError} NAME_UNKNOWN
 */
export async function getRepository(backend: Backend, place: Place): Promise<Repository> {
  const found = await findRepositoryAt(backend, place);
  if (found === undefined) {
    throw new RegistryError(
      "NAME_UNKNOWN",
      `there is no repository ${place.registry.name}/${place.repository}`,
    );
  }
  return found;
}

export async function findRepositoryAt(
  { db }: Backend,
  { registry, repository, found }: Place,
): Promise<Repository | undefined> {
  return found ?? findRepository(db, registry.id, repository);
}

/**
 * The blob, if the repository may serve it. To a caller who may push, the answer is a promise: its lease is renewed, and
 * what the answer rests on is on disk.
 * @throws {RegistryError} NAME_UNKNOWN, BLOB_UNKNOWN
 */
export async function getBlob(
  backend: Backend,
  place: Place,
  digest: Digest,
  { mayPush }: { mayPush: boolean },
): Promise<LinkedBlob> {
  const { db } = backend;
  const repository = await getRepository(backend, place);
  const blob = await findLinkedBlob(db, repository.id, digest);
  if (blob === undefined) throw unknownBlob(digest);
  if (!mayPush) return blob;
  if (!outlastsPromise(backend, blob.leasedUntil)) {
    const leased = await transact(db, (tx) => leaseLink(tx, repository.id, digest, newLease(backend)));
    if (!leased) throw unknownBlob(digest);
  }
  await db.promisesDurable();
  return blob;
}

/** The blob's bytes, where they are few: kept in memory for who comes next. `undefined`: they are to be sent. */
export async function findSmallContent(
  backend: Backend,
  blob: LinkedBlob,
  digest: Digest,
): Promise<Buffer | undefined> {
  const { contents } = backend;
  if (!contents.takes(blob.sizeBytes)) return undefined;
  return contents.get(digest, async () => buffer(await storeOf(backend, blob.region).read(blob.storageKey)));
}

/** Hands a range of the blob's bytes over, a chunk at a time. Rejects before the first one where there are none. */
export function sendBlob(backend: Backend, blob: LinkedBlob, range: ByteRange, take: Take): Promise<void> {
  return storeOf(backend, blob.region).send(blob.storageKey, range, take);
}

/** Links a blob that another repository has, if it lies in the same region. `false`: not so, and the client uploads. */
export async function mountBlob(
  backend: Backend,
  blob: LinkedBlob,
  to: Place,
  digest: Digest,
): Promise<boolean> {
  const { db, now } = backend;
  if (blob.region !== to.registry.region) return false;
  return transact(db, async (tx) => {
    const repository = await putRepository(tx, to.registry.id, to.repository, now());
    // The lock keeps a sweep from taking the blob between here and the link.
    if (!(await lockBlob(tx, blob.blobId))) return false;
    await linkBlob(backend, tx, repository, digest, { id: blob.blobId, sizeBytes: blob.sizeBytes });
    return true;
  });
}

/**
 * Makes sealed bytes a blob of the region and links it; where the region has that content already, links that one.
 * Returns whether the key is the blob's now.
 */
export async function commitBlob(
  backend: Backend,
  tx: Queries,
  repository: Pick<Repository, "id" | "registryId">,
  blob: { region: Region; digest: Digest; sizeBytes: number; storageKey: StorageKey },
): Promise<boolean> {
  for (;;) {
    const there = await lockBlobByDigest(tx, blob.region, blob.digest);
    const id = there ?? (await insertBlob(tx, { ...blob, now: backend.now() }));
    // Somebody else's insert went first: look again, now that it is committed.
    if (id === undefined) continue;
    await linkBlob(backend, tx, repository, blob.digest, { id, sizeBytes: blob.sizeBytes });
    return there === undefined;
  }
}

/**
 * Removes the repository's link; the bytes go when nobody links them.
 * @throws {RegistryError} NAME_UNKNOWN, BLOB_UNKNOWN, BLOB_REFERENCED, GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteBlob(backend: Backend, place: Place, digest: Digest): Promise<void> {
  const { db } = backend;
  await requireWritable(backend, place.registry);
  const repository = await getRepository(backend, place);
  for (;;) {
    const removed = await transact(db, async (tx) => {
      const link = await deleteUnreferencedLink(tx, repository.id, digest);
      if (link === undefined) return false;
      await releaseLinks(backend, tx, repository.registryId, [link]);
      return true;
    });
    if (removed) return;
    const references = await findReferenceCount(db, repository.id, digest);
    if (references === undefined) throw unknownBlob(digest);
    if (references > 0) {
      throw new RegistryError(
        "BLOB_REFERENCED",
        `the blob ${digest} is part of a manifest: delete the manifests that need it first`,
      );
    }
    // It was linked, or its last manifest went, between the two: now it can go.
  }
}

async function linkBlob(
  backend: Backend,
  tx: Queries,
  repository: Pick<Repository, "id" | "registryId">,
  digest: Digest,
  blob: { id: number; sizeBytes: number },
): Promise<void> {
  const isNew = await putLink(tx, {
    repositoryId: repository.id,
    registryId: repository.registryId,
    digest,
    blobId: blob.id,
    leasedUntil: newLease(backend),
  });
  if (isNew) await addUsage(tx, repository.registryId, repository.id, blob);
}

function unknownBlob(digest: Digest): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", `the repository has no blob ${digest}`, { detail: { digest } });
}
