import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf, requireScope } from "../auth/access.ts";
import { getRegistryUsage, type Registry } from "../metadata/registries.ts";
import { findSubscription, type Subscription } from "../metadata/subscriptions.ts";
import { parseRegistryName } from "../model/name.ts";
import { getTier, type Tier } from "../model/tier.ts";
import type { Backend } from "../registry/backend.ts";
import {
  createFirstRegistry,
  deleteRegistry,
  getOnlyRegistry,
  requireFreeName,
} from "../registry/registries.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const CreateBody = Type.Object({
  name: Type.String(),
  // `null`, which clients send for what their user did not set, is as good as nothing.
  subscription_tier_slug: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  region: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});

const ValidateNameBody = Type.Object({ name: Type.String() });

export function registryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  app.get("/", { onRequest: requireScope(context, "registry:read") }, async (request) => {
    const registry = await getOnlyRegistry(backend, apiTokenOf(request).accountId);

    return { registry: await presentRegistry(backend, registry) };
  });

  app.post<{ Body: Static<typeof CreateBody> }>(
    "/",
    { onRequest: requireScope(context, "registry:create"), schema: { body: CreateBody } },
    async (request, reply) => {
      const { name, region, subscription_tier_slug: tierSlug } = request.body;
      const wanted = {
        name: parseRegistryName(name),
        region: region ?? undefined,
        tierSlug: tierSlug ?? undefined,
      };

      const registry = await createFirstRegistry(backend, apiTokenOf(request).accountId, wanted);

      return reply.code(201).send({ registry: await presentRegistry(backend, registry) });
    },
  );

  app.delete("/", { onRequest: requireScope(context, "registry:delete") }, async (request, reply) => {
    const registry = await getOnlyRegistry(backend, apiTokenOf(request).accountId);

    await deleteRegistry(backend, registry);

    return reply.code(204).send();
  });

  app.post<{ Body: Static<typeof ValidateNameBody> }>(
    "/validate-name",
    { onRequest: requireScope(context, "registry:create"), schema: { body: ValidateNameBody } },
    async (request, reply) => {
      const name = parseRegistryName(request.body.name);

      await requireFreeName(backend, name);

      return reply.code(204).send();
    },
  );
}

async function presentRegistry({ db }: Backend, registry: Registry): Promise<object> {
  const usage = await getRegistryUsage(db, registry.id);
  const subscription = await findSubscription(db, registry.accountId);
  return {
    name: registry.name,
    uuid: registry.uuid,
    created_at: presentTime(registry.createdAt),
    region: registry.region,
    storage_usage_bytes: usage.storageUsageBytes,
    storage_usage_bytes_updated_at: presentTime(usage.storageUsageUpdatedAt),
    read_only: registry.readOnly,
    ...(subscription === undefined ? {} : { subscription: presentSubscription(subscription) }),
  };
}

function presentSubscription({ tierSlug, createdAt, updatedAt }: Subscription): object {
  return {
    tier: presentTier(getTier(tierSlug)),
    created_at: presentTime(createdAt),
    updated_at: presentTime(updatedAt),
  };
}

function presentTier(tier: Tier): object {
  return {
    name: tier.name,
    slug: tier.slug,
    included_repositories: tier.includedRepositories,
    included_storage_bytes: tier.includedStorageBytes,
    allow_storage_overage: tier.allowStorageOverage,
    included_bandwidth_bytes: tier.includedBandwidthBytes,
    monthly_price_in_cents: tier.monthlyPriceInCents,
    ...(tier.storageOveragePriceInCents === undefined
      ? {}
      : { storage_overage_price_in_cents: tier.storageOveragePriceInCents }),
  };
}
