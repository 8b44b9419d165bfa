import type { Queries } from "./database.ts";

export interface Subscription {
  tierSlug: string;
  createdAt: number;
  updatedAt: number;
}

export async function findSubscription(db: Queries, accountId: number): Promise<Subscription | undefined> {
  return db
    .selectFrom("subscription")
    .select(["tier_slug as tierSlug", "created_at as createdAt", "updated_at as updatedAt"])
    .where("account_id", "=", accountId)
    .executeTakeFirst();
}

/** Subscribes the account, unless it is subscribed already. */
export async function insertSubscription(
  db: Queries,
  accountId: number,
  tierSlug: string,
  now: number,
): Promise<void> {
  await db
    .insertInto("subscription")
    .values({ account_id: accountId, tier_slug: tierSlug, created_at: now, updated_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
