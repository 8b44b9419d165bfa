import { transact } from "../metadata/database.ts";
import { insertRegistryChange } from "../metadata/registries.ts";
import {
  hideRepository,
  lockRepository,
  type Repository,
  setRepositoryPublic,
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
    if (repository.manifestCount > 0) {
      await insertRegistryChange(tx, repository.registryId, { repositories: -1 });
    }
  });
  wakeup.ring();
}

/** Lets anybody pull from a repository, or no longer, as far as its registry is not public. */
export function makeRepositoryPublic(
  { db }: Backend,
  repository: Repository,
  isPublic: boolean,
): Promise<void> {
  return transact(db, (tx) => setRepositoryPublic(tx, repository.id, isPublic));
}
