import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
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
import { operation, RegistryParams, RepositoryParams, Time } from "./operation.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

/** No setting is ignored: who misspells one is told. */
const STRICT = { additionalProperties: false };

const Null = Type.Null();
const Flag = Type.Unsafe<boolean | null>({ type: ["boolean", "null"] });
const WritesOrNull = Type.Unsafe<Writes | null>({ enum: [...WRITES, null] });

const DEFAULT_TYPE = "untagged manifests and unreferenced blobs";
const RunType = Type.Enum(GARBAGE_COLLECTION_TYPES, { default: DEFAULT_TYPE });
const Cron = Type.String({ description: "A cron expression of five fields, in UTC." });

/** Changes what is named; null puts a setting back to what it is without one. */
const RegistryChange = Type.Object(
  {
    public: Type.Optional(Flag),
    garbage_collection: Type.Optional(
      Type.Object(
        {
          writes: Type.Optional(WritesOrNull),
          schedule: Type.Optional(
            Type.Union([Type.Object({ cron: Cron, type: Type.Optional(RunType) }, STRICT), Null]),
          ),
        },
        STRICT,
      ),
    ),
  },
  STRICT,
);

/** What people read of a repository, in Markdown or not. */
const MAX_DESCRIPTION_BYTES = 10_000;
const Description = Type.Unsafe<string | null>({
  type: ["string", "null"],
  description: `Text of up to ${MAX_DESCRIPTION_BYTES} bytes.`,
});

const RepositoryChange = Type.Object(
  { description: Type.Optional(Description), public: Type.Optional(Flag), sparse: Type.Optional(Flag) },
  STRICT,
);

const RegistrySettingsBody = Type.Object({
  settings: Type.Object(
    {
      public: Type.Boolean(),
      garbage_collection: Type.Object({
        writes: WritesOrNull,
        schedule: Type.Union([Type.Object({ cron: Cron, type: RunType }), Null]),
        next_run_at: Type.Union([Time, Null]),
      }),
    },
    { title: "RegistrySettings" },
  ),
});

const RepositorySettingsBody = Type.Object({
  settings: Type.Object(
    { description: Description, public: Type.Boolean(), sparse: Flag },
    { title: "RepositorySettings" },
  ),
});

export function settingsRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  app.get<{ Params: Static<typeof RegistryParams> }>(
    "/registries/:registry_name/settings",
    operation(context, ["registry:read"], {
      id: "get_registrySettings",
      summary: "Get a registry's settings",
      params: RegistryParams,
      success: { 200: RegistrySettingsBody },
      refusals: [404],
    }),
    async (request) => {
      const registry = await registryOf(backend, request);

      const garbageCollection = await getGarbageCollectionSettings(backend.db, registry.id);
      return presentRegistrySettings(registry.isPublic, garbageCollection);
    },
  );

  app.patch<{ Params: Static<typeof RegistryParams>; Body: Static<typeof RegistryChange> }>(
    "/registries/:registry_name/settings",
    operation(context, ["registry:update"], {
      id: "update_registrySettings",
      summary: "Change those of a registry's settings that are named; null puts one back",
      params: RegistryParams,
      body: RegistryChange,
      success: { 200: RegistrySettingsBody },
      refusals: [400, 404, 422, 507],
    }),
    async (request) => {
      const { public: wanted, garbage_collection: garbageCollection = {} } = request.body;
      const isPublic = wanted === undefined ? undefined : (wanted ?? false);
      const actor = apiTokenOf(request).name;
      const registry = await registryOf(backend, request);

      // First what may be refused: a refusal changes nothing.
      const changed = await changeGarbageCollectionSettings(
        backend,
        registry,
        changeOf(garbageCollection),
        actor,
      );
      if (isPublic !== undefined) await makeRegistryPublic(backend, registry, isPublic, actor);
      return presentRegistrySettings(isPublic ?? registry.isPublic, changed);
    },
  );

  // A repository's may be set before the first push to it.
  app.get<{ Params: Static<typeof RepositoryParams> }>(
    "/registries/:registry_name/repositories/:repository_name/settings",
    operation(context, ["registry:read"], {
      id: "get_repositorySettings",
      summary: "Get a repository's settings",
      params: RepositoryParams,
      success: { 200: RepositorySettingsBody },
      refusals: [404, 422],
    }),
    async (request) => {
      const repository = parseRepositoryName(request.params.repository_name);
      const registry = await registryOf(backend, request);

      return presentRepositorySettings(await findRepositorySettings(backend, { registry, repository }));
    },
  );

  app.patch<{ Params: Static<typeof RepositoryParams>; Body: Static<typeof RepositoryChange> }>(
    "/registries/:registry_name/repositories/:repository_name/settings",
    operation(context, ["registry:update"], {
      id: "update_repositorySettings",
      summary: "Change those of a repository's settings that are named; null puts one back",
      params: RepositoryParams,
      body: RepositoryChange,
      success: { 200: RepositorySettingsBody },
      refusals: [400, 404, 422, 507],
    }),
    async (request) => {
      const { description, public: isPublic, sparse } = request.body;
      const repository = parseRepositoryName(request.params.repository_name);
      const change: Partial<RepositorySettings> = {
        ...(description !== undefined && { description: parseDescription(description) }),
        ...(isPublic !== undefined && { isPublic: isPublic ?? false }),
        ...(sparse !== undefined && { sparse: sparse ?? undefined }),
      };
      const registry = await registryOf(backend, request);

      return presentRepositorySettings(
        await changeRepositorySettings(backend, { registry, repository }, change, apiTokenOf(request).name),
      );
    },
  );
}

type GarbageCollectionChange = NonNullable<Static<typeof RegistryChange>["garbage_collection"]>;

function changeOf({ writes, schedule }: GarbageCollectionChange): {
  writes?: Writes | undefined;
  schedule?: Schedule | undefined;
} {
  return {
    ...(writes !== undefined && { writes: writes ?? undefined }),
    ...(schedule !== undefined && { schedule: schedule ? { type: DEFAULT_TYPE, ...schedule } : undefined }),
  };
}

function presentRegistrySettings(
  isPublic: boolean,
  { writes, schedule, nextAt }: GarbageCollectionSettings,
): Static<typeof RegistrySettingsBody> {
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

/** @throws {RegistryError} SETTING_INVALID */
function parseDescription(text: string | null): string | undefined {
  if (text === null || text === "") return undefined;
  // PostgreSQL keeps no zero bytes in a text.
  if (Buffer.byteLength(text) <= MAX_DESCRIPTION_BYTES && !text.includes("\0")) return text;
  throw new RegistryError(
    "SETTING_INVALID",
    `a description has up to ${MAX_DESCRIPTION_BYTES} bytes of text without zero bytes: make it shorter`,
  );
}

function presentRepositorySettings({
  description,
  isPublic,
  sparse,
}: RepositorySettings): Static<typeof RepositorySettingsBody> {
  return { settings: { description: description ?? null, public: isPublic, sparse: sparse ?? null } };
}
