import type { Registry } from "../metadata/registries.ts";
import { listTagsByName, listTagsOnManifests } from "../metadata/tag-pages.ts";
import type { Digest } from "../model/digest.ts";
import type { TagName } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { estimateFreed } from "./reclaimable.ts";

/** What deleting some tags would do. */
export interface TagDeletionPreview {
  /** Those of them that are there. */
  names: TagName[];
  leftUntagged: { digest: Digest; tags: TagName[] }[];
  stillTagged: { digest: Digest; tagsThatStay: TagName[] }[];
  freedBytes: number;
}

/** Works out what deleting tags would leave, and free. Changes nothing. */
export async function previewTagDeletion(
  backend: Backend,
  registry: Registry,
  repositoryId: number,
  names: readonly TagName[],
): Promise<TagDeletionPreview> {
  const { db } = backend;
  const going = await listTagsByName(db, repositoryId, names);
  const goingOf = Map.groupBy(going, (tag) => tag.manifestId);
  const goingNames = new Set(going.map((tag) => tag.name));
  const all = await listTagsOnManifests(db, [...goingOf.keys()]);
  const stayingOf = Map.groupBy(
    all.filter((tag) => !goingNames.has(tag.name)),
    (tag) => tag.manifestId,
  );
  const preview: TagDeletionPreview = {
    names: going.map((tag) => tag.name),
    leftUntagged: [],
    stillTagged: [],
    freedBytes: 0,
  };
  const lostTags = new Map<number, number>();
  for (const [manifestId, tags] of goingOf) {
    const digest = tags[0]?.digest as Digest;
    const staying = stayingOf.get(manifestId) ?? [];
    if (staying.length > 0) {
      preview.stillTagged.push({ digest, tagsThatStay: staying.map((tag) => tag.name) });
      continue;
    }
    preview.leftUntagged.push({ digest, tags: tags.map((tag) => tag.name) });
    lostTags.set(manifestId, tags.length);
  }
  preview.freedBytes = await estimateFreed(backend, registry, lostTags);
  return preview;
}
