/** The panel's sessions and the links that open one, both by the SHA-256 of their secret. */
import type { Queries } from "./database.ts";

export async function insertSession(
  db: Queries,
  session: { sha256: string; apiTokenId: number; expiresAt: number; now: number },
): Promise<void> {
  await db
    .insertInto("panel_session")
    .values({
      sha256: session.sha256,
      api_token_id: session.apiTokenId,
      expires_at: session.expiresAt,
      created_at: session.now,
    })
    .execute();
}

export async function findSession(
  db: Queries,
  sha256: string,
): Promise<{ apiTokenId: number; expiresAt: number } | undefined> {
  return db
    .selectFrom("panel_session")
    .select(["api_token_id as apiTokenId", "expires_at as expiresAt"])
    .where("sha256", "=", sha256)
    .executeTakeFirst();
}

export async function renewSession(db: Queries, sha256: string, expiresAt: number): Promise<void> {
  await db.updateTable("panel_session").set({ expires_at: expiresAt }).where("sha256", "=", sha256).execute();
}

export async function deleteSession(db: Queries, sha256: string): Promise<void> {
  await db.deleteFrom("panel_session").where("sha256", "=", sha256).execute();
}

export async function insertSetupLink(
  db: Queries,
  link: { sha256: string; expiresAt: number },
): Promise<void> {
  await db.insertInto("setup_link").values({ sha256: link.sha256, expires_at: link.expiresAt }).execute();
}

/** Uses a link up. Returns whether there was one that has not expired. */
export async function takeSetupLink(db: Queries, sha256: string, now: number): Promise<boolean> {
  const row = await db
    .deleteFrom("setup_link")
    .where("sha256", "=", sha256)
    .where("expires_at", ">", now)
    .returning("sha256")
    .executeTakeFirst();
  return row !== undefined;
}

/** Removes up to `limit` sessions and links that have expired. Returns how many. */
export async function deleteExpiredSessions(db: Queries, now: number, limit: number): Promise<number> {
  let removed = 0;
  for (const table of ["panel_session", "setup_link"] as const) {
    const rows = await db
      .deleteFrom(table)
      .where("sha256", "in", (eb) =>
        eb.selectFrom(table).select("sha256").where("expires_at", "<=", now).limit(limit),
      )
      .returning("sha256")
      .execute();
    removed += rows.length;
  }
  return removed;
}
