import type { Queries } from "./database.ts";

/** A private JWK that signs the data plane's tokens, under the id that their header names. */
export interface SigningKey {
  id: string;
  privateJwk: string;
}

/** Newest first: the first signs, the others still verify. */
export async function listSigningKeys(db: Queries): Promise<SigningKey[]> {
  return db
    .selectFrom("signing_key")
    .select(["id", "private_jwk as privateJwk"])
    .orderBy("created_at", "desc")
    .orderBy("id")
    .execute();
}

export async function insertSigningKey(db: Queries, key: SigningKey & { now: number }): Promise<void> {
  await db
    .insertInto("signing_key")
    .values({ id: key.id, private_jwk: key.privateJwk, created_at: key.now })
    .execute();
}
