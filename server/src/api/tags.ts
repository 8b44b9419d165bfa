import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { listTags, type Tag } from "../metadata/tags.ts";
import { parseRepositoryName, parseTagName, type RegistryName, type RepositoryName } from "../model/name.ts";
import { deleteTag } from "../registry/tags.ts";
import { Count, Nothing, operation, RepositoryParams, Time } from "./operation.ts";
import { LISTED, PageQuery } from "./pages.ts";
import { readRepositoryPage, registryOf, repositoryPaths } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const TagParams = Type.Object({ ...RepositoryParams.properties, repository_tag: Type.String() });

export const TagBody = Type.Object(
  {
    registry_name: Type.String(),
    repository: Type.String(),
    tag: Type.String(),
    manifest_digest: Type.String(),
    compressed_size_bytes: Count,
    size_bytes: Count,
    updated_at: Time,
  },
  { title: "Tag" },
);

const ListBody = Type.Object({ tags: Type.Array(TagBody), ...LISTED });

export function tagRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  for (const path of repositoryPaths(app)) {
    app.get<{ Params: Static<typeof RepositoryParams>; Querystring: Static<typeof PageQuery> }>(
      `${path}/tags`,
      operation(context, ["registry:read"], {
        id: "list_repositoryTags",
        summary: "List a repository's tags, newest first",
        params: RepositoryParams,
        querystring: PageQuery,
        success: { 200: ListBody },
        refusals: [404, 422],
      }),
      async (request): Promise<Static<typeof ListBody>> => {
        const { registry, repository, items, listed } = await readRepositoryPage(app, context, request, {
          path: "tags",
          count: "tagCount",
          list: listTags,
        });

        return {
          tags: items.map((tag) => presentTag(registry.name, repository.name, tag)),
          ...listed,
        };
      },
    );

    // A tag that is not there, or whose repository is not, is deleted already: 204, as DigitalOcean answers.
    app.delete<{ Params: Static<typeof TagParams> }>(
      `${path}/tags/:repository_tag`,
      operation(context, ["registry:delete"], {
        id: "delete_repositoryTag",
        summary: "Delete a tag; its manifest stays",
        params: TagParams,
        success: { 204: Nothing },
        refusals: [404, 412, 422, 507],
      }),
      async (request, reply) => {
        const tag = parseTagName(request.params.repository_tag);
        const repository = parseRepositoryName(request.params.repository_name);
        const registry = await registryOf(backend, request);

        await deleteTag(backend, { registry, repository }, tag, apiTokenOf(request).name);

        return reply.code(204).send();
      },
    );
  }
}

export function presentTag(
  registry: RegistryName,
  repository: RepositoryName,
  tag: Tag,
): Static<typeof TagBody> {
  return {
    registry_name: registry,
    repository,
    tag: tag.name,
    manifest_digest: tag.manifestDigest,
    compressed_size_bytes: tag.compressedSizeBytes,
    size_bytes: tag.uncompressedSizeBytes,
    updated_at: presentTime(tag.updatedAt),
  };
}
