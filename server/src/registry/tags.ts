import { type Queries, transact } from "../metadata/database.ts";
import { countHolder } from "../metadata/manifests.ts";
import { lockRepository } from "../metadata/repositories.ts";
import { deleteTagRow, findTaggedManifestId, putTag } from "../metadata/tags.ts";
import type { TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";
import { findRepositoryAt, type Place } from "./blobs.ts";
import { requireWritable } from "./registries.ts";
import { countContent } from "./repositories.ts";

/** Points a tag of a locked repository at one of its manifests. Returns how many tags there are more. */
export async function moveTag(
  tx: Queries,
  tag: { repositoryId: number; name: TagName; manifestId: number; now: number },
): Promise<0 | 1> {
  const before = await findTaggedManifestId(tx, tag.repositoryId, tag.name);
  await putTag(tx, tag);
  if (before === tag.manifestId) return 0;
  await countHolder(tx, tag.manifestId, 1);
  if (before === undefined) return 1;
  await countHolder(tx, before, -1);
  return 0;
}

/**
 * Removes a tag; its manifest stays. Returns whether it was there.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteTag(backend: Backend, place: Place, name: TagName): Promise<boolean> {
  const { db } = backend;
  await requireWritable(backend, place.registry);
  const found = await findRepositoryAt(backend, place);
  if (found === undefined) return false;
  return transact(db, async (tx) => {
    const locked = await lockRepository(tx, found.id);
    if (locked === undefined) return false;
    const manifestId = await deleteTagRow(tx, locked.id, name);
    if (manifestId === undefined) return false;
    await countHolder(tx, manifestId, -1);
    await countContent(backend, tx, locked, { tags: -1, manifests: 0 });
    return true;
  });
}
