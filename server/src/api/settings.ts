import type { FastifyInstance } from "fastify";
import { requireScope } from "../auth/access.ts";
import { changeGarbageCollectionSettings } from "../gc/schedule.ts";
import {
  type GarbageCollectionSettings,
  getGarbageCollectionSettings,
  type Schedule,
} from "../metadata/registries.ts";
import type { RepositorySettings } from "../metadata/repositories.ts";
import { RegistryError } from "../model/errors.ts";
import { GARBAGE_COLLECTION_TYPES, WRITES, type Writes } from "../model/garbage-collection.ts";
import { parseRepositoryName } from "../model/name.ts";
import { makeRegistryPublic } from "../registry/registries.ts";
import { changeRepositorySettings, findRepositorySettings } from "../registry/repositories.ts";
import { oneOf, parseObject } from "./bodies.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

interface RegistryRequest {
  Params: { registry_name: string };
}

interface RepositoryRequest {
  Params: { registry_name: string; repository_name: string };
}

export function settingsRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  app.get<RegistryRequest>(
    "/registries/:registry_name/settings",
    { onRequest: requireScope(context, "registry:read") },
    async (request) => {
      const registry = await registryOf(backend, request);

      const garbageCollection = await getGarbageCollectionSettings(backend.db, registry.id);
      return presentRegistrySettings(registry.isPublic, garbageCollection);
    },
  );

  // Changes what is named; null puts a setting back to what it is without one.
  app.patch<RegistryRequest & { Body: unknown }>(
    "/registries/:registry_name/settings",
    { onRequest: requireScope(context, "registry:update") },
    async (request) => {
      const { isPublic, garbageCollection } = parseRegistryChange(request.body);
      const registry = await registryOf(backend, request);

      // First what may be refused: a refusal changes nothing.
      const changed = await changeGarbageCollectionSettings(backend, registry, garbageCollection);
      if (isPublic !== undefined) await makeRegistryPublic(backend, registry, isPublic);
      return presentRegistrySettings(isPublic ?? registry.isPublic, changed);
    },
  );

  // A repository's may be set before the first push to it.
  app.get<RepositoryRequest>(
    "/registries/:registry_name/repositories/:repository_name/settings",
    { onRequest: requireScope(context, "registry:read") },
    async (request) => {
      const repository = parseRepositoryName(request.params.repository_name);
      const registry = await registryOf(backend, request);

      return presentRepositorySettings(await findRepositorySettings(backend, { registry, repository }));
    },
  );

  app.patch<RepositoryRequest & { Body: unknown }>(
    "/registries/:registry_name/repositories/:repository_name/settings",
    { onRequest: requireScope(context, "registry:update") },
    async (request) => {
      const repository = parseRepositoryName(request.params.repository_name);
      const change = parseRepositoryChange(request.body);
      const registry = await registryOf(backend, request);

      return presentRepositorySettings(
        await changeRepositorySettings(backend, { registry, repository }, change),
      );
    },
  );
}

interface RegistryChange {
  isPublic: boolean | undefined;
  garbageCollection: GarbageCollectionChange;
}

interface GarbageCollectionChange {
  writes?: Writes | undefined;
  schedule?: Schedule | undefined;
}

function parseRegistryChange(body: unknown): RegistryChange {
  const { public: wanted, garbage_collection: garbageCollection, ...others } = parseObject(body);
  refuseUnknown(others, "");
  return {
    isPublic: wanted === undefined ? undefined : (parseFlag(wanted, "public") ?? false),
    garbageCollection: parseGarbageCollectionChange(garbageCollection),
  };
}

function parseGarbageCollectionChange(wanted: unknown): GarbageCollectionChange {
  const { writes, schedule, ...others } = parseObject(wanted);
  refuseUnknown(others, "garbage_collection.");
  const change: GarbageCollectionChange = {};
  if (writes !== undefined) {
    change.writes = writes === null ? undefined : oneOf(writes, WRITES, "garbage_collection.writes");
  }
  if (schedule !== undefined) change.schedule = schedule === null ? undefined : parseSchedule(schedule);
  return change;
}

function parseRepositoryChange(body: unknown): Partial<RepositorySettings> {
  const { public: isPublic, sparse, ...others } = parseObject(body);
  refuseUnknown(others, "");
  const change: Partial<RepositorySettings> = {};
  if (isPublic !== undefined) change.isPublic = parseFlag(isPublic, "public") ?? false;
  if (sparse !== undefined) change.sparse = parseFlag(sparse, "sparse");
  return change;
}

/** Whether a setting is to be on; `undefined`: as it is where nobody has set it. */
function parseFlag(value: unknown, name: string): boolean | undefined {
  if (value === null) return undefined;
  if (typeof value === "boolean") return value;
  throw new RegistryError("SETTING_INVALID", `${name} is true, false or null`);
}

function parseSchedule(value: unknown): Schedule {
  const { cron, type = "untagged manifests and unreferenced blobs", ...others } = parseObject(value);
  refuseUnknown(others, "garbage_collection.schedule.");
  if (typeof cron !== "string") {
    throw new RegistryError(
      "SETTING_INVALID",
      'garbage_collection.schedule.cron is a cron expression, for example "0 3 * * *"',
    );
  }
  return { cron, type: oneOf(type, GARBAGE_COLLECTION_TYPES, "garbage_collection.schedule.type") };
}

function refuseUnknown(others: Record<string, unknown>, prefix: string): void {
  const [name] = Object.keys(others);
  if (name === undefined) return;
  throw new RegistryError("SETTING_INVALID", `there is no setting ${prefix}${name}`);
}

function presentRegistrySettings(
  isPublic: boolean,
  { writes, schedule, nextAt }: GarbageCollectionSettings,
): object {
  return {
    settings: {
      public: isPublic,
      garbage_collection: {
        writes: writes ?? null,
        schedule: schedule ?? null,
        next_run_at: nextAt === undefined ? null : presentTime(nextAt),
      },
    },
  };
}

function presentRepositorySettings({ isPublic, sparse }: RepositorySettings): object {
  return { settings: { public: isPublic, sparse: sparse ?? null } };
}
