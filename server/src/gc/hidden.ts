import { insertTrash } from "../metadata/blobs.ts";
import { type Queries, transactInBackground } from "../metadata/database.ts";
import { deleteLinksOf } from "../metadata/links.ts";
import { deleteManifestsOf } from "../metadata/manifests.ts";
import { deleteRegistryRow, listHiddenRegistries } from "../metadata/registries.ts";
import { deleteRepositoryRow, hideRepositoriesOf, listHiddenRepositories } from "../metadata/repositories.ts";
import { deleteUploadSessionsOf } from "../metadata/upload-sessions.ts";
import { deleteWriteTokensOf } from "../metadata/write-tokens.ts";
import type { Backend } from "../registry/backend.ts";
import { STORE_CALL_LIMIT_MS } from "../registry/uploads.ts";
import { releaseLinks } from "../registry/usage.ts";

/** Repositories and registries that one call looks at. */
const AT_ONCE = 10;

/**
 * Empties hidden repositories and registries by one step of up to `limit` rows each, and removes those that are empty.
 * Nobody sees them any more, so their counters and leases no longer count. Returns how many rows went.
 */
export async function emptyHidden(backend: Backend, limit: number): Promise<number> {
  const { db, now } = backend;
  let rows = 0;
  for (const registryId of await listHiddenRegistries(db, AT_ONCE)) {
    rows += await transactInBackground(db, (tx) => hideRepositoriesOf(tx, registryId, limit, now()));
  }
  for (const repository of await listHiddenRepositories(db, AT_ONCE)) {
    rows += await transactInBackground(db, (tx) => emptyRepository(backend, tx, repository, limit));
  }
  for (const registryId of await listHiddenRegistries(db, AT_ONCE)) {
    rows += await transactInBackground(db, async (tx) => {
      await deleteWriteTokensOf(tx, registryId);
      return (await deleteRegistryRow(tx, registryId)) ? 1 : 0;
    });
  }
  return rows;
}

/** Manifests first, then what they needed, then the repository's own row. */
async function emptyRepository(
  backend: Backend,
  tx: Queries,
  repository: { id: number; registryId: number },
  limit: number,
): Promise<number> {
  const manifests = await deleteManifestsOf(tx, repository.id, limit);
  if (manifests > 0) return manifests;
  const abandoned = await deleteUploadSessionsOf(tx, repository.id, limit);
  await insertTrash(
    tx,
    abandoned.map((upload) => ({ ...upload, deleteAfter: backend.now() + STORE_CALL_LIMIT_MS })),
  );
  const links = await deleteLinksOf(tx, repository.id, limit);
  await releaseLinks(backend, tx, repository.registryId, links);
  if (abandoned.length + links.length > 0) return abandoned.length + links.length;
  await deleteRepositoryRow(tx, repository.id);
  return 1;
}
