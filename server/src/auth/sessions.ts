/**
 * Sessions of the panel. A session stands for the API token that opened it: it may do what that may, and ends with it. A
 * setup link opens one session for the owner, so that nobody has to copy a token into a browser.
 */
import { randomBytes } from "node:crypto";
import { type ApiToken, findApiTokenById, getOwnerToken } from "../metadata/accounts.ts";
import { type Database, transact, transactRelaxed } from "../metadata/database.ts";
import {
  deleteSession,
  findSession,
  insertSession,
  insertSetupLink,
  renewSession,
  takeSetupLink,
} from "../metadata/sessions.ts";
import { isExpired, sha256Of } from "./tokens.ts";

const IDLE_MS = 12 * 60 * 60 * 1000;
/** How long a session is kept is written this often at most. */
const RENEWAL_MS = 5 * 60 * 1000;
const SETUP_LINK_LIFE_MS = 30 * 60 * 1000;

interface Rows {
  db: Database;
  now: () => number;
}

/** A session, with the token that it stands for. */
export interface Session {
  token: ApiToken;
  expiresAt: number;
}

/** Begins a session, and returns it with its secret, which is kept nowhere. */
export async function openSession(
  { db, now }: Rows,
  token: ApiToken,
): Promise<{ session: Session; secret: string }> {
  const secret = newSecret();
  const expiresAt = endOf(token, now());
  await transact(db, (tx) =>
    insertSession(tx, { sha256: sha256Of(secret), apiTokenId: token.id, expiresAt, now: now() }),
  );
  return { session: { token, expiresAt }, secret };
}

/** The session with this secret, if it has not ended. It lasts for as long again. */
export async function authenticateSession({ db, now }: Rows, secret: string): Promise<Session | undefined> {
  const sha256 = sha256Of(secret);
  const found = await findSession(db, sha256);
  if (found === undefined || found.expiresAt <= now()) return undefined;
  const token = await findApiTokenById(db, found.apiTokenId);
  if (token === undefined || isExpired(token, now())) return undefined;
  const renewed = endOf(token, now());
  if (renewed - found.expiresAt < RENEWAL_MS) return { token, expiresAt: found.expiresAt };
  // Where it cannot be written (a full disk), the request goes on.
  transactRelaxed(db, (tx) => renewSession(tx, sha256, renewed)).catch(() => {});
  return { token, expiresAt: renewed };
}

export async function endSession(db: Database, secret: string): Promise<void> {
  await transact(db, (tx) => deleteSession(tx, sha256Of(secret)));
}

/** Makes a code that opens one session for the owner within half an hour. Only its hash is stored. */
export async function createSetupCode({ db, now }: Rows): Promise<{ code: string; expiresAt: number }> {
  const code = newSecret();
  const expiresAt = now() + SETUP_LINK_LIFE_MS;
  await transact(db, (tx) => insertSetupLink(tx, { sha256: sha256Of(code), expiresAt }));
  return { code, expiresAt };
}

/** The owner's token, for a code that nobody has used; `undefined` for any other. */
export async function redeemSetupCode({ db, now }: Rows, code: string): Promise<ApiToken | undefined> {
  const isTaken = await transact(db, (tx) => takeSetupLink(tx, sha256Of(code), now()));
  return isTaken ? getOwnerToken(db) : undefined;
}

/** A session does not outlive its token. */
function endOf({ expiresAt = Number.POSITIVE_INFINITY }: ApiToken, now: number): number {
  return Math.min(now + IDLE_MS, expiresAt);
}

function newSecret(): string {
  return randomBytes(32).toString("base64url");
}
