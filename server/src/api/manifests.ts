import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { requireScope } from "../auth/access.ts";
import { listManifests, type ManifestSummary } from "../metadata/manifests.ts";
import { parseDigest } from "../model/digest.ts";
import type { RegistryName, RepositoryName } from "../model/name.ts";
import { deleteManifest } from "../registry/manifests.ts";
import { PageQuery, parsePage, presentLinks } from "./pages.ts";
import { repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

interface RepositoryParams {
  registry: string;
  repository: string;
}

export function manifestRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  app.get<{ Params: RepositoryParams; Querystring: Static<typeof PageQuery> }>(
    "/:registry/repositories/:repository/digests",
    { onRequest: requireScope(context, "registry:read"), schema: { querystring: PageQuery } },
    async (request) => {
      const page = parsePage(request.query);
      const { registry, repository } = await repositoryOf(backend, request);

      const manifests = await listManifests(backend.db, repository.id, {
        offset: page.offset,
        limit: page.size,
      });

      const path = `/v2/registry/${registry.name}/repositories/${encodeURIComponent(repository.name)}/digests`;
      return {
        manifests: manifests.map((manifest) => presentManifest(registry.name, repository.name, manifest)),
        links: presentLinks(originOf(request) + path, page, repository.manifestCount),
        meta: { total: repository.manifestCount },
      };
    },
  );

  // The manifest goes, and every tag on it.
  app.delete<{ Params: RepositoryParams & { digest: string } }>(
    "/:registry/repositories/:repository/digests/:digest",
    { onRequest: requireScope(context, "registry:delete") },
    async (request, reply) => {
      const digest = parseDigest(request.params.digest);
      const { registry, repository } = await repositoryOf(backend, request);

      await deleteManifest(backend, { registry, repository: repository.name }, digest);

      return reply.code(204).send();
    },
  );
}

export function presentManifest(
  registry: RegistryName,
  repository: RepositoryName,
  manifest: ManifestSummary,
): object {
  return {
    digest: manifest.digest,
    registry_name: registry,
    repository,
    compressed_size_bytes: manifest.compressedSizeBytes,
    size_bytes: manifest.uncompressedSizeBytes,
    updated_at: presentTime(manifest.updatedAt),
    tags: manifest.tags,
    blobs: manifest.blobs.map(({ digest, sizeBytes }) => ({ digest, compressed_size_bytes: sizeBytes })),
  };
}
