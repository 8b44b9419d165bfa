import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { requireScope } from "../auth/access.ts";
import { cancelGarbageCollection, getActiveGarbageCollection, startGarbageCollection } from "../gc/run.ts";
import {
  countGarbageCollections,
  type GarbageCollection,
  listGarbageCollections,
} from "../metadata/garbage-collections.ts";
import { getGarbageCollectionSettings } from "../metadata/registries.ts";
import {
  GARBAGE_COLLECTION_TYPES,
  type GarbageCollectionType,
  WRITES,
  type Writes,
} from "../model/garbage-collection.ts";
import { oneOf, parseObject } from "./bodies.ts";
import { PageQuery, parsePage, presentLinks } from "./pages.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

interface RegistryRequest {
  Params: { registry: string };
}

const CancelBody = Type.Object({ cancel: Type.Optional(Type.Boolean()) });

/** Both families have the same four operations, below their own prefixes. */
export function garbageCollectionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  app.post<RegistryRequest & { Body: unknown }>(
    "/:registry/garbage-collection",
    { onRequest: requireScope(context, "registry:update") },
    async (request, reply) => {
      const { type, writes } = parseRun(request.body);
      const registry = await registryOf(backend, request);

      const settings = await getGarbageCollectionSettings(backend.db, registry.id);
      const run = await startGarbageCollection(backend, registry, {
        type,
        writes: writes ?? settings.writes ?? backend.garbageCollectionWrites,
      });

      return reply.code(201).send({ garbage_collection: presentRun(run) });
    },
  );

  app.get<RegistryRequest>(
    "/:registry/garbage-collection",
    { onRequest: requireScope(context, "registry:read") },
    async (request) => {
      const registry = await registryOf(backend, request);

      return { garbage_collection: presentRun(await getActiveGarbageCollection(backend, registry)) };
    },
  );

  app.get<RegistryRequest & { Querystring: Static<typeof PageQuery> }>(
    "/:registry/garbage-collections",
    { onRequest: requireScope(context, "registry:read"), schema: { querystring: PageQuery } },
    async (request) => {
      const page = parsePage(request.query);
      const registry = await registryOf(backend, request);

      const runs = await listGarbageCollections(backend.db, registry.id, {
        offset: page.offset,
        limit: page.size,
      });
      const total = await countGarbageCollections(backend.db, registry.id);

      return {
        garbage_collections: runs.map(presentRun),
        links: presentLinks(originOf(request) + pathOf(request), page, total),
        meta: { total },
      };
    },
  );

  // The uuid is asked for so that nobody cancels a run that he has not seen.
  app.put<{ Params: { registry: string; uuid: string }; Body: Static<typeof CancelBody> }>(
    "/:registry/garbage-collection/:uuid",
    { onRequest: requireScope(context, "registry:update"), schema: { body: CancelBody } },
    async (request) => {
      const { uuid } = request.params;
      const registry = await registryOf(backend, request);

      const run = request.body.cancel
        ? await cancelGarbageCollection(backend, registry, uuid)
        : await getActiveGarbageCollection(backend, registry, uuid);

      return { garbage_collection: presentRun(run) };
    },
  );
}

/** Without a body, or a type in it, a run deletes unreferenced blobs, as the API documents it. */
function parseRun(body: unknown): { type: GarbageCollectionType; writes: Writes | undefined } {
  const { type = "unreferenced blobs only", writes } = parseObject(body);
  return {
    type: oneOf(type, GARBAGE_COLLECTION_TYPES, "type"),
    writes: writes === undefined ? undefined : oneOf(writes, WRITES, "writes"),
  };
}

function pathOf(request: FastifyRequest): string {
  return request.originalUrl.split("?", 1)[0] ?? "";
}

function presentRun(run: GarbageCollection): object {
  return {
    uuid: run.uuid,
    registry_name: run.registryName,
    status: run.status,
    type: run.type,
    created_at: presentTime(run.createdAt),
    updated_at: presentTime(run.updatedAt),
    blobs_deleted: run.blobsDeleted,
    freed_bytes: run.freedBytes,
    // Ours: a step that fails is tried again, up to five times.
    failures: run.failures,
    failure: run.failure,
  };
}
