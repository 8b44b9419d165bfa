/** Every counter that rows carry, beside what counting the rows gives. */
import { expect } from "vitest";
import { type Finding, verify } from "../../src/gc/verify.ts";
import type { Database, Queries } from "../../src/metadata/database.ts";
import { getRegistryUsage } from "../../src/metadata/registries.ts";
import type { Backend } from "../../src/registry/backend.ts";

/** Expects every counter to be right, every row to have its bytes, whole, and all bytes a row. */
export async function expectRowsAndBytesToAgree(backend: Backend): Promise<void> {
  await expectCountersToBeRight(backend.db);
  const findings: Finding[] = [];
  const onFinding = (finding: Finding) => findings.push(finding);
  await verify(backend, { full: true, onFinding, onProgress: () => {} });
  expect(findings).toEqual([]);
}

/** Expects every counter of the living registries to be what counting the rows gives. */
export async function expectCountersToBeRight(db: Database): Promise<void> {
  // All rows as they were at one moment: background work goes on.
  const rows = await db.transaction().setIsolationLevel("repeatable read").execute(readRows);

  expect(
    rows.repositories.map((row) => ({ id: row.id, tags: row.tag_count, manifests: row.manifest_count })),
    "the tags and manifests of repositories",
  ).toEqual(
    rows.repositories.map(({ id }) => ({
      id,
      tags: rows.tags.filter((tag) => tag.repository_id === id).length,
      manifests: rows.manifests.filter((manifest) => manifest.repository_id === id).length,
    })),
  );

  // What holds a manifest: tags on it, indexes that list it, and its subject where that is here.
  expect(
    rows.manifests.map((row) => ({ id: row.id, holders: row.holder_count })),
    "the holders of manifests",
  ).toEqual(
    rows.manifests.map(({ id, repository_id, digest, subject }) => ({
      id,
      holders:
        rows.tags.filter((tag) => tag.manifest_id === id).length +
        rows.deletedTags.filter((tag) => tag.manifest_id === id).length +
        rows.children.filter((edge) => edge.repository_id === repository_id && edge.digest === digest)
          .length +
        rows.manifests.filter((other) => other.repository_id === repository_id && other.digest === subject)
          .length,
    })),
  );

  expect(
    rows.links.map((row) => [row.repository_id, row.digest, row.reference_count]),
    "the manifests that need a blob",
  ).toEqual(
    rows.links.map(({ repository_id, digest }) => [
      repository_id,
      digest,
      rows.edges.filter((edge) => edge.repository_id === repository_id && edge.digest === digest).length,
    ]),
  );

  const repositoriesOfBlob = new Map<string, number>();
  for (const { registry_id, blob_id } of rows.links) {
    if (blob_id === null) continue;
    const key = `registry ${registry_id}, blob ${blob_id}`;
    repositoriesOfBlob.set(key, (repositoriesOfBlob.get(key) ?? 0) + 1);
  }
  expect(
    Object.fromEntries(
      rows.registryBlobs.map((row) => [`registry ${row.registry_id}, blob ${row.blob_id}`, row.link_count]),
    ),
    "the repositories that link a blob",
  ).toEqual(Object.fromEntries(repositoriesOfBlob));

  const sizeOf = new Map<number | null, number>(rows.blobs.map((blob) => [blob.id, blob.size_bytes]));
  const sum = (links: typeof rows.links) =>
    links.reduce((bytes, { blob_id }) => bytes + (sizeOf.get(blob_id) ?? 0), 0);
  expect(
    rows.repositories.map(({ id, size_bytes, unique_bytes }) => {
      const pending = rows.changes.filter(({ repository_id }) => repository_id === id);
      const size = pending.reduce((bytes, change) => bytes + change.repository_size_bytes, size_bytes);
      const unique = pending.reduce((bytes, change) => bytes + change.repository_unique_bytes, unique_bytes);
      return { id, size, unique };
    }),
    "the sizes of repositories",
  ).toEqual(
    rows.repositories.map(({ id }) => {
      const links = rows.links.filter((link) => link.repository_id === id && link.blob_id !== null);
      const alone = links.filter(
        (link) => repositoriesOfBlob.get(`registry ${link.registry_id}, blob ${link.blob_id}`) === 1,
      );
      return { id, size: sum(links), unique: sum(alone) };
    }),
  );

  for (const { id, usage } of rows.registries) {
    const links = rows.links.filter((link) => link.registry_id === id);
    const blobIds = [...new Set(links.map((link) => link.blob_id))];
    const { storageUsageBytes, repositoryCount, taggedRepositoryCount } = usage;
    const counted = { storageUsageBytes, repositoryCount, taggedRepositoryCount };
    expect(counted, "the usage of a registry").toEqual({
      storageUsageBytes: blobIds.reduce((bytes: number, blobId) => bytes + (sizeOf.get(blobId) ?? 0), 0),
      repositoryCount: rows.repositories.filter(
        (repository) => repository.registry_id === id && repository.manifest_count > 0,
      ).length,
      taggedRepositoryCount: rows.repositories.filter(
        (repository) => repository.registry_id === id && repository.tag_count > 0,
      ).length,
    });
  }
}

async function readRows(tx: Queries) {
  const living = tx.selectFrom("registry").select("id").where("deleted_at", "is", null);
  const registries = [];
  for (const { id } of await living.execute()) {
    registries.push({ id, usage: await getRegistryUsage(tx, id) });
  }
  return {
    registries,
    repositories: await tx
      .selectFrom("repository")
      .select(["id", "registry_id", "tag_count", "manifest_count", "size_bytes", "unique_bytes"])
      .where("registry_id", "in", living)
      .where("deleted_at", "is", null)
      .execute(),
    manifests: await tx
      .selectFrom("manifest")
      .innerJoin("repository", "repository.id", "manifest.repository_id")
      .select(["manifest.id", "repository_id", "digest", "subject", "holder_count"])
      .where("repository.registry_id", "in", living)
      .where("repository.deleted_at", "is", null)
      .execute(),
    tags: await tx.selectFrom("tag").select(["repository_id", "manifest_id"]).execute(),
    deletedTags: await tx.selectFrom("deleted_tag").select("manifest_id").execute(),
    changes: await tx
      .selectFrom("registry_change")
      .select(["repository_id", "repository_size_bytes", "repository_unique_bytes"])
      .execute(),
    children: await tx.selectFrom("manifest_child").select(["repository_id", "digest"]).execute(),
    edges: await tx.selectFrom("manifest_blob").select(["repository_id", "digest"]).execute(),
    links: await tx
      .selectFrom("repository_blob")
      .select(["repository_id", "registry_id", "digest", "blob_id", "reference_count"])
      .where("registry_id", "in", living)
      .execute(),
    registryBlobs: await tx
      .selectFrom("registry_blob")
      .select(["registry_id", "blob_id", "link_count"])
      .where("registry_id", "in", living)
      .execute(),
    blobs: await tx.selectFrom("blob").select(["id", "size_bytes"]).execute(),
  };
}
