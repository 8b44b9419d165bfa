import type { Queries } from "./database.ts";
import { later } from "./later.ts";
import { prepared } from "./prepared.ts";

interface WriteToken {
  id: string;
  registryId: number;
  expiresAt: number;
}

const writeTokenInsertion = prepared((db, token: WriteToken) =>
  db
    .insertInto("write_token")
    .values({ id: token.id, registry_id: token.registryId, expires_at: token.expiresAt })
    .onConflict((conflict) =>
      conflict
        .columns(["registry_id", "id"])
        .doUpdateSet({ expires_at: later("write_token.expires_at", token.expiresAt) }),
    ),
);

/** Records that a JWT for writing in a registry is alive until `expiresAt`, or lives longer than was known. */
export async function putWriteToken(db: Queries, token: WriteToken): Promise<void> {
  await writeTokenInsertion(db, token);
}

/** When the last live write token of a registry ends, or `undefined` where there is none. */
export async function findLastWriteTokenExpiry(
  db: Queries,
  registryId: number,
  now: number,
): Promise<number | undefined> {
  const row = await db
    .selectFrom("write_token")
    .select("expires_at as expiresAt")
    .where("registry_id", "=", registryId)
    .where("expires_at", ">", now)
    .orderBy("expires_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.expiresAt;
}

/** Removes up to `limit` write tokens that ended. Returns how many. */
export async function deleteExpiredWriteTokens(db: Queries, now: number, limit: number): Promise<number> {
  const rows = await db
    .deleteFrom("write_token")
    .where((eb) =>
      eb(
        eb.refTuple("registry_id", "id"),
        "in",
        eb
          .selectFrom("write_token")
          .select(["registry_id", "id"])
          .where("expires_at", "<=", now)
          .orderBy("expires_at")
          .limit(limit)
          .forUpdate()
          .skipLocked()
          .$asTuple("registry_id", "id"),
      ),
    )
    .returning("id")
    .execute();
  return rows.length;
}

export async function deleteWriteTokensOf(db: Queries, registryId: number): Promise<void> {
  await db.deleteFrom("write_token").where("registry_id", "=", registryId).execute();
}
