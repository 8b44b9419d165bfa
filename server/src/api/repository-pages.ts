import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { estimateReclaimable } from "../gc/reclaimable.ts";
import { getRegistryUsage } from "../metadata/registries.ts";
import {
  countRepositoriesWith,
  findRepositoryRow,
  listRepositoryRows,
  type RepositoryRow,
  type RepositorySort,
} from "../metadata/repository-pages.ts";
import { listNewestTags } from "../metadata/tags.ts";
import { RegistryError } from "../model/errors.ts";
import { KEYSET, OrderBy, parsePlace, presentNext, presentPlace, Q, sizeOf } from "./keyset.ts";
import { Count, operation, RegistryParams, RepositoryParams, Time } from "./operation.ts";
import { LISTED } from "./pages.ts";
import { registryOf, repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const TimeOrNull = Type.Union([Time, Type.Null()]);
const TextOrNull = Type.Union([Type.String(), Type.Null()]);

const RowBody = Type.Object(
  {
    name: Type.String(),
    tag_count: Count,
    manifest_count: Count,
    size_bytes: Type.Integer({ minimum: 0, description: "Of all blobs that it has, each once." }),
    unique_bytes: Type.Integer({
      minimum: 0,
      description: "Of those that no other repository of the registry has.",
    }),
    last_pushed_at: Time,
    last_pulled_at: TimeOrNull,
    pull_count: Count,
    public: Type.Boolean(),
    description: TextOrNull,
  },
  { title: "RepositoryRow" },
);

const DetailsBody = Type.Object(
  {
    ...RowBody.properties,
    newest_tag: TextOrNull,
    shared_bytes: Count,
    reclaimable_bytes: Type.Integer({
      minimum: 0,
      description: "What a collection of untagged manifests and unreferenced blobs would free now.",
    }),
  },
  { title: "RepositoryDetails" },
);

const ListQuery = Type.Object({
  ...KEYSET,
  q: Q,
  sort: Type.Optional(Type.Enum(["name", "updated", "pulled", "pulls", "size", "tags"])),
  order: OrderBy,
});

const ListBody = Type.Object({ repositories: Type.Array(RowBody), ...LISTED });

export function repositoryPageRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const { db } = backend;

  app.get<{ Params: Static<typeof RegistryParams>; Querystring: Static<typeof ListQuery> }>(
    "/registries/:registry_name/repositories",
    operation(context, ["registry:read"], {
      id: "list_repositories",
      summary: "List a registry's repositories in any order",
      params: RegistryParams,
      querystring: ListQuery,
      success: { 200: ListBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const sort: RepositorySort = request.query.sort ?? "name";
      const order = request.query.order ?? (sort === "name" ? "asc" : "desc");
      const q = request.query.q || undefined;
      const size = sizeOf(request.query);
      const type = sort === "name" ? "string" : "number";
      const after = parsePlace(request.query, { sort, order, type });
      const registry = await registryOf(backend, request);

      const page = { sort, order, q, after, limit: size + 1 };
      const rows = await listRepositoryRows(db, registry.id, page);
      const total =
        q === undefined
          ? (await getRegistryUsage(db, registry.id)).repositoryCount
          : await countRepositoriesWith(db, registry.id, q);

      const last = rows.length > size ? rows[size - 1] : undefined;
      const url = `${originOf(request)}${app.prefix}/registries/${registry.name}/repositories`;
      return {
        repositories: rows.slice(0, size).map(presentRow),
        links: presentNext(
          url,
          request.query,
          last && presentPlace(sort, order, { value: last.sortValue, name: last.name }),
        ),
        meta: { total },
      };
    },
  );

  app.get<{ Params: Static<typeof RepositoryParams> }>(
    "/registries/:registry_name/repositories/:repository_name",
    operation(context, ["registry:read"], {
      id: "get_repository",
      summary: "Get a repository, with its sizes",
      params: RepositoryParams,
      success: { 200: Type.Object({ repository: DetailsBody }) },
      refusals: [404],
    }),
    async (request) => {
      const { registry, repository } = await repositoryOf(backend, request);

      const row = await findRepositoryRow(db, registry.id, repository.name);
      if (row === undefined) throw new RegistryError("NAME_UNKNOWN", "repository not found");
      const newest = await listNewestTags(db, [row.id]);
      const { reclaimableBytes } = await estimateReclaimable(backend, registry, row.id);

      return {
        repository: {
          ...presentRow(row),
          newest_tag: newest.get(row.id)?.name ?? null,
          shared_bytes: row.sizeBytes - row.uniqueBytes,
          reclaimable_bytes: reclaimableBytes,
        },
      };
    },
  );
}

function presentRow(row: RepositoryRow): Static<typeof RowBody> {
  return {
    name: row.name,
    tag_count: row.tagCount,
    manifest_count: row.manifestCount,
    size_bytes: row.sizeBytes,
    unique_bytes: row.uniqueBytes,
    last_pushed_at: presentTime(row.pushedAt),
    last_pulled_at: row.pulledAt === 0 ? null : presentTime(row.pulledAt),
    pull_count: row.pullCount,
    public: row.isPublic,
    description: row.description,
  };
}
