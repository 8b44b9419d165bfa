import { type Queries, transact } from "../metadata/database.ts";
import { insertRegistryChange } from "../metadata/registries.ts";
import {
  countInRepository,
  findRepository,
  getRepositorySettings,
  hideRepository,
  lockRepository,
  putLockedRepository,
  putRepositorySettings,
  type Repository,
  type RepositorySettings,
} from "../metadata/repositories.ts";
import { RegistryError } from "../model/errors.ts";
import type { Backend } from "./backend.ts";
import { getRepository, type Place } from "./blobs.ts";
import { requireWritable } from "./registries.ts";

/**
 * Hides a repository and all that is in it at once. Its name is free from then on; its bytes go where nobody else links
 * them.
 * @throws {RegistryError} NAME_UNKNOWN, GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteRepository(backend: Backend, place: Place): Promise<void> {
  const { db, now, wakeup } = backend;
  await requireWritable(backend, place.registry);
  const found = await getRepository(backend, place);
  await transact(db, async (tx) => {
    const repository = await lockRepository(tx, found.id);
    if (repository === undefined) throw new RegistryError("NAME_UNKNOWN", "repository not found");
    await hideRepository(tx, repository.id, now());
    await countInRegistry(tx, repository, {
      tags: -repository.tagCount,
      manifests: -repository.manifestCount,
    });
  });
  wakeup.ring();
}

const NOTHING_SET: RepositorySettings = { isPublic: false, sparse: undefined };

/** What is set of a repository, which need not have been pushed to yet. */
export async function findRepositorySettings(
  { db }: Backend,
  { registry, repository: name }: Place,
): Promise<RepositorySettings> {
  const repository = await findRepository(db, registry.id, name);
  return repository === undefined ? NOTHING_SET : getRepositorySettings(db, repository.id);
}

/** Changes what is named of a repository's settings, and returns what they then are. */
export async function changeRepositorySettings(
  { db, now }: Backend,
  { registry, repository: name }: Place,
  change: Partial<RepositorySettings>,
): Promise<RepositorySettings> {
  return transact(db, async (tx) => {
    const { id } = await putLockedRepository(tx, registry.id, name, now());
    const settings = { ...(await getRepositorySettings(tx, id)), ...change };
    await putRepositorySettings(tx, id, settings);
    return settings;
  });
}

/** Adds to a locked repository's counters, and to its registry's. */
export async function countContent(
  { now }: Backend,
  tx: Queries,
  repository: Repository,
  change: { tags: number; manifests: number },
): Promise<void> {
  await countInRepository(tx, repository.id, { ...change, now: now() });
  await countInRegistry(tx, repository, change);
}

/** A registry counts the repositories that have manifests, and those that have tags. */
async function countInRegistry(
  tx: Queries,
  repository: Repository,
  change: { tags: number; manifests: number },
): Promise<void> {
  const repositories = beginsOrEnds(repository.manifestCount, change.manifests);
  const taggedRepositories = beginsOrEnds(repository.tagCount, change.tags);
  if (repositories === 0 && taggedRepositories === 0) return;
  await insertRegistryChange(tx, repository.registryId, { repositories, taggedRepositories });
}

/** 1 from none to some, -1 from some to none. */
function beginsOrEnds(count: number, change: number): number {
  return Math.sign(count + change) - Math.sign(count);
}
