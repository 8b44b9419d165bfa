/**
 * Who may do what: API tokens and the JWTs of the data plane. What a token may be used for is decided here; what the
 * request then does is the house's business.
 */
import { createHmac, hash, randomBytes } from "node:crypto";
import {
  type ApiToken,
  deleteApiToken,
  deleteRefreshToken,
  findApiTokenByRefreshTokenSha256,
  findApiTokenBySha256,
  setRefreshTokenSha256,
  touchApiToken,
} from "../metadata/accounts.ts";
import { type Database, transact, transactRelaxed } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import { RegistryError } from "../model/errors.ts";
import type { Actor } from "../model/event.ts";

const PREFIX = "bxy_";
const REFRESH_PREFIX = "bxr_";
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
  return hash("sha256", secret);
}

/** The token with this secret, if it is known and has not expired. Notes its use in the background. */
export async function authenticate(db: Database, secret: string, now: number): Promise<ApiToken | undefined> {
  return noteUse(db, await findApiTokenBySha256(db, sha256Of(secret)), now);
}

/** The token that this refresh token was made for, under the same conditions. */
export async function authenticateRefreshToken(
  db: Database,
  refreshToken: string,
  now: number,
): Promise<ApiToken | undefined> {
  return noteUse(db, await findApiTokenByRefreshTokenSha256(db, sha256Of(refreshToken)), now);
}

/**
 * A token's refresh token: with it a client fetches JWTs without keeping the token itself, and opens nothing else. It
 * cannot be told apart from random without the token that it is made from, and dies with that. It is the same at every
 * login until it is ended; then it is another.
 */
export async function refreshTokenOf(db: Database, token: ApiToken, secret: string): Promise<string> {
  const { refreshTokensEnded: ended } = token;
  const label = ended === 0 ? "refresh token" : `refresh token ${ended}`;
  const refreshToken = REFRESH_PREFIX + createHmac("sha256", secret).update(label).digest("base64url");
  const sha256 = sha256Of(refreshToken);
  if (token.refreshTokenSha256 !== sha256) {
    await transact(db, (tx) => setRefreshTokenSha256(tx, token, sha256));
  }
  return refreshToken;
}

function noteUse(db: Database, token: ApiToken | undefined, now: number): ApiToken | undefined {
  if (token === undefined || isExpired(token, now)) return undefined;
  if (now - (token.lastUsedAt ?? 0) >= LAST_USE_RESOLUTION_MS) {
    // Where it cannot be written (a full disk), the request goes on.
    transactRelaxed(db, (tx) => touchApiToken(tx, token.id, now)).catch(() => {});
  }
  return token;
}

/**
 * Ends the token, or the refresh token, with this secret, if there is one: whoever has it may.
 * @throws {RegistryError} DENIED
 */
export async function revoke(backend: { db: Database; now: () => number }, secret: string): Promise<void> {
  const { db } = backend;
  const sha256 = sha256Of(secret);
  const token = await findApiTokenBySha256(db, sha256);
  if (token !== undefined) return endApiToken(backend, token, token.name);
  if ((await findApiTokenByRefreshTokenSha256(db, sha256)) === undefined) return;
  await transact(db, (tx) => deleteRefreshToken(tx, sha256));
}

/**
 * Ends a token, and all that it gave. The owner's stays, since nobody could then get in.
 * @throws {RegistryError} DENIED
 */
export async function endApiToken(
  { db, now }: { db: Database; now: () => number },
  { id, accountId, kind, name }: ApiToken,
  actor: Actor,
): Promise<void> {
  if (kind === "owner") {
    throw new RegistryError("DENIED", "the owner's token ends when another is set as BOXYARD_OWNER_TOKEN");
  }
  await transact(db, async (tx) => {
    await deleteApiToken(tx, id);
    const event = { kind: "token_revoke", details: { name } } as const;
    await insertEvents(tx, { accountId, registryId: undefined, actor }, [event], now());
  });
}

export function isExpired({ expiresAt }: ApiToken, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
