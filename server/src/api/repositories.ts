import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { requireScope } from "../auth/access.ts";
import { listNewestManifests } from "../metadata/manifests.ts";
import { getRegistryUsage } from "../metadata/registries.ts";
import { listRepositories } from "../metadata/repositories.ts";
import { deleteRepository } from "../registry/repositories.ts";
import { presentManifest } from "./manifests.ts";
import { PageQuery, parsePage, parsePageToken, presentLinks, presentPageToken } from "./pages.ts";
import { registryOf, repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";

const RepositoriesQuery = Type.Object({
  ...PageQuery.properties,
  page_token: Type.Optional(Type.String()),
});

interface RepositoriesRequest {
  Params: { registry: string };
  Querystring: Static<typeof RepositoriesQuery>;
}

export function repositoryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  app.get<RepositoriesRequest>(
    "/:registry/repositoriesV2",
    { onRequest: requireScope(context, "registry:read"), schema: { querystring: RepositoriesQuery } },
    async (request: FastifyRequest<RepositoriesRequest>) => {
      const page = parsePage(request.query);
      const { page_token: token } = request.query;
      const after = token === undefined ? undefined : parsePageToken(token);
      const registry = await registryOf(backend, request);

      const { repositoryCount } = await getRegistryUsage(backend.db, registry.id);
      const found = await listRepositories(backend.db, registry.id, {
        after,
        offset: page.offset,
        limit: page.size + 1,
      });
      const repositories = found.slice(0, page.size);
      const newest = await listNewestManifests(
        backend.db,
        repositories.map(({ id }) => id),
      );

      const last = repositories.at(-1);
      const url = `${originOf(request)}/v2/registry/${registry.name}/repositoriesV2`;
      return {
        repositories: repositories.map(({ id, name, tagCount, manifestCount }) => {
          const manifest = newest.get(id);
          return {
            registry_name: registry.name,
            name,
            ...(manifest === undefined
              ? {}
              : { latest_manifest: presentManifest(registry.name, name, manifest) }),
            tag_count: tagCount,
            manifest_count: manifestCount,
          };
        }),
        links: presentLinks(url, page, repositoryCount, {
          hasNext: found.length > page.size,
          pageToken: last && presentPageToken(last.name),
        }),
        meta: { total: repositoryCount },
      };
    },
  );
}

/** What the newer family alone has. */
export function repositoryDeletionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  // The repository goes, with all that is in it.
  app.delete<{ Params: { registry: string; repository: string } }>(
    "/:registry/repositories/:repository",
    { onRequest: requireScope(context, "registry:delete") },
    async (request, reply) => {
      const { registry, repository } = await repositoryOf(backend, request);

      await deleteRepository(backend, { registry, repository: repository.name });

      return reply.code(204).send();
    },
  );
}
