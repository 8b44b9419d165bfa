/** What a subscription allows; prices are DigitalOcean's, and nothing here bills them. */
export interface Tier {
  name: string;
  slug: TierSlug;
  /** 0: unlimited, as for repositories. */
  includedRegistries: number;
  includedRepositories: number;
  includedStorageBytes: number;
  allowStorageOverage: boolean;
  includedBandwidthBytes: number;
  monthlyPriceInCents: number;
  storageOveragePriceInCents: number | undefined;
}

/** Smallest first. */
export const TIER_SLUGS = ["starter", "basic", "professional"] as const;
export type TierSlug = (typeof TIER_SLUGS)[number];

export type Tiers = Readonly<Record<TierSlug, Tier>>;

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

export const DOCUMENTED_TIERS: Tiers = {
  starter: {
    name: "Starter",
    slug: "starter",
    includedRegistries: 1,
    includedRepositories: 1,
    includedStorageBytes: 500 * MIB,
    allowStorageOverage: false,
    includedBandwidthBytes: 500 * MIB,
    monthlyPriceInCents: 0,
    storageOveragePriceInCents: undefined,
  },
  basic: {
    name: "Basic",
    slug: "basic",
    includedRegistries: 1,
    includedRepositories: 5,
    includedStorageBytes: 5 * GIB,
    allowStorageOverage: true,
    includedBandwidthBytes: 5 * GIB,
    monthlyPriceInCents: 500,
    storageOveragePriceInCents: 2,
  },
  professional: {
    name: "Professional",
    slug: "professional",
    includedRegistries: 10,
    includedRepositories: 0,
    includedStorageBytes: 100 * GIB,
    allowStorageOverage: true,
    includedBandwidthBytes: 100 * GIB,
    monthlyPriceInCents: 2000,
    storageOveragePriceInCents: 2,
  },
};

/** What an account is on when its first registry names no tier. */
export const DEFAULT_TIER_SLUG: TierSlug = "professional";

/** What an account has of what its tier limits. */
export interface AccountUsage {
  registries: number;
  repositories: number;
  storageBytes: number;
}

/** A limit that an account is over, in the API's words. */
export type Excess = "OverRegistryLimit" | "OverRepositoryLimit" | "OverStorageLimit";

/** The limits of a tier that an account with this usage would be over. */
export function excessesOf(tier: Tier, usage: AccountUsage): Excess[] {
  const excesses: Excess[] = [];
  if (isOver(usage.registries, tier.includedRegistries)) excesses.push("OverRegistryLimit");
  if (isOver(usage.repositories, tier.includedRepositories)) excesses.push("OverRepositoryLimit");
  if (!tier.allowStorageOverage && usage.storageBytes > tier.includedStorageBytes) {
    excesses.push("OverStorageLimit");
  }
  return excesses;
}

function isOver(count: number, included: number): boolean {
  return included > 0 && count > included;
}
