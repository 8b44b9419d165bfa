import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import {
  getRegistryUsage,
  listSubscribedRegistries,
  type Registry,
  type RegistryUsage,
  type SubscribedRegistry,
} from "../metadata/registries.ts";
import { findSubscription } from "../metadata/subscriptions.ts";
import { RegistryError } from "../model/errors.ts";
import { parseRegistryName } from "../model/name.ts";
import { REGIONS, type Region } from "../model/region.ts";
import { TIER_SLUGS } from "../model/tier.ts";
import type { Backend } from "../registry/backend.ts";
import {
  createFirstRegistry,
  createRegistry,
  deleteRegistry,
  getOnlyRegistry,
  type NewRegistry,
  requireFreeName,
} from "../registry/registries.ts";
import { Count, Nothing, operation, RegistryParams, Time } from "./operation.ts";
import { registryByNameOrUuid, registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentSubscription, SubscriptionBody } from "./subscriptions.ts";
import { presentTime } from "./time.ts";

const CreateBody = Type.Object({
  name: Type.String(),
  subscription_tier_slug: Type.Optional(Type.Enum(TIER_SLUGS)),
  region: Type.Optional(Type.Unsafe<Region>(Type.Enum([...REGIONS]))),
});

const ValidateNameBody = Type.Object({ name: Type.String() });

const ListQuery = Type.Object({ uuid: Type.Optional(Type.String()) });

const RegistryBody = Type.Object(
  {
    name: Type.String(),
    uuid: Type.String({ format: "uuid" }),
    created_at: Time,
    region: Type.String(),
    storage_usage_bytes: Count,
    storage_usage_bytes_updated_at: Time,
    read_only: Type.Boolean(),
  },
  { title: "Registry" },
);

const SubscribedRegistryBody = Type.Object(
  {
    ...RegistryBody.properties,
    subscription: Type.Optional(SubscriptionBody),
  },
  { title: "SubscribedRegistry" },
);

const ListBody = Type.Object({
  registries: Type.Array(SubscribedRegistryBody),
  total_storage_usage_bytes: Count,
  /** In the form of the path that ends with a slash: the first of the list. */
  registry: Type.Optional(SubscribedRegistryBody),
});

/** The older family's: they name no registry, and are about an account's only one. */
export function onlyRegistryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;
  const One = Type.Object({ registry: SubscribedRegistryBody });

  app.get(
    "/",
    operation(context, ["registry:read"], {
      id: "get",
      summary: "Get the account's only registry",
      success: { 200: One },
      refusals: [404, 412],
    }),
    async (request) => {
      const registry = await getOnlyRegistry(backend, apiTokenOf(request).accountId);

      return { registry: presentSubscribed(backend, registry) };
    },
  );

  app.post<{ Body: Static<typeof CreateBody> }>(
    "/",
    operation(context, ["registry:create"], {
      id: "create",
      summary: "Create the account's first registry, and its subscription",
      body: CreateBody,
      success: { 201: One },
      refusals: [400, 409, 422, 507],
    }),
    async (request, reply) => {
      const { accountId } = apiTokenOf(request);
      const wanted = parseWanted(request);

      const registry = await createFirstRegistry(backend, accountId, wanted);
      const usage = await getRegistryUsage(backend.db, registry.id);
      const subscription = await findSubscription(backend.db, accountId);

      const presented = presentSubscribed(backend, { registry, usage, subscription });
      return reply.code(201).send({ registry: presented });
    },
  );

  app.delete(
    "/",
    operation(context, ["registry:delete"], {
      id: "delete",
      summary: "Delete the account's only registry, and all that is in it",
      success: { 204: Nothing },
      refusals: [404, 412, 507],
    }),
    async (request, reply) => {
      const { registry } = await getOnlyRegistry(backend, apiTokenOf(request).accountId);

      await deleteRegistry(backend, registry, apiTokenOf(request).name);

      return reply.code(204).send();
    },
  );
}

