import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { countTagsWith, type TagSort } from "../metadata/tag-pages.ts";
import { ARTIFACT_KINDS, kindOf } from "../model/artifact-kind.ts";
import { listTagViews, type PlatformView, type TagView } from "../registry/tag-views.ts";
import { KEYSET, OrderBy, parsePlace, presentNext, presentPlace, Q, sizeOf } from "./keyset.ts";
import { Count, operation, RepositoryParams, Time } from "./operation.ts";
import { LISTED } from "./pages.ts";
import { repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

export const PlatformBody = Type.Object(
  {
    os: Type.String(),
    architecture: Type.String(),
    variant: Type.Optional(Type.String()),
    digest: Type.String(),
    size_bytes: Count,
  },
  { title: "PlatformOfManifest" },
);

const RowBody = Type.Object(
  {
    name: Type.String(),
    digest: Type.String(),
    media_type: Type.String(),
    artifact_type: Type.Union([Type.String(), Type.Null()]),
    kind: Type.Enum([...ARTIFACT_KINDS]),
    platforms: Type.Array(PlatformBody),
    size_bytes: Type.Integer({ minimum: 0, description: "Compressed, of all that it reaches." }),
    pushed_at: Time,
    pulled_at: Type.Union([Time, Type.Null()]),
    pull_count: Count,
    signed: Type.Boolean(),
    sboms: Count,
    attestations: Count,
  },
  { title: "TagRow" },
);

const ListQuery = Type.Object({
  ...KEYSET,
  q: Q,
  sort: Type.Optional(
    Type.Enum(["name", "pushed", "pulled", "size"], { description: "`name` puts 1.10 after 1.9." }),
  ),
  order: OrderBy,
});

const ListBody = Type.Object({ tags: Type.Array(RowBody), ...LISTED });

export function tagPageRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const { db } = backend;

  app.get<{ Params: Static<typeof RepositoryParams>; Querystring: Static<typeof ListQuery> }>(
    "/registries/:registry_name/repositories/:repository_name/tags",
    operation(context, ["registry:read"], {
      id: "list_tags",
      summary: "List a repository's tags in any order, with their platforms and what vouches for them",
      params: RepositoryParams,
      querystring: ListQuery,
      success: { 200: ListBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const sort: TagSort = request.query.sort ?? "pushed";
      const order = request.query.order ?? (sort === "name" ? "asc" : "desc");
      const q = request.query.q || undefined;
      const size = sizeOf(request.query);
      const type = sort === "name" ? "string" : "number";
      const after = parsePlace(request.query, { sort, order, type });
      const { registry, repository } = await repositoryOf(backend, request);

      const tags = await listTagViews(db, repository.id, { sort, order, q, after, limit: size + 1 });
      const total = q === undefined ? repository.tagCount : await countTagsWith(db, repository.id, q);

      const last = tags.length > size ? tags[size - 1] : undefined;
      const path = `/registries/${registry.name}/repositories/${encodeURIComponent(repository.name)}/tags`;
      return {
        tags: tags.slice(0, size).map(presentRow),
        links: presentNext(
          `${originOf(request)}${app.prefix}${path}`,
          request.query,
          last && presentPlace(sort, order, { value: last.sortValue, name: last.name }),
        ),
        meta: { total },
      };
    },
  );
}

function presentRow(tag: TagView): Static<typeof RowBody> {
  return {
    name: tag.name,
    digest: tag.digest,
    media_type: tag.mediaType,
    artifact_type: tag.artifactType,
    kind: kindOf(tag),
    platforms: tag.platforms.map(presentPlatform),
    size_bytes: tag.sizeBytes,
    pushed_at: presentTime(tag.pushedAt),
    pulled_at: tag.pulledAt === 0 ? null : presentTime(tag.pulledAt),
    pull_count: tag.pullCount,
    signed: tag.isSigned,
    sboms: tag.sboms,
    attestations: tag.attestations,
  };
}

export function presentPlatform({
  os,
  architecture,
  variant,
  digest,
  sizeBytes,
}: PlatformView): Static<typeof PlatformBody> {
  return { os, architecture, ...(variant !== undefined && { variant }), digest, size_bytes: sizeBytes };
}
