import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { listManifests, type ManifestSummary } from "../metadata/manifests.ts";
import { parseDigest } from "../model/digest.ts";
import type { RegistryName, RepositoryName } from "../model/name.ts";
import { deleteManifest } from "../registry/manifests.ts";
import { Count, Nothing, operation, RepositoryParams, Time } from "./operation.ts";
import { LISTED, PageQuery } from "./pages.ts";
import { readRepositoryPage, repositoryOf, repositoryPaths } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const ManifestParams = Type.Object({ ...RepositoryParams.properties, manifest_digest: Type.String() });

export const ManifestBody = Type.Object(
  {
    digest: Type.String(),
    registry_name: Type.String(),
    repository: Type.String(),
    compressed_size_bytes: Count,
    size_bytes: Count,
    updated_at: Time,
    tags: Type.Array(Type.String()),
    blobs: Type.Array(Type.Object({ digest: Type.String(), compressed_size_bytes: Count })),
  },
  { title: "Manifest" },
);

const ListBody = Type.Object({ manifests: Type.Array(ManifestBody), ...LISTED });

export function manifestRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  for (const path of repositoryPaths(app)) {
    app.get<{ Params: Static<typeof RepositoryParams>; Querystring: Static<typeof PageQuery> }>(
      `${path}/digests`,
      operation(context, ["registry:read"], {
        id: "list_repositoryManifests",
        summary: "List a repository's manifests, newest first",
        params: RepositoryParams,
        querystring: PageQuery,
        success: { 200: ListBody },
        refusals: [404, 422],
      }),
      async (request): Promise<Static<typeof ListBody>> => {
        const { registry, repository, items, listed } = await readRepositoryPage(app, context, request, {
          path: "digests",
          count: "manifestCount",
          list: listManifests,
        });

        return {
          manifests: items.map((manifest) => presentManifest(registry.name, repository.name, manifest)),
          ...listed,
        };
      },
    );

    app.delete<{ Params: Static<typeof ManifestParams> }>(
      `${path}/digests/:manifest_digest`,
      operation(context, ["registry:delete"], {
        id: "delete_repositoryManifest",
        summary: "Delete a manifest, and every tag on it",
        params: ManifestParams,
        success: { 204: Nothing },
        refusals: [404, 412, 422, 507],
      }),
      async (request, reply) => {
        const digest = parseDigest(request.params.manifest_digest);
        const { registry, repository } = await repositoryOf(backend, request);

        const place = { registry, repository: repository.name };
        await deleteManifest(backend, place, digest, apiTokenOf(request).name);

        return reply.code(204).send();
      },
    );
  }
}

export function presentManifest(
  registry: RegistryName,
  repository: RepositoryName,
  manifest: ManifestSummary,
): Static<typeof ManifestBody> {
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
