import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { requireScope } from "../auth/access.ts";
import { cancelGarbageCollection, getActiveGarbageCollection, startGarbageCollection } from "../gc/run.ts";
import {
  countGarbageCollections,
  type GarbageCollection,
  listGarbageCollections,
} from "../metadata/garbage-collections.ts";
import { RegistryError } from "../model/errors.ts";
import {
  GARBAGE_COLLECTION_TYPES,
  type GarbageCollectionType,
  WRITES,
  type Writes,
} from "../model/garbage-collection.ts";
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
      const wanted = parseRun(request.body);
      const registry = await registryOf(backend, request);

      const run = await startGarbageCollection(backend, registry, wanted);

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

/** Without a body, or a type in it, a run deletes unreferenced blobs and pauses writes, as the API documents it. */
function parseRun(body: unknown): { type: GarbageCollectionType; writes: Writes } {
  if (body === undefined || body === null) return { type: "unreferenced blobs only", writes: "pause" };
  if (typeof body !== "object" || Array.isArray(body)) {
    throw new RegistryError("SETTING_INVALID", "the body is not a JSON object: leave it out, or send one");
  }
  const { type = "unreferenced blobs only", writes = "pause" } = body as { type?: unknown; writes?: unknown };
  return {
    type: oneOf(type, GARBAGE_COLLECTION_TYPES, "type"),
    writes: oneOf(writes, WRITES, "writes"),
  };
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], name: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) {
    const list = allowed.map((one) => JSON.stringify(one)).join(", ");
    throw new RegistryError("SETTING_INVALID", `${name} is one of ${list}`);
  }
  return found;
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
  };
}
