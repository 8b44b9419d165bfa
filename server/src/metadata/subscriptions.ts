import type { TierSlug } from "../model/tier.ts";
import type { Queries } from "./database.ts";
import { prepared } from "./prepared.ts";

export interface Subscription {
  tierSlug: TierSlug;
  createdAt: number;
  updatedAt: number;
}

const subscriptionOf = prepared((db, { accountId }: { accountId: number }) =>
  db
    .selectFrom("subscription")
    .select(["tier_slug as tierSlug", "created_at as createdAt", "updated_at as updatedAt"])
    .where("account_id", "=", accountId),
);

export async function findSubscription(db: Queries, accountId: number): Promise<Subscription | undefined> {
  const [subscription] = await subscriptionOf(db, { accountId });
  return subscription;
}

/**
 * Subscribes the account with its first registry: to the tier that this names, or, where it names none, to the one that
 * the account was on before, or to the default.
 */
export async function putSubscription(
  db: Queries,
  accountId: number,
  { tierSlug, defaultTierSlug }: { tierSlug: TierSlug | undefined; defaultTierSlug: TierSlug },
  now: number,
): Promise<void> {
  await db
    .insertInto("subscription")
    .values({
      account_id: accountId,
      tier_slug: tierSlug ?? defaultTierSlug,
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) =>
      tierSlug === undefined
        ? conflict.doNothing()
        : conflict.column("account_id").doUpdateSet({ tier_slug: tierSlug, updated_at: now }),
    )
    .execute();
}

export async function updateSubscription(
  db: Queries,
  accountId: number,
  { tierSlug, updatedAt }: { tierSlug: TierSlug; updatedAt: number },
): Promise<void> {
  await db
    .updateTable("subscription")
    .set({ tier_slug: tierSlug, updated_at: updatedAt })
    .where("account_id", "=", accountId)
    .execute();
}
