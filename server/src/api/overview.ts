import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { hasScope } from "../auth/scopes.ts";
import { estimateReclaimable } from "../gc/reclaimable.ts";
import { listEvents } from "../metadata/events.ts";
import { listGarbageCollections } from "../metadata/garbage-collections.ts";
import { getDayCounts } from "../metadata/pulls.ts";
import { getRegistryUsage, listRegistries } from "../metadata/registries.ts";
import { listLargestRepositories, sumContents } from "../metadata/repository-pages.ts";
import { findManifestsFrom, findRepositoriesWith, findTagsFrom } from "../metadata/search.ts";
import { findSubscription } from "../metadata/subscriptions.ts";
import { dayOf } from "../registry/activity.ts";
import type { Backend } from "../registry/backend.ts";
import { EventBody, presentEvent } from "./activity.ts";
import { presentRun, RunBody } from "./garbage-collections.ts";
import { SearchText } from "./keyset.ts";
import { Count, operation, RegistryParams } from "./operation.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";

const LARGEST = 5;
const RECENT = 10;
const MAX_RESULTS = 20;
/** A shorter beginning of a digest would find anything. */
const MIN_HEX = 6;

const OverviewBody = Type.Object({
  overview: Type.Object(
    {
      storage: Type.Object({
        used_bytes: Count,
        quota_bytes: Type.Union([Count, Type.Null()], { description: "What the subscription includes." }),
        tagged_bytes: Type.Integer({ minimum: 0, description: "What tags lead to." }),
        untagged_bytes: Type.Integer({ minimum: 0, description: "What nothing leads to." }),
        reclaimable_bytes: Type.Integer({
          minimum: 0,
          description: "What of that a collection would free now: leases keep the rest.",
        }),
      }),
      counts: Type.Object({ repositories: Count, tags: Count, manifests: Count }),
      pulls_today: Count,
      pushes_today: Count,
      largest_repositories: Type.Array(
        Type.Object({ name: Type.String(), unique_bytes: Count, size_bytes: Count }),
      ),
      recent_events: Type.Array(EventBody),
      garbage_collection: Type.Union([RunBody, Type.Null()]),
      health: Type.Object({ database: Type.String(), storage: Type.String(), version: Type.String() }),
    },
    { title: "Overview" },
  ),
});

const SearchQuery = Type.Object({ q: Type.String({ ...SearchText, minLength: 1 }) });

const ResultBody = Type.Object(
  {
    kind: Type.Enum(["registry", "repository", "tag", "manifest"]),
    registry: Type.String(),
    repository: Type.Optional(Type.String()),
    tag: Type.Optional(Type.String()),
    digest: Type.Optional(Type.String()),
  },
  { title: "SearchResult" },
);

const AboutBody = Type.Object({
  about: Type.Object(
    {
      version: Type.String(),
      database: Type.Enum(["SQLite", "PostgreSQL"]),
      storage: Type.String(),
      tls: Type.Boolean(),
      limits: Type.Enum(["documented", "none"]),
      public_url: Type.String(),
    },
    { title: "About" },
  ),
});

export function overviewRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf, version, health } = context;
  const { db } = backend;

  app.get<{ Params: Static<typeof RegistryParams> }>(
    "/registries/:registry_name/overview",
    operation(context, ["registry:read"], {
      id: "get_overview",
      summary: "Get a registry at a glance: storage, counts, the largest repositories, the latest events",
      params: RegistryParams,
      success: { 200: OverviewBody },
      refusals: [404],
    }),
    async (request): Promise<Static<typeof OverviewBody>> => {
      const registry = await registryOf(backend, request);
      const mayReadAccount = hasScope(apiTokenOf(request), "account:read");

      const usage = await getRegistryUsage(db, registry.id);
      const { garbageBytes, reclaimableBytes } = await estimateReclaimable(backend, registry);
      const contents = await sumContents(db, registry.id);
      const today = await getDayCounts(db, registry.id, dayOf(backend.now()));
      const largest = await listLargestRepositories(db, registry.id, LARGEST);
      const scope = { registryId: registry.id, accountId: mayReadAccount ? registry.accountId : undefined };
      const events = await listEvents(db, scope, { limit: RECENT });
      const [run] = await listGarbageCollections(db, registry.id, { offset: 0, limit: 1 });
      const { database, storage } = await health();

      return {
        overview: {
          storage: {
            used_bytes: usage.storageUsageBytes,
            quota_bytes: await findQuota(backend, registry.accountId),
            tagged_bytes: usage.storageUsageBytes - garbageBytes,
            untagged_bytes: garbageBytes,
            reclaimable_bytes: reclaimableBytes,
          },
          counts: { repositories: usage.repositoryCount, ...contents },
          pulls_today: today.pulls,
          pushes_today: today.pushes,
          largest_repositories: largest.map(({ name, uniqueBytes, sizeBytes }) => ({
            name,
            unique_bytes: uniqueBytes,
            size_bytes: sizeBytes,
          })),
          recent_events: events.map(presentEvent),
          garbage_collection: run === undefined ? null : presentRun(run),
          health: { database, storage, version },
        },
      };
    },
  );

  app.get<{ Querystring: Static<typeof SearchQuery> }>(
    "/search",
    operation(context, ["registry:read"], {
      id: "search",
      summary:
        "Find registries and repositories by a part of their name, tags and manifests by how they begin",
      querystring: SearchQuery,
      success: { 200: Type.Object({ results: Type.Array(ResultBody) }) },
      refusals: [422],
    }),
    async (request) => {
      const { q } = request.query;
      const { accountId } = apiTokenOf(request);

      return { results: await search(backend, accountId, q) };
    },
  );

  app.get(
    "/about",
    operation(context, [], {
      id: "get_about",
      summary: "Say what this server is",
      success: { 200: AboutBody },
    }),
    async (request): Promise<Static<typeof AboutBody>> => {
      const origin = originOf(request);

      return {
        about: {
          version,
          database: db.name,
          storage: "filesystem",
          tls: origin.startsWith("https:"),
          limits: backend.enforcesLimits ? "documented" : "none",
          public_url: origin,
        },
      };
    },
  );
}

async function findQuota({ db, tiers, enforcesLimits }: Backend, accountId: number): Promise<number | null> {
  const subscription = await findSubscription(db, accountId);
  if (subscription === undefined || !enforcesLimits) return null;
  return tiers[subscription.tierSlug].includedStorageBytes;
}

/** The nearest first: registries, then repositories, tags, manifests. */
async function search({ db }: Backend, accountId: number, q: string): Promise<Static<typeof ResultBody>[]> {
  const registries = await listRegistries(db, accountId);
  if (registries.length === 0) return [];
  const ids = registries.map(({ id }) => id);
  const text = q.toLowerCase();
  const results: Static<typeof ResultBody>[] = registries
    .filter(({ name }) => name.includes(text))
    .map(({ name }) => ({ kind: "registry", registry: name }));
  for (const found of await findRepositoriesWith(db, ids, q, MAX_RESULTS)) {
    results.push({ kind: "repository", ...found });
  }
  for (const found of await findTagsFrom(db, ids, q, MAX_RESULTS)) results.push({ kind: "tag", ...found });
  const [, algorithm = "sha256:", hex = ""] = /^(sha(?:256|512):)?([0-9a-f]*)$/.exec(text) ?? [];
  if (hex.length >= MIN_HEX) {
    for (const found of await findManifestsFrom(db, ids, algorithm + hex, MAX_RESULTS)) {
      results.push({ kind: "manifest", ...found });
    }
  }
  return results.slice(0, MAX_RESULTS);
}
