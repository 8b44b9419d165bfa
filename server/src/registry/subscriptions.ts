import { lockAccount } from "../metadata/accounts.ts";
import { type Queries, transact } from "../metadata/database.ts";
import { getAccountUsage } from "../metadata/registries.ts";
import { findSubscription, type Subscription, updateSubscription } from "../metadata/subscriptions.ts";
import { RegistryError } from "../model/errors.ts";
import { type AccountUsage, type Excess, excessesOf, type Tier, type TierSlug } from "../model/tier.ts";
import type { Backend } from "./backend.ts";

const WAYS_OUT = "delete some, change to a larger tier, or run the server with BOXYARD_LIMITS=none";

/**
 * The account's subscription, which came with its first registry.
 * @throws {RegistryError} SUBSCRIPTION_UNKNOWN
 */
export async function getSubscription(db: Queries, accountId: number): Promise<Subscription> {
  const subscription = await findSubscription(db, accountId);
  if (subscription !== undefined) return subscription;
  throw new RegistryError(
    "SUBSCRIPTION_UNKNOWN",
    "the account has no subscription: it comes with the first registry",
  );
}

/** The limits of a tier that keep an account with this usage from it. */
export function findObstacles({ enforcesLimits }: Backend, tier: Tier, usage: AccountUsage): Excess[] {
  return enforcesLimits ? excessesOf(tier, usage) : [];
}

/**
 * Moves the account to another tier, if that has room for what the account has.
 * @throws {RegistryError} SUBSCRIPTION_UNKNOWN, TIER_NOT_ELIGIBLE
 */
export async function changeTier(
  backend: Backend,
  accountId: number,
  tierSlug: TierSlug,
): Promise<Subscription> {
  const { db, now, tiers } = backend;
  return transact(db, async (tx) => {
    // No registry is created meanwhile.
    await lockAccount(tx, accountId);
    const { createdAt } = await getSubscription(tx, accountId);
    const usage = await getAccountUsage(tx, accountId);
    const obstacles = findObstacles(backend, tiers[tierSlug], usage);
    if (obstacles.length > 0) throw notEligible(tiers[tierSlug], usage, obstacles);
    const updatedAt = now();
    await updateSubscription(tx, accountId, { tierSlug, updatedAt });
    return { tierSlug, createdAt, updatedAt };
  });
}

/**
 * Refuses one registry more than the tier of a locked account includes.
 * @throws {RegistryError} TIER_NOT_ELIGIBLE
 */
export async function requireRoomForRegistry(
  backend: Backend,
  tx: Queries,
  accountId: number,
): Promise<void> {
  const tier = await getTier(backend, tx, accountId);
  const usage = await getAccountUsage(tx, accountId);
  const wanted = { ...usage, registries: usage.registries + 1 };
  const obstacle = findObstacles(backend, tier, wanted).find((excess) => excess === "OverRegistryLimit");
  if (obstacle !== undefined) throw notEligible(tier, usage, [obstacle]);
}

/**
 * Refuses so many repositories more than the account's tier includes.
 * @throws {RegistryError} TIER_LIMIT_EXCEEDED
 */
export async function requireRoomForRepositories(
  backend: Backend,
  db: Queries,
  accountId: number,
  count: number,
): Promise<void> {
  const tier = await getTier(backend, db, accountId);
  if (tier.includedRepositories === 0) return;
  const usage = await getAccountUsage(db, accountId);
  const wanted = { ...usage, repositories: usage.repositories + count };
  if (!findObstacles(backend, tier, wanted).includes("OverRepositoryLimit")) return;
  throw new RegistryError(
    "TIER_LIMIT_EXCEEDED",
    `registry contains ${usage.repositories} repositories, limit is ${tier.includedRepositories} and ${count} more would be made ${inAccount(tier)}`,
  );
}

/**
 * Refuses a manifest that is new where more is stored than the account's tier includes.
 * @throws {RegistryError} TIER_LIMIT_EXCEEDED
 */
export async function requireRoomForContent(backend: Backend, db: Queries, accountId: number): Promise<void> {
  const tier = await getTier(backend, db, accountId);
  if (tier.allowStorageOverage) return;
  const usage = await getAccountUsage(db, accountId);
  if (!findObstacles(backend, tier, usage).includes("OverStorageLimit")) return;
  throw new RegistryError(
    "TIER_LIMIT_EXCEEDED",
    `registry storage limit exceeded: ${usage.storageBytes} bytes are used, limit is ${tier.includedStorageBytes} ${inAccount(tier)}`,
  );
}

async function getTier({ tiers }: Backend, db: Queries, accountId: number): Promise<Tier> {
  const { tierSlug } = await getSubscription(db, accountId);
  return tiers[tierSlug];
}

function notEligible(tier: Tier, usage: AccountUsage, excesses: readonly Excess[]): RegistryError {
  const had = `the account has ${usage.registries} registries, ${usage.repositories} repositories and ${usage.storageBytes} bytes`;
  const limits = [
    `${tier.includedRegistries || "any number of"} registries`,
    `${tier.includedRepositories || "any number of"} repositories`,
    tier.allowStorageOverage ? "any number of bytes" : `${tier.includedStorageBytes} bytes`,
  ];
  return new RegistryError(
    "TIER_NOT_ELIGIBLE",
    `registry is not eligible for tier because: [${excesses.join(" ")}] (${had}, ${tier.slug} allows ${limits.join(", ")}): ${WAYS_OUT}`,
  );
}

/** What a limit is about, and the ways out. */
function inAccount(tier: Tier): string {
  return `(all registries of the account, on tier ${tier.slug}): ${WAYS_OUT}`;
}
