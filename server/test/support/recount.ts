/** Every counter that the rows carry, beside what counting the rows gives. */
import { expect } from "vitest";
import type { Database } from "../../src/metadata/database.ts";
import { getRegistryUsage } from "../../src/metadata/registries.ts";

/** Expects every counter of every living registry to be what counting the rows gives. Nothing else may write meanwhile. */
export async function expectCountersToBeRight(db: Database): Promise<void> {
  const rows = await readRows(db);

  const repositories = rows.repositories.map(({ id }) => ({
    id,
    tags: rows.tags.filter((tag) => tag.repository_id === id).length,
    manifests: rows.manifests.filter((manifest) => manifest.repository_id === id).length,
  }));
  expect(
    rows.repositories.map((row) => ({ id: row.id, tags: row.tag_count, manifests: row.manifest_count })),
    "the tags and manifests of repositories",
  ).toEqual(repositories);

  // What holds a manifest: tags on it, indexes that list it, and its subject where that is here.
  const holders = rows.manifests.map(({ id, repository_id, digest, subject }) => ({
    id,
    holders:
      rows.tags.filter((tag) => tag.manifest_id === id).length +
      rows.children.filter((edge) => edge.repository_id === repository_id && edge.digest === digest).length +
      rows.manifests.filter((other) => other.repository_id === repository_id && other.digest === subject)
        .length,
  }));
  expect(
    rows.manifests.map((row) => ({ id: row.id, holders: row.holder_count })),
    "the holders of manifests",
  ).toEqual(holders);

  const references = rows.links.map(({ repository_id, digest }) => ({
    repository_id,
    digest,
    references: rows.edges.filter((edge) => edge.repository_id === repository_id && edge.digest === digest)
      .length,
  }));
  expect(
    rows.links.map(({ repository_id, digest, reference_count }) => ({
      repository_id,
      digest,
      references: reference_count,
    })),
    "the manifests that refer to blobs",
  ).toEqual(references);

  // Each blob once a registry, with how many of its repositories link it.
  const linked = new Map<string, number>();
  for (const { registry_id, blob_id } of rows.links) {
    if (blob_id === null) continue;
    const key = `${registry_id}/${blob_id}`;
    linked.set(key, (linked.get(key) ?? 0) + 1);
  }
  expect(
    Object.fromEntries(
      rows.registryBlobs.map((row) => [`${row.registry_id}/${row.blob_id}`, row.link_count]),
    ),
    "the repositories that link a blob",
  ).toEqual(Object.fromEntries(linked));

  const sizes = new Map(rows.blobs.map((blob) => [blob.id, blob.size_bytes]));
  for (const { id } of rows.registries) {
    const blobIds = new Set(rows.links.filter((link) => link.registry_id === id).map((link) => link.blob_id));
    const { storageUsageBytes, repositoryCount } = await getRegistryUsage(db, id);
    expect({ storageUsageBytes, repositoryCount }, "the usage of a registry").toEqual({
      storageUsageBytes: [...blobIds].reduce((sum: number, blobId) => sum + (sizes.get(blobId ?? 0) ?? 0), 0),
      repositoryCount: rows.repositories.filter(
        (repository) => repository.registry_id === id && repository.manifest_count > 0,
      ).length,
    });
  }
}

async function readRows(db: Database) {
  return {
    registries: await db.selectFrom("registry").select("id").where("deleted_at", "is", null).execute(),
    repositories: await db
      .selectFrom("repository")
      .select(["id", "registry_id", "tag_count", "manifest_count"])
      .where("deleted_at", "is", null)
      .orderBy("id")
      .execute(),
    manifests: await db
      .selectFrom("manifest")
      .select(["id", "repository_id", "digest", "subject", "holder_count"])
      .orderBy("id")
      .execute(),
    tags: await db.selectFrom("tag").select(["repository_id", "manifest_id"]).execute(),
    children: await db.selectFrom("manifest_child").select(["repository_id", "digest"]).execute(),
    edges: await db.selectFrom("manifest_blob").select(["repository_id", "digest"]).execute(),
    links: await db
      .selectFrom("repository_blob")
      .select(["repository_id", "registry_id", "digest", "blob_id", "reference_count"])
      .orderBy("repository_id")
      .orderBy("digest")
      .execute(),
    registryBlobs: await db
      .selectFrom("registry_blob")
      .select(["registry_id", "blob_id", "link_count"])
      .execute(),
    blobs: await db.selectFrom("blob").select(["id", "size_bytes"]).execute(),
  };
}
