import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { listNewestManifests } from "../metadata/manifests.ts";
import { getRegistryUsage } from "../metadata/registries.ts";
import { listRepositories } from "../metadata/repositories.ts";
import { listNewestTags } from "../metadata/tags.ts";
import { deleteRepository } from "../registry/repositories.ts";
import { ManifestBody, presentManifest } from "./manifests.ts";
import { Count, Nothing, operation, RegistryParams, RepositoryParams } from "./operation.ts";
import { LISTED, PageQuery, parsePage, parsePageToken, presentLinks, presentPageToken } from "./pages.ts";
import { registryOf, repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTag, TagBody } from "./tags.ts";

const TokenPageQuery = Type.Object({
  ...PageQuery.properties,
  page_token: Type.Optional(Type.String()),
});

const ListBody = Type.Object({
  repositories: Type.Array(
    Type.Object(
      {
        registry_name: Type.String(),
        name: Type.String(),
        latest_manifest: Type.Optional(ManifestBody),
        tag_count: Count,
        manifest_count: Count,
      },
      { title: "Repository" },
    ),
  ),
  ...LISTED,
});

const TaggedListBody = Type.Object({
  repositories: Type.Array(
    Type.Object(
      {
        registry_name: Type.String(),
        name: Type.String(),
        latest_tag: TagBody,
        tag_count: Count,
      },
      { title: "TaggedRepository" },
    ),
  ),
  ...LISTED,
});

/** The older family's first list: repositories without a tag are not in it, because its clients expect one of each. */
export function taggedRepositoryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const { db } = backend;

  app.get<{ Params: Static<typeof RegistryParams>; Querystring: Static<typeof PageQuery> }>(
    "/:registry_name/repositories",
    operation(context, ["registry:read"], {
      id: "list_repositories",
      summary: "List a registry's repositories that have tags, by name",
      params: RegistryParams,
      querystring: PageQuery,
      success: { 200: TaggedListBody },
      refusals: [404, 422],
    }),
    async (request): Promise<Static<typeof TaggedListBody>> => {
      const page = parsePage(request.query);
      const registry = await registryOf(backend, request);

      const { taggedRepositoryCount } = await getRegistryUsage(db, registry.id);
      const repositories = await listRepositories(db, registry.id, {
        having: "tags",
        offset: page.offset,
        limit: page.size,
      });
      const newest = await listNewestTags(
        db,
        repositories.map(({ id }) => id),
      );

      const url = `${originOf(request)}${app.prefix}/${registry.name}/repositories`;
      return {
        repositories: repositories.flatMap(({ id, name, tagCount }) => {
          const tag = newest.get(id);
          // Deleted between the two queries.
          if (tag === undefined) return [];
          const latest = presentTag(registry.name, name, tag);
          return { registry_name: registry.name, name, latest_tag: latest, tag_count: tagCount };
        }),
        links: presentLinks(url, page, taggedRepositoryCount),
        meta: { total: taggedRepositoryCount },
      };
    },
  );
}

/** Both families'. */
export function repositoryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const { db } = backend;

  app.get<{ Params: Static<typeof RegistryParams>; Querystring: Static<typeof TokenPageQuery> }>(
    "/:registry_name/repositoriesV2",
    operation(context, ["registry:read"], {
      id: "list_repositoriesV2",
      summary: "List a registry's repositories, by name",
      params: RegistryParams,
      querystring: TokenPageQuery,
      success: { 200: ListBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const page = parsePage(request.query);
      const { page_token: token } = request.query;
      const after = token === undefined ? undefined : parsePageToken(token);
      const registry = await registryOf(backend, request);

      const { repositoryCount } = await getRegistryUsage(db, registry.id);
      const found = await listRepositories(db, registry.id, {
        after,
        offset: page.offset,
        limit: page.size + 1,
      });
      const repositories = found.slice(0, page.size);
      const newest = await listNewestManifests(
        db,
        repositories.map(({ id }) => id),
      );

      const last = repositories.at(-1);
      const url = `${originOf(request)}${app.prefix}/${registry.name}/repositoriesV2`;
      return {
        repositories: repositories.map(({ id, name, tagCount, manifestCount }) => {
          const manifest = newest.get(id);
          return {
            registry_name: registry.name,
            name,
            ...(manifest && { latest_manifest: presentManifest(registry.name, name, manifest) }),
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

  app.delete<{ Params: Static<typeof RepositoryParams> }>(
    "/:registry_name/repositories/:repository_name",
    operation(context, ["registry:delete"], {
      id: "delete_repository",
      summary: "Delete a repository, and all that is in it",
      params: RepositoryParams,
      success: { 204: Nothing },
      refusals: [404, 412, 507],
    }),
    async (request, reply) => {
      const { registry, repository } = await repositoryOf(backend, request);

      const place = { registry, repository: repository.name };
      await deleteRepository(backend, place, apiTokenOf(request).name);

      return reply.code(204).send();
    },
  );
}
