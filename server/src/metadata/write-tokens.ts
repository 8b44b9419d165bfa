import type { Queries } from "./database.ts";
import { later } from "./later.ts";

/** Records that a JWT for writing in a registry is alive until `expiresAt`, or lives longer than was known. */
export async function putWriteToken(
  db: Queries,
  token: { id: string; registryId: number; expiresAt: number },
): Promise<void> {
  await db
    .insertInto("write_token")
    .values({ id: token.id, registry_id: token.registryId, expires_at: token.expiresAt })
    .onConflict((conflict) =>
      conflict
        .columns(["registry_id", "id"])
        .doUpdateSet({ expires_at: later("write_token.expires_at", token.expiresAt) }),
    )
    .execute();
}