/** The newer family's. */
export function registryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;
  const One = Type.Object({ registry: RegistryBody });

  const listing = operation(context, ["registry:read"], {
    id: "list",
    summary: "List the account's registries, oldest first",
    querystring: ListQuery,
    success: { 200: ListBody },
    refusals: [422],
  });

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    "/",
    { ...listing, prefixTrailingSlash: "no-slash" },
    async (request) => list(backend, apiTokenOf(request).accountId, request.query.uuid),
  );

  // Terraform's data sources ask for one registry by this path. The provider crashes on a list without one beside it, and
  // takes a 404.
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    "/",
    { ...listing, prefixTrailingSlash: "slash" },
    async (request) => {
      const listed = await list(backend, apiTokenOf(request).accountId, request.query.uuid);
      const [registry] = listed.registries;
      if (registry === undefined) {
        throw new RegistryError("REGISTRY_UNKNOWN", "registry not configured for user");
      }

      return { ...listed, registry };
    },
  );

  app.post<{ Body: Static<typeof CreateBody> }>(
    "/",
    operation(context, ["registry:create"], {
      id: "create",
      summary: "Create a registry",
      body: CreateBody,
      success: { 201: One },
      refusals: [400, 409, 412, 422, 507],
    }),
    async (request, reply) => {
      const wanted = parseWanted(request);

      const registry = await createRegistry(backend, apiTokenOf(request).accountId, wanted);

      return reply.code(201).send({ registry: await present(backend, registry) });
    },
  );

  app.get<{ Params: Static<typeof RegistryParams> }>(
    "/:registry_name",
    operation(context, ["registry:read"], {
      id: "get",
      summary: "Get a registry by its name, or by its UUID",
      params: RegistryParams,
      success: { 200: One },
      refusals: [404],
    }),
    async (request) => {
      const registry = await registryByNameOrUuid(backend, request);

      return { registry: await present(backend, registry) };
    },
  );

  app.delete<{ Params: Static<typeof RegistryParams> }>(
    "/:registry_name",
    operation(context, ["registry:delete"], {
      id: "delete",
      summary: "Delete a registry, and all that is in it",
      params: RegistryParams,
      success: { 204: Nothing },
      refusals: [404, 507],
    }),
    async (request, reply) => {
      const registry = await registryOf(backend, request);

      await deleteRegistry(backend, registry, apiTokenOf(request).name);

      return reply.code(204).send();
    },
  );
}

/** Both families'. */
export function validateNameRoutes(app: FastifyInstance, context: ApiContext): void {
  app.post<{ Body: Static<typeof ValidateNameBody> }>(
    "/validate-name",
    operation(context, ["registry:create"], {
      id: "validate_name",
      summary: "Say whether a registry of that name could be created",
      body: ValidateNameBody,
      success: { 204: Nothing },
      refusals: [400, 409, 422],
    }),
    async (request, reply) => {
      const name = parseRegistryName(request.body.name);

      await requireFreeName(context.backend, name);

      return reply.code(204).send();
    },
  );
}

function parseWanted(request: FastifyRequest<{ Body: Static<typeof CreateBody> }>): NewRegistry {
  const { name, region, subscription_tier_slug: tierSlug } = request.body;
  return { name: parseRegistryName(name), region, tierSlug, actor: apiTokenOf(request).name };
}

async function list(
  backend: Backend,
  accountId: number,
  uuid: string | undefined,
): Promise<Static<typeof ListBody>> {
  const all = await listSubscribedRegistries(backend.db, accountId);
  const listed = all.filter(({ registry }) => uuid === undefined || registry.uuid === uuid);
  return {
    registries: listed.map((registry) => presentSubscribed(backend, registry)),
    total_storage_usage_bytes: all.reduce((sum, { usage }) => sum + usage.storageUsageBytes, 0),
  };
}

async function present({ db }: Backend, registry: Registry): Promise<Static<typeof RegistryBody>> {
  return presentRegistry(registry, await getRegistryUsage(db, registry.id));
}

function presentSubscribed(
  { tiers }: Backend,
  { registry, usage, subscription }: SubscribedRegistry,
): Static<typeof SubscribedRegistryBody> {
  return {
    ...presentRegistry(registry, usage),
    ...(subscription && { subscription: presentSubscription(tiers, subscription) }),
  };
}

function presentRegistry(registry: Registry, usage: RegistryUsage): Static<typeof RegistryBody> {
  return {
    name: registry.name,
    uuid: registry.uuid,
    created_at: presentTime(registry.createdAt),
    region: registry.region,
    storage_usage_bytes: usage.storageUsageBytes,
    storage_usage_bytes_updated_at: presentTime(usage.storageUsageUpdatedAt),
    read_only: registry.readOnly,
  };
}
