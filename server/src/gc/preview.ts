import { listBlobEdges } from "../metadata/manifest-pages.ts";
import {
  type CollectableLink,
  type CollectableManifest,
  countPushes,
  type GarbagePlace,
  listCollectableManifests,
  listHeldManifests,
  listLinkCounts,
  listLinks,
  listRepositoryNames,
  listUnheldManifests,
  listUnreferencedLinks,
} from "../metadata/preview.ts";
import type { Registry } from "../metadata/registries.ts";
import type { Digest } from "../model/digest.ts";
import { deletesBlobs, deletesManifests, type GarbageCollectionType } from "../model/garbage-collection.ts";
import type { RepositoryName } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { nextTurn } from "./background.ts";

const PAGE = 200;

/** What a run would delete now, and what leases keep it from. */
export interface Preview {
  manifests: DoomedManifest[];
  blobs: number;
  freedBytes: number;
  /** By the bytes of their blobs that go; one that several repositories have counts in each. */
  repositories: { name: RepositoryName; manifests: number; blobs: number; bytes: number }[];
  held: {
    manifests: number;
    blobs: number;
    bytes: number;
    /** When the last lease ends, if nobody renews it. */
    until: number | undefined;
    writeTokens: number;
    lastWriteTokenExpiresAt: number | undefined;
    uploads: number;
  };
}

export interface DoomedManifest {
  repository: RepositoryName;
  digest: Digest;
  compressedSizeBytes: number;
  updatedAt: number;
}

/** Works out what a run of this type would do now. Exact while nobody pushes; reads garbage and what hangs on it only. */
export async function previewGarbageCollection(
  backend: Backend,
  registry: Registry,
  type: GarbageCollectionType,
): Promise<Preview> {
  const { db, now } = backend;
  const pushes = await countPushes(db, registry.id, now());
  const isQuiet = pushes.writeTokens === 0 && pushes.uploads === 0;
  const everything = await outlook(backend, { registryId: registry.id }, type, Number.MAX_SAFE_INTEGER);
  const going = isQuiet ? everything : await outlook(backend, { registryId: registry.id }, type, now());
  const names = await listRepositoryNames(db, [...going.repositories.keys()]);
  const nameOf = (id: number) => names.get(id) as RepositoryName;
  return {
    manifests: going.manifests.map(({ repositoryId, digest, compressedSizeBytes, updatedAt }) => ({
      repository: nameOf(repositoryId),
      digest,
      compressedSizeBytes,
      updatedAt,
    })),
    blobs: going.blobs,
    freedBytes: going.bytes,
    repositories: [...going.repositories]
      .map(([id, tally]) => ({ name: nameOf(id), ...tally }))
      .sort((a, b) => b.bytes - a.bytes || b.manifests - a.manifests),
    held: {
      manifests: everything.manifests.length - going.manifests.length,
      blobs: everything.blobs - going.blobs,
      bytes: everything.bytes - going.bytes,
      until: isQuiet || everything.lastLease <= now() ? undefined : everything.lastLease,
      writeTokens: pushes.writeTokens,
      lastWriteTokenExpiresAt: pushes.lastExpiresAt,
      uploads: pushes.uploads,
    },
  };
}

export interface Outlook {
  manifests: CollectableManifest[];
  blobs: number;
  bytes: number;
  lastLease: number;
  repositories: Map<number, { manifests: number; blobs: number; bytes: number }>;
}

/**
 * What goes where leases count until `endedBy`: the sweeps, played through without a write. `lostTags` says how many tags
 * manifests are thought to have lost before.
 */
