import type { FastifyInstance } from "fastify";
import { type AccessContext, accessOf, requireAccess } from "../auth/access.ts";
import { listTagNames } from "../metadata/tags.ts";
import { RegistryError } from "../model/errors.ts";
import { presentPath } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { getRepository } from "../registry/blobs.ts";
import { nextLink, parseLast } from "./pages.ts";

/** The longest page, and the one that a client gets who asks for none. */
const MAX_PAGE = 1000;

interface TagsRequest {
  Params: { name: string };
  Querystring: { n?: unknown; last?: unknown };
}

export function tagRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  // end-8: tags in byte order, in pages.
  app.get<TagsRequest>(
    "/:name/tags/list",
    { onRequest: requireAccess(context, "pull") },
    async (request, reply) => {
      const limit = parsePageSize(request.query.n);
      const after = parseLast(request.query.last);
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

function parsePageSize(value: unknown): number {
  if (value === undefined) return MAX_PAGE;
  if (typeof value !== "string" || !/^\d+$/.test(value)) {
    throw new RegistryError("PAGINATION_INVALID", "n is a number of tags: 0 or more");
  }
  return Math.min(Number(value), MAX_PAGE);
}
