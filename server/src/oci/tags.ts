import type { FastifyInstance } from "fastify";
import { type AccessContext, accessOf, requireAccess } from "../auth/access.ts";
import { listTagNames } from "../metadata/tags.ts";
import { RegistryError } from "../model/errors.ts";
import { presentPath } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { getRepository } from "../registry/blobs.ts";
import { nextLink, type PageQuery, parsePage } from "./pages.ts";

interface TagsRequest {
  Params: { name: string };
  Querystring: PageQuery;
}

export function tagRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  // end-8: tags in byte order, in pages.
  app.get<TagsRequest>(
    "/:name/tags/list",
    { onRequest: requireAccess(context, "pull") },
    async (request, reply) => {
      const { limit, after } = parsePage(request.query);
      const access = accessOf(request);

      const repository = await getRepository(backend, access);
      const path = presentPath({ registry: access.registry.name, repository: access.repository });
      if (repository.manifestCount === 0) {
        throw new RegistryError("NAME_UNKNOWN", `there is no repository ${path}`);
      }
      const found =
        limit === 0 ? [] : await listTagNames(backend.db, repository.id, { after, limit: limit + 1 });
      const tags = found.slice(0, limit);

      const last = tags.at(-1);
      if (last !== undefined && found.length > limit) {
        reply.header("link", nextLink(request, `/v2/${path}/tags/list`, { n: String(limit), last }));
      }
      return { name: path, tags };
    },
  );
}
