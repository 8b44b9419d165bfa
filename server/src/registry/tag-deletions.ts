/**
 * Deleting many tags at once, and undoing that for some seconds. A deleted tag holds its manifest as it did before until
 * nobody can bring it back: a collection that runs meanwhile takes nothing of it.
 */
import { randomUUID } from "node:crypto";
import { type Queries, transact } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import { countHolders, lockManifest } from "../metadata/manifests.ts";
import { lockRepository, type Repository } from "../metadata/repositories.ts";
import {
  type DeletedTag,
  findTagDeletion,
  forgetDeletedTags,
  insertTagDeletion,
  listDeletedTags,
  moveTagsToDeletion,
  putUndoUntil,
  restoreTags,
  type TagDeletion,
} from "../metadata/tag-deletions.ts";
import type { Digest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import type { Actor } from "../model/event.ts";
import type { TagName } from "../model/name.ts";
import type { Backend } from "./backend.ts";
import { eventPlaceOf, type Place } from "./blobs.ts";
import { deletionOf, MAX_TAGS_IN_EVENT, removeManifest } from "./manifests.ts";
import { requireWritable } from "./registries.ts";
import { countContent } from "./repositories.ts";

/** Tags that one transaction deletes or puts back. */
const TAGS_AT_ONCE = 500;
const MANIFESTS_AT_ONCE = 20;

const UNDO_MS = 10_000;
/** An undo that was sent in time may arrive a little later. */
const GRACE_MS = 2000;

/**
 * Deletes tags, in one transaction for each batch of them. Those that somebody else has deleted are missing, and no
 * reason to stop.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE, NAME_UNKNOWN
 */
export async function deleteTags(
  backend: Backend,
  place: Place,
  repository: Repository,
  names: readonly TagName[],
  actor: Actor,
): Promise<{ id: string; deleted: number; missing: TagName[]; undoUntil: number }> {
  const { db, now } = backend;
  await requireWritable(backend, place.registry);
  const id = randomUUID();
  const deletion = { id, repositoryId: repository.id };
  const deleted = new Set<TagName>();
  await transact(db, (tx) => insertTagDeletion(tx, { ...deletion, undoUntil: now() + UNDO_MS }));
  for (let start = 0; start < names.length; start += TAGS_AT_ONCE) {
    const batch = names.slice(start, start + TAGS_AT_ONCE);
    const gone = await transact(db, async (tx) => {
      const locked = await lockedOrGone(tx, repository.id);
      // Not over before the last tag is gone.
      await putUndoUntil(tx, id, now() + UNDO_MS);
      const moved = await moveTagsToDeletion(tx, deletion, batch);
      if (moved.length === 0) return moved;
      await countContent(backend, tx, locked, { tags: -moved.length, manifests: 0 });
      const details = { tag_deletion: id, tags: moved.slice(0, MAX_TAGS_IN_EVENT), tag_count: moved.length };
      await insertEvents(tx, { ...eventPlaceOf(place), actor }, [{ kind: "tag_delete", details }], now());
      return moved;
    });
    for (const name of gone) deleted.add(name);
  }
  const undoUntil = now() + UNDO_MS;
  await transact(db, (tx) => putUndoUntil(tx, id, undoUntil));
  return {
    id,
    deleted: deleted.size,
    missing: names.filter((name) => !deleted.has(name)),
    undoUntil,
  };
}

/**
 * Puts the tags of a deletion back, but for those whose name somebody has pushed to since.
 * @throws {RegistryError} TAG_DELETION_UNKNOWN, PRECONDITION_FAILED, NAME_UNKNOWN
 */
export async function undoTagDeletion(
  backend: Backend,
  place: Place,
  repositoryId: number,
  id: string,
  actor: Actor,
): Promise<{ restored: number; notRestored: TagName[] }> {
  const { db, now } = backend;
  const deletion = await findTagDeletion(db, id);
  if (deletion?.repositoryId !== repositoryId) {
    throw new RegistryError("TAG_DELETION_UNKNOWN", `the repository has no deletion ${id}`);
  }
  const notRestored: TagName[] = [];
  let restored = 0;
  for (;;) {
    const batch = await transact(db, async (tx) => {
      const locked = await lockedOrGone(tx, repositoryId);
      // Looked at under the lock: what ends deletions takes it too.
      const current = await findTagDeletion(tx, id);
      if (current === undefined || now() > current.undoUntil + GRACE_MS) {
        throw new RegistryError(
          "PRECONDITION_FAILED",
          "the deletion is too long ago to be undone: push the tags again",
        );
      }
      const tags = await listDeletedTags(tx, id, TAGS_AT_ONCE);
      const names = tags.map((tag) => tag.name);
      const back = await restoreTags(tx, deletion, names);
      await letGo(
        tx,
        deletion,
        tags.filter((tag) => !back.has(tag.name)),
      );
      await forgetDeletedTags(tx, id, [...back]);
      if (back.size > 0) {
        await countContent(backend, tx, locked, { tags: back.size, manifests: 0 });
        const details = {
          tag_deletion: id,
          tags: [...back].slice(0, MAX_TAGS_IN_EVENT),
          tag_count: back.size,
        };
        await insertEvents(tx, { ...eventPlaceOf(place), actor }, [{ kind: "tag_restore", details }], now());
      }
      return { names, back };
    });
    if (batch.names.length === 0) return { restored, notRestored };
    restored += batch.back.size;
    notRestored.push(...batch.names.filter((name) => !batch.back.has(name)));
  }
}

/**
 * Lets go of up to a batch of tags of a deletion that can no longer be undone. Returns how many.
 */
export async function endTagDeletion({ db }: Backend, deletion: TagDeletion): Promise<number> {
  return transact(db, async (tx) => {
    // Where the repository is hidden by now, its manifests take these with them.
    await lockRepository(tx, deletion.repositoryId);
    const tags = await listDeletedTags(tx, deletion.id, TAGS_AT_ONCE);
    await letGo(tx, deletion, tags);
    return tags.length;
  });
}

/** When deletions that ended by then can no longer be undone. */
export function undoneUntil(now: number): number {
  return now - GRACE_MS;
}

/** Deleted tags of a locked repository hold their manifests no longer. */
async function letGo(
  tx: Queries,
  { id }: Pick<TagDeletion, "id">,
  tags: readonly DeletedTag[],
): Promise<void> {
  await countHolders(
    tx,
    tags.map((tag) => tag.manifestId),
    -1,
  );
  await forgetDeletedTags(
    tx,
    id,
    tags.map((tag) => tag.name),
  );
}

/**
 * Removes manifests and every tag on them, in one transaction for each batch. It cannot be undone.
 * @throws {RegistryError} GARBAGE_COLLECTION_ACTIVE, NAME_UNKNOWN
 */
export async function deleteManifests(
  backend: Backend,
  place: Place,
  repository: Repository,
  digests: readonly Digest[],
  actor: Actor,
): Promise<{ deleted: number; tagsDeleted: number; missing: Digest[] }> {
  const { db, now } = backend;
  await requireWritable(backend, place.registry);
  const missing: Digest[] = [];
  let deleted = 0;
  let tagsDeleted = 0;
  for (let start = 0; start < digests.length; start += MANIFESTS_AT_ONCE) {
    const batch = digests.slice(start, start + MANIFESTS_AT_ONCE);
    const outcome = await transact(db, async (tx) => {
      let left = await lockedOrGone(tx, repository.id);
      const events = [];
      const lacking: Digest[] = [];
      let tagCount = 0;
      for (const digest of batch) {
        const manifest = await lockManifest(tx, left.id, digest);
        if (manifest === undefined) {
          lacking.push(digest);
          continue;
        }
        const removed = await removeManifest(backend, tx, left, manifest);
        left = removed.left;
        tagCount += removed.tags.length;
        events.push(deletionOf(digest, removed.tags));
      }
      await insertEvents(tx, { ...eventPlaceOf(place), actor }, events, now());
      return { lacking, tagCount };
    });
    missing.push(...outcome.lacking);
    deleted += batch.length - outcome.lacking.length;
    tagsDeleted += outcome.tagCount;
  }
  return { deleted, tagsDeleted, missing };
}

/** @throws {RegistryError} NAME_UNKNOWN, where the repository was deleted meanwhile */
async function lockedOrGone(tx: Queries, id: number): Promise<Repository> {
  const locked = await lockRepository(tx, id);
  if (locked === undefined) throw new RegistryError("NAME_UNKNOWN", "repository not found");
  return locked;
}
