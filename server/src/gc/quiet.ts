import type { Queries } from "../metadata/database.ts";
import { lockRegistry } from "../metadata/registries.ts";
import { hasUploadSession } from "../metadata/upload-sessions.ts";
import { findLastWriteTokenExpiry } from "../metadata/write-tokens.ts";

/**
 * Until when leases count in this transaction: no longer where nobody pushes to the registry, because a lease is worth
 * something only while the push that got it goes on. The registry's lock keeps new write tokens out until the commit;
 * whether there are any is looked at under it, in a new statement.
 */
export async function leasesEndedBy(tx: Queries, registryId: number, now: number): Promise<number> {
  // A look without the lock first: a registry that is pushed to is not held up by it.
  if (await isPushedTo(tx, registryId, now)) return now;
  await lockRegistry(tx, registryId);
  return (await isPushedTo(tx, registryId, now)) ? now : Number.MAX_SAFE_INTEGER;
}

/** Uploads first: one that ends between the two looks leaves a write token, which the second then sees. */
async function isPushedTo(tx: Queries, registryId: number, now: number): Promise<boolean> {
  return (
    (await hasUploadSession(tx, registryId)) ||
    (await findLastWriteTokenExpiry(tx, registryId, now)) !== undefined
  );
}
