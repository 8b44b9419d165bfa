import { type Queries, transact } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import { insertRegistryChanges } from "../metadata/registries.ts";
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
import type { Actor } from "../model/event.ts";
import type { Backend } from "./backend.ts";
import { eventPlaceOf, getRepository, type Place } from "./blobs.ts";
import { requireWritable } from "./registries.ts";

/**
 * Hides a repository and all that is in it at once. Its name is free from then on; its bytes go where nobody else links
 * them.
 * @throws {RegistryError} NAME_UNKNOWN, GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteRepository(backend: Backend, place: Place, actor: Actor): Promise<void> {
  const { db, now, wakeup } = backend;
  await requireWritable(backend, place.registry);
  const found = await getRepository(backend, place);
  await transact(db, async (tx) => {
    const repository = await lockRepository(tx, found.id);
    if (repository === undefined) throw new RegistryError("NAME_UNKNOWN", "repository not found");
    await hideRepository(tx, repository.id, now());
    const { tagCount, manifestCount } = repository;
    await countInRegistry(tx, repository, { tags: -tagCount, manifests: -manifestCount });
    const details = { tag_count: tagCount, manifest_count: manifestCount };
    const event = { kind: "repository_delete", details } as const;
    await insertEvents(tx, { ...eventPlaceOf(place), actor }, [event], now());
  });
  wakeup.ring("hidden");
}

const NOTHING_SET: RepositorySettings = {
  description: undefined,
  isPublic: false,
  sparse: undefined,
};

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
  place: Place,
  change: Partial<RepositorySettings>,
  actor: Actor,
): Promise<RepositorySettings> {
  const { registry, repository: name } = place;
  return transact(db, async (tx) => {
    const { id } = await putLockedRepository(tx, registry.id, name, now());
    const settings = { ...(await getRepositorySettings(tx, id)), ...change };
    await putRepositorySettings(tx, id, settings);
    const { isPublic, sparse } = settings;
    const event = { kind: "settings_change", details: { public: isPublic, sparse: sparse ?? null } } as const;
    await insertEvents(tx, { ...eventPlaceOf(place), actor }, [event], now());
    return settings;
  });
}

/** Adds to a locked repository's counters, and to its registry's. */
export async function countContent(
  { now }: Backend,
  tx: Queries,
  repository: Repository,
  change: { tags: number; manifests: number; pushedAt?: number },
): Promise<void> {
  await countInRepository(tx, repository.id, { pushedAt: 0, ...change, now: now() });
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
  await insertRegistryChanges(tx, repository.registryId, [{ repositories, taggedRepositories }]);
}

/** 1 from none to some, -1 from some to none. */
function beginsOrEnds(count: number, change: number): number {
  return Math.sign(count + change) - Math.sign(count);
}