export async function outlook(
  { db }: Backend,
  place: GarbagePlace,
  type: GarbageCollectionType,
  endedBy: number,
  lostTags: ReadonlyMap<number, number> = new Map(),
): Promise<Outlook> {
  const result: Outlook = { manifests: [], blobs: 0, bytes: 0, lastLease: 0, repositories: new Map() };
  const tallyOf = (id: number) => {
    const tally = result.repositories.get(id) ?? { manifests: 0, blobs: 0, bytes: 0 };
    result.repositories.set(id, tally);
    return tally;
  };

  const references = new Map<number, Map<Digest, number>>();
  if (deletesManifests(type)) {
    for await (const manifests of doomedManifests()) {
      const repositoryOf = new Map<number, number>();
      for (const manifest of manifests) {
        result.manifests.push(manifest);
        result.lastLease = Math.max(result.lastLease, manifest.leasedUntil);
        tallyOf(manifest.repositoryId).manifests += 1;
        repositoryOf.set(manifest.id, manifest.repositoryId);
      }
      if (!deletesBlobs(type)) continue;
      for (const { manifestId, digest } of await listBlobEdges(db, [...repositoryOf.keys()])) {
        const repositoryId = repositoryOf.get(manifestId) as number;
        const counts = references.get(repositoryId) ?? new Map<Digest, number>();
        references.set(repositoryId, counts);
        counts.set(digest, (counts.get(digest) ?? 0) + 1);
      }
    }
  }
  if (deletesBlobs(type)) {
    const unlinked = new Map<number, { times: number; sizeBytes: number }>();
    for await (const { repositoryId, blobId, sizeBytes, leasedUntil } of doomedLinks()) {
      result.lastLease = Math.max(result.lastLease, leasedUntil);
      if (blobId === null || sizeBytes === null) continue;
      const tally = tallyOf(repositoryId);
      tally.blobs += 1;
      tally.bytes += sizeBytes;
      unlinked.set(blobId, { times: (unlinked.get(blobId)?.times ?? 0) + 1, sizeBytes });
    }
    // The registry's usage falls by a blob when the last of its repositories lets go of it.
    const linkCounts = await listLinkCounts(db, place.registryId, [...unlinked.keys()]);
    for (const [blobId, { times, sizeBytes }] of unlinked) {
      if (linkCounts.get(blobId) !== times) continue;
      result.blobs += 1;
      result.bytes += sizeBytes;
    }
  }
  return result;

  async function* doomedManifests(): AsyncGenerator<CollectableManifest[]> {
    const lost = new Map(lostTags);
    const untagged = await listCollectableManifests(db, [...lostTags.keys()]);
    yield* doom(untagged.filter(({ id, holderCount }) => lostTags.get(id) === holderCount));
    for (let after = 0; ; ) {
      const page = await listUnheldManifests(db, place, after, PAGE);
      if (page.length === 0) return;
      after = page.at(-1)?.id ?? after;
      yield* doom(page);
    }

    /** These, as far as no lease keeps them, and what nothing holds once they are gone. */
    async function* doom(manifests: readonly CollectableManifest[]): AsyncGenerator<CollectableManifest[]> {
      const queue = manifests.filter((manifest) => manifest.leasedUntil <= endedBy);
      while (queue.length > 0) {
        const some = queue.splice(0, PAGE);
        yield some;
        for (const held of await listHeldManifests(
          db,
          some.map(({ id }) => id),
        )) {
          const holdersLost = (lost.get(held.id) ?? 0) + 1;
          lost.set(held.id, holdersLost);
          if (holdersLost === held.holderCount && held.leasedUntil <= endedBy) queue.push(held);
        }
        await nextTurn();
      }
    }
  }

  async function* doomedLinks(): AsyncGenerator<CollectableLink> {
    for (let after: CollectableLink | undefined; ; ) {
      const page = await listUnreferencedLinks(db, place, after, PAGE);
      yield* page.filter((link) => link.leasedUntil <= endedBy);
      after = page.at(-1);
      if (after === undefined || after.leasedUntil > endedBy) break;
      await nextTurn();
    }
    for (const [repositoryId, counts] of references) {
      for (const link of await listLinks(db, repositoryId, [...counts.keys()])) {
        if (link.referenceCount === counts.get(link.digest) && link.leasedUntil <= endedBy) yield link;
      }
      await nextTurn();
    }
  }
}
