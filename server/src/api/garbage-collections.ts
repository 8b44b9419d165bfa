import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { cancelGarbageCollection, getActiveGarbageCollection, startGarbageCollection } from "../gc/run.ts";
import {
  countGarbageCollections,
  type GarbageCollection,
  listGarbageCollections,
} from "../metadata/garbage-collections.ts";
import { getGarbageCollectionSettings } from "../metadata/registries.ts";
import {
  GARBAGE_COLLECTION_STATUSES,
  GARBAGE_COLLECTION_TYPES,
  WRITES,
} from "../model/garbage-collection.ts";
import { Count, operation, RegistryParams, Time } from "./operation.ts";
import { LISTED, PageQuery, parsePage, presentLinks } from "./pages.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const RunParams = Type.Object({ ...RegistryParams.properties, garbage_collection_uuid: Type.String() });

/** Without a body, or a type in it, a run deletes unreferenced blobs, as the API documents it. */
const StartBody = Type.Object({
  type: Type.Optional(Type.Enum(GARBAGE_COLLECTION_TYPES)),
  writes: Type.Optional(Type.Enum(WRITES)),
});

const CancelBody = Type.Object({ cancel: Type.Optional(Type.Boolean()) });

export const RunBody = Type.Object(
  {
    uuid: Type.String({ format: "uuid" }),
    registry_name: Type.String(),
    status: Type.Enum(GARBAGE_COLLECTION_STATUSES),
    type: Type.Enum(GARBAGE_COLLECTION_TYPES),
    created_at: Time,
    updated_at: Time,
    blobs_deleted: Count,
    freed_bytes: Count,
    // Ours: a step that fails is tried again, up to five times.
    failures: Count,
    failure: Type.Union([Type.String(), Type.Null()]),
  },
  { title: "GarbageCollection" },
);

const ListBody = Type.Object({ garbage_collections: Type.Array(RunBody), ...LISTED });

/** Both families have the same four operations, below their own prefixes. */
export function garbageCollectionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const One = Type.Object({ garbage_collection: RunBody });

  app.post<{ Params: Static<typeof RegistryParams>; Body: Static<typeof StartBody> }>(
    "/:registry_name/garbage-collection",
    operation(context, ["registry:update"], {
      id: "run_garbageCollection",
      summary: "Start garbage collection",
      params: RegistryParams,
      body: StartBody,
      success: { 201: One },
      refusals: [400, 404, 412, 422, 507],
    }),
    async (request, reply) => {
      const { type = "unreferenced blobs only", writes } = request.body;
      const registry = await registryOf(backend, request);

      const settings = await getGarbageCollectionSettings(backend.db, registry.id);
      const run = await startGarbageCollection(backend, registry, {
        type,
        writes: writes ?? settings.writes ?? backend.garbageCollectionWrites,
        actor: apiTokenOf(request).name,
      });

      return reply.code(201).send({ garbage_collection: presentRun(run) });
    },
  );

  app.get<{ Params: Static<typeof RegistryParams> }>(
    "/:registry_name/garbage-collection",
    operation(context, ["registry:read"], {
      id: "get_garbageCollection",
      summary: "Get the garbage collection that is active",
      params: RegistryParams,
      success: { 200: One },
      refusals: [404],
    }),
    async (request) => {
      const registry = await registryOf(backend, request);

      return { garbage_collection: presentRun(await getActiveGarbageCollection(backend, registry)) };
    },
  );

  app.get<{ Params: Static<typeof RegistryParams>; Querystring: Static<typeof PageQuery> }>(
    "/:registry_name/garbage-collections",
    operation(context, ["registry:read"], {
      id: "list_garbageCollections",
      summary: "List a registry's garbage collections, newest first",
      params: RegistryParams,
      querystring: PageQuery,
      success: { 200: ListBody },
      refusals: [404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const page = parsePage(request.query);
      const registry = await registryOf(backend, request);

      const runs = await listGarbageCollections(backend.db, registry.id, {
        offset: page.offset,
        limit: page.size,
      });
      const total = await countGarbageCollections(backend.db, registry.id);

      const url = `${originOf(request)}${app.prefix}/${registry.name}/garbage-collections`;
      return {
        garbage_collections: runs.map(presentRun),
        links: presentLinks(url, page, total),
        meta: { total },
      };
    },
  );

  // The uuid is asked for so that nobody cancels a run that he has not seen.
  app.put<{ Params: Static<typeof RunParams>; Body: Static<typeof CancelBody> }>(
    "/:registry_name/garbage-collection/:garbage_collection_uuid",
    operation(context, ["registry:update"], {
      id: "update_garbageCollection",
      summary: "Cancel the garbage collection that is active",
      params: RunParams,
      body: CancelBody,
      success: { 200: One },
      refusals: [400, 404, 422, 507],
    }),
    async (request) => {
      const { garbage_collection_uuid: uuid } = request.params;
      const registry = await registryOf(backend, request);

      const run = request.body.cancel
        ? await cancelGarbageCollection(backend, registry, uuid)
        : await getActiveGarbageCollection(backend, registry, uuid);

      return { garbage_collection: presentRun(run) };
    },
  );
}

export function presentRun(run: GarbageCollection): Static<typeof RunBody> {
  return {
    uuid: run.uuid,
    registry_name: run.registryName,
    status: run.status,
    type: run.type,
    created_at: presentTime(run.createdAt),
    updated_at: presentTime(run.updatedAt),
    blobs_deleted: run.blobsDeleted,
    freed_bytes: run.freedBytes,
    failures: run.failures,
    failure: run.failure,
  };
}
