import type { Queries } from "./database.ts";

/** A private JWK that signs the data plane's tokens, under the id that their header names. */
export interface SigningKey {
  id: string;
  privateJwk: string;
  createdAt: number;
}

/** Newest first: the first signs, the others still verify. */
export async function listSigningKeys(db: Queries): Promise<SigningKey[]> {
  return db
    .selectFrom("signing_key")
    .select(["id", "private_jwk as privateJwk", "created_at as createdAt"])
    .orderBy("created_at", "desc")
    .orderBy("id")
    .execute();
}

export async function insertSigningKey(db: Queries, key: SigningKey): Promise<void> {
  await db
    .insertInto("signing_key")
    .values({ id: key.id, private_jwk: key.privateJwk, created_at: key.createdAt })
    .execute();
}

export async function deleteSigningKeys(db: Queries, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom("signing_key").where("id", "in", ids).execute();
}
