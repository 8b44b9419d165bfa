import { type Queries, transact, transactInBackground } from "../metadata/database.ts";
import { orderTagRows } from "../metadata/descriptions.ts";
import { insertEvents } from "../metadata/events.ts";
import { countHolder } from "../metadata/manifests.ts";
import { lockRepository } from "../metadata/repositories.ts";
import { deleteTagRow, findTaggedManifest, putTag } from "../metadata/tags.ts";
import type { Digest } from "../model/digest.ts";
import type { Actor } from "../model/event.ts";
import type { TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";
import { eventPlaceOf, findRepositoryAt, type Place } from "./blobs.ts";
import { requireWritable } from "./registries.ts";
import { countContent } from "./repositories.ts";

/** Points a tag of a locked repository at one of its manifests. Returns the manifest that it was on, if it was there. */
export async function moveTag(
  tx: Queries,
  tag: { repositoryId: number; name: TagName; manifestId: number; now: number },
): Promise<Digest | undefined> {
  const before = await findTaggedManifest(tx, tag.repositoryId, tag.name);
  await putTag(tx, tag);
  if (before?.id === tag.manifestId) return before.digest;
  await countHolder(tx, tag.manifestId, 1);
  if (before !== undefined) await countHolder(tx, before.id, -1);
  return before?.digest;
}

/**
 * Removes a tag; its manifest stays. Returns whether it was there.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE
 */
export async function deleteTag(
  backend: Backend,
  place: Place,
  name: TagName,
  actor: Actor,
): Promise<boolean> {
  const { db, now } = backend;
  await requireWritable(backend, place.registry);
  const found = await findRepositoryAt(backend, place);
  if (found === undefined) return false;
  return transact(db, async (tx) => {
    const locked = await lockRepository(tx, found.id);
    const manifest = locked && (await findTaggedManifest(tx, locked.id, name));
    if (locked === undefined || manifest === undefined) return false;
    await deleteTagRow(tx, locked.id, name);
    await countHolder(tx, manifest.id, -1);
    await countContent(backend, tx, locked, { tags: -1, manifests: 0 });
    const event = { kind: "tag_delete", tag: name, digest: manifest.digest } as const;
    await insertEvents(tx, { ...eventPlaceOf(place), actor }, [event], now());
    return true;
  });
}

/** Gives up to `limit` tags, that an older version made, their place in the natural order. Returns how many. */
export async function orderTags({ db }: Backend, limit: number): Promise<number> {
  return transactInBackground(db, (tx) => orderTagRows(tx, limit));
}
