import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { requireScope } from "../auth/access.ts";
import { listTags } from "../metadata/tags.ts";
import { parseRepositoryName, parseTagName } from "../model/name.ts";
import { deleteTag } from "../registry/tags.ts";
import { PageQuery, parsePage, presentLinks } from "./pages.ts";
import { registryOf, repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

interface RepositoryParams {
  registry: string;
  repository: string;
}

export function tagRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  app.get<{ Params: RepositoryParams; Querystring: Static<typeof PageQuery> }>(
    "/:registry/repositories/:repository/tags",
    { onRequest: requireScope(context, "registry:read"), schema: { querystring: PageQuery } },
    async (request) => {
      const page = parsePage(request.query);
      const { registry, repository } = await repositoryOf(backend, request);

      const tags = await listTags(backend.db, repository.id, { offset: page.offset, limit: page.size });

      const path = `/v2/registry/${registry.name}/repositories/${encodeURIComponent(repository.name)}/tags`;
      return {
        tags: tags.map((tag) => ({
          registry_name: registry.name,
          repository: repository.name,
          tag: tag.name,
          manifest_digest: tag.manifestDigest,
          compressed_size_bytes: tag.compressedSizeBytes,
          size_bytes: tag.uncompressedSizeBytes,
          updated_at: presentTime(tag.updatedAt),
        })),
        links: presentLinks(originOf(request) + path, page, repository.tagCount),
        meta: { total: repository.tagCount },
      };
    },
  );

  // A tag that is not there, or whose repository is not, is deleted already: 204, as DigitalOcean answers.
  app.delete<{ Params: RepositoryParams & { tag: string } }>(
    "/:registry/repositories/:repository/tags/:tag",
    { onRequest: requireScope(context, "registry:delete") },
    async (request, reply) => {
      const tag = parseTagName(request.params.tag);
      const repository = parseRepositoryName(request.params.repository);
      const registry = await registryOf(backend, request);

      await deleteTag(backend, { registry, repository }, tag);

      return reply.code(204).send();
    },
  );
}
