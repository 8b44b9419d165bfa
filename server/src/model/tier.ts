/** What a subscription allows; prices are DigitalOcean's, and nothing here bills them. */
export interface Tier {
  name: string;
  slug: string;
  includedRegistries: number;
  /** 0: unlimited. */
  includedRepositories: number;
  includedStorageBytes: number;
  allowStorageOverage: boolean;
  includedBandwidthBytes: number;
  monthlyPriceInCents: number;
  storageOveragePriceInCents: number | undefined;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** The documented tiers, smallest first. */
export const TIERS: readonly Tier[] = [
  {
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
  {
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
  {
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
];

/** What an account is on when its first registry names no tier. */
export const DEFAULT_TIER_SLUG = "professional";

export function findTier(slug: string): Tier | undefined {
  return TIERS.find((tier) => tier.slug === slug);
}

export function getTier(slug: string): Tier {
  const tier = findTier(slug);
  if (tier === undefined) throw new Error(`no tier ${slug} is configured`);
  return tier;
}
