import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { getAccountUsage } from "../metadata/registries.ts";
import type { Subscription } from "../metadata/subscriptions.ts";
import { REGIONS } from "../model/region.ts";
import { type Excess, TIER_SLUGS, type Tier, type Tiers } from "../model/tier.ts";
import { changeTier, findObstacles, getSubscription } from "../registry/subscriptions.ts";
import { Count, operation, Time } from "./operation.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const TierBody = Type.Object(
  {
    name: Type.String(),
    slug: Type.Enum(TIER_SLUGS),
    included_repositories: Type.Integer({ minimum: 0, description: "0: unlimited." }),
    included_storage_bytes: Count,
    allow_storage_overage: Type.Boolean(),
    included_bandwidth_bytes: Count,
    monthly_price_in_cents: Count,
    storage_overage_price_in_cents: Type.Optional(Count),
  },
  { title: "Tier" },
);

export const SubscriptionBody = Type.Object(
  { tier: TierBody, created_at: Time, updated_at: Time },
  { title: "Subscription" },
);

const OfferedTierBody = Type.Object(
  {
    ...TierBody.properties,
    eligible: Type.Boolean(),
    eligibility_reasons: Type.Optional(Type.Array(Type.Enum(["OverRepositoryLimit", "OverStorageLimit"]))),
  },
  { title: "OfferedTier" },
);

const OptionsBody = Type.Object({
  options: Type.Object({
    available_regions: Type.Array(Type.String()),
    subscription_tiers: Type.Array(OfferedTierBody),
  }),
});

const ChangeBody = Type.Object({ tier_slug: Type.Enum(TIER_SLUGS) });

export function subscriptionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;
  const { db, tiers } = backend;
  const One = Type.Object({ subscription: SubscriptionBody });

  app.get(
    "/subscription",
    operation(context, ["registry:read"], {
      id: "get_subscription",
      summary: "Get the account's subscription",
      success: { 200: One },
      refusals: [404],
    }),
    async (request) => {
      const subscription = await getSubscription(db, apiTokenOf(request).accountId);

      return { subscription: presentSubscription(tiers, subscription) };
    },
  );

  app.post<{ Body: Static<typeof ChangeBody> }>(
    "/subscription",
    operation(context, ["registry:update"], {
      id: "update_subscription",
      summary: "Move the account to another tier",
      body: ChangeBody,
      success: { 200: One },
      refusals: [400, 404, 412, 422, 507],
    }),
    async (request) => {
      const subscription = await changeTier(backend, apiTokenOf(request).accountId, request.body.tier_slug);

      return { subscription: presentSubscription(tiers, subscription) };
    },
  );

  app.get(
    "/options",
    operation(context, ["registry:read"], {
      id: "get_options",
      summary: "List regions and tiers, and whether the account may move to each",
      success: { 200: OptionsBody },
    }),
    async (request) => {
      const usage = await getAccountUsage(db, apiTokenOf(request).accountId);

      return {
        options: {
          available_regions: REGIONS,
          subscription_tiers: Object.values(tiers).map((tier) =>
            presentOffer(tier, findObstacles(backend, tier, usage)),
          ),
        },
      };
    },
  );
}

export function presentSubscription(
  tiers: Tiers,
  { tierSlug, createdAt, updatedAt }: Subscription,
): Static<typeof SubscriptionBody> {
  return {
    tier: presentTier(tiers[tierSlug]),
    created_at: presentTime(createdAt),
    updated_at: presentTime(updatedAt),
  };
}

function presentOffer(tier: Tier, obstacles: readonly Excess[]): Static<typeof OfferedTierBody> {
  // Clients know no such reason here: with too many registries a tier is not eligible, and that is all they are told.
  const reasons = obstacles.filter((excess) => excess !== "OverRegistryLimit");
  return {
    ...presentTier(tier),
    eligible: obstacles.length === 0,
    ...(reasons.length === 0 ? {} : { eligibility_reasons: reasons }),
  };
}

function presentTier(tier: Tier): Static<typeof TierBody> {
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
