/**
 * Who may do what: API tokens and the JWTs of the data plane. What a token may be used for is decided here; what the
 * request then does is the house's business.
 */
import { createHash, randomBytes } from "node:crypto";
import { type ApiToken, findApiTokenBySha256, touchApiToken } from "../metadata/accounts.ts";
import { type Database, transactRelaxed } from "../metadata/database.ts";

const PREFIX = "bxy_";
const RANDOM_CHARACTERS = 60;
const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Last use is kept to the hour: a write an hour and token. */
const LAST_USE_RESOLUTION_MS = 60 * 60 * 1000;

/** A new API token: a prefix of our own, and 357 random bits in base 62. */
export function newApiTokenSecret(): string {
  let secret = PREFIX;
  while (secret.length < PREFIX.length + RANDOM_CHARACTERS) {
    // 248 is the largest multiple of 62 in a byte: the bytes above it would favour some characters.
    for (const byte of randomBytes(RANDOM_CHARACTERS)) {
      if (byte < 248 && secret.length < PREFIX.length + RANDOM_CHARACTERS) secret += BASE62[byte % 62];
    }
  }
  return secret;
}

/** What is stored of an API token: it has full entropy, so that a slow hash would add nothing. */
export function sha256Of(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** The token with this secret, if it is known and has not expired. Notes its use in the background. */
export async function authenticate(db: Database, secret: string, now: number): Promise<ApiToken | undefined> {
  const token = await findApiTokenBySha256(db, sha256Of(secret));
  if (token === undefined || isExpired(token, now)) return undefined;
  if (now - (token.lastUsedAt ?? 0) >= LAST_USE_RESOLUTION_MS) {
    // Where it cannot be written (a full disk), the request goes on.
    transactRelaxed(db, (tx) => touchApiToken(tx, token.id, now)).catch(() => {});
  }
  return token;
}

export function isExpired({ expiresAt }: ApiToken, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
